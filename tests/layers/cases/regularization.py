"""Dropouts, noises, activity regularization."""

CASES = [
    ("dropout_off", "layers.Dropout(0.5)", ["2,4"], {}),
    ("dropout_zero", "layers.Dropout(0.0)", ["2,4"], {"training": True}),
    ("activity", "layers.ActivityRegularization(l1=0.1, l2=0.2)", ["2,3"], {}),
    ("spatial_dropout", "layers.SpatialDropout1D(0.5)", ["2,3,4"], {}),
    ("noise", "layers.GaussianNoise(0.5)", ["2,3"], {}),
]  # fmt: skip

MORE = [
    ("spatial_dropout2d", "layers.SpatialDropout2D(0.5)", ["2,3,3,4"], {}),
]  # fmt: skip
