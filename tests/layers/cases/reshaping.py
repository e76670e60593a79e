"""Flatten to UpSampling: layers that move numbers around."""

CASES = [
    ("flatten", "layers.Flatten()", ["2,3,4"], {}),
    ("flatten_first", "layers.Flatten(data_format='channels_first')", ["2,3,4,2"], {}),
    ("flatten_1d", "layers.Flatten()", ["3"], {}),
    ("reshape", "layers.Reshape((2, -1))", ["2,3,4"], {}),
    ("permute", "layers.Permute((2, 1))", ["2,3,4"], {}),
    ("repeat", "layers.RepeatVector(3)", ["2,4"], {}),
]  # fmt: skip

MORE = []
