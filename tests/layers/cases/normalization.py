"""Normalizations."""

CASES = [
    ("batch_norm", "layers.BatchNormalization()", ["4,3"], {}),
    ("batch_norm_training", "layers.BatchNormalization(momentum=0.9)", ["4,3"], {"training": True}),
    ("batch_norm_axis", "layers.BatchNormalization(axis=1, epsilon=0.01, scale=False)", ["4,3,2"], {"training": True}),
    ("batch_norm_f16", "layers.BatchNormalization(dtype='mixed_float16')", ["4,3"], {"training": True}),
    ("layer_norm", "layers.LayerNormalization()", ["4,3"], {}),
    ("layer_norm_axes", "layers.LayerNormalization(axis=(1, 2), center=False)", ["4,3,2"], {}),
]  # fmt: skip

MORE = []
