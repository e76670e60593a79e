"""Activations as layers."""

CASES = [
    ("activation", "layers.Activation('tanh')", ["2,4"], {}),
    ("relu", "layers.ReLU(max_value=1.0, negative_slope=0.1, threshold=0.2)", ["2,4"], {}),
    ("leaky_relu", "layers.LeakyReLU(0.2)", ["2,4"], {}),
    ("softmax", "layers.Softmax(axis=1)", ["2,4,3"], {}),
]  # fmt: skip

MORE = []
