"""Convolutions."""

CASES = [
    ("conv1d", "layers.Conv1D(3, 2)", ["2,6,4"], {}),
    ("conv1d_causal", "layers.Conv1D(3, 3, padding='causal', dilation_rate=2)", ["2,7,4"], {}),
    ("conv1d_same_strided", "layers.Conv1D(4, 3, strides=2, padding='same', groups=2)", ["2,7,4"], {}),
    ("conv2d", "layers.Conv2D(3, 3)", ["2,6,5,2"], {}),
    ("conv2d_same", "layers.Conv2D(3, (3, 2), strides=(2, 1), padding='same', activation='relu')", ["2,6,5,2"], {}),
    ("conv2d_dilated", "layers.Conv2D(4, 2, dilation_rate=2, use_bias=False, groups=2)", ["2,6,5,2"], {}),
]  # fmt: skip

MORE = [
    ("conv3d", "layers.Conv3D(2, 2)", ["2,3,3,2,2"], {}),
]  # fmt: skip
