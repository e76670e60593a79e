"""Activations as layers."""

from tests.layers.cases.example import example

CASES = [
    ("activation", "layers.Activation('tanh')", ["2,4"], {}),
    ("activation_function", "layers.Activation(keras.activations.gelu)", ["2,4"], {}),
    ("activation_none", "layers.Activation(None)", ["2,4,3"], {}),
    ("activation_f16", "layers.Activation('selu', dtype='float16')", ["2,4"], {}),
    ("relu", "layers.ReLU(max_value=1.0, negative_slope=0.1, threshold=0.2)", ["2,4"], {}),
    ("relu_default", "layers.ReLU()", ["2,4"], {}),
    ("relu_threshold", "layers.ReLU(None, 0.5, 0.3)", ["2,4,3"], {}),
    ("relu_max", "layers.ReLU(0.5)", ["2,4,3"], {}),
    ("relu_f16", "layers.ReLU(6, dtype='float16')", ["2,4"], {}),
    ("leaky_relu", "layers.LeakyReLU(0.2)", ["2,4"], {}),
    ("leaky_relu_default", "layers.LeakyReLU()", ["2,4"], {}),
    ("leaky_relu_zero", "layers.LeakyReLU(negative_slope=0)", ["2,4,3"], {}),
    ("leaky_relu_f16", "layers.LeakyReLU(dtype='mixed_float16')", ["2,4"], {}),
    ("elu", "layers.ELU()", ["2,4"], {}),
    ("elu_alpha", "layers.ELU(alpha=0.3)", ["2,4,3"], {}),
    ("elu_negative", "layers.ELU(-2)", ["2,4"], {}),
    ("elu_f16", "layers.ELU(dtype='float16')", ["2,4"], {}),
    ("prelu", "layers.PReLU()", ["2,4"], {}),
    ("prelu_settings", "layers.PReLU('ones', alpha_regularizer='l2', alpha_constraint='non_neg')", ["2,4"], {}),
    ("prelu_shared", "layers.PReLU(shared_axes=[1, 2])", ["2,2,3,4"], {}),
    ("prelu_shared_one", "layers.PReLU(alpha_initializer='uniform', shared_axes=1)", ["2,3,4"], {}),
    ("prelu_shared_negative", "layers.PReLU(shared_axes=(-1,))", ["2,3,4"], {}),
    ("prelu_f16", "layers.PReLU(dtype='mixed_bfloat16')", ["2,4"], {}),
    ("softmax", "layers.Softmax(axis=1)", ["2,4,3"], {}),
    ("softmax_default", "layers.Softmax()", ["2,4,3"], {}),
    ("softmax_axes", "layers.Softmax(axis=(1, 2))", ["2,4,3"], {}),
    ("softmax_all", "layers.Softmax(axis=None)", ["2,4"], {}),
    ("softmax_mask", "layers.Softmax()", ["2,4,3"], {"mask": example("2,4,3:bool")}),
    ("softmax_mask_broadcast", "layers.Softmax(axis=(1, 2))", ["2,4,3"], {"mask": example("2,4,1:bool")}),
    ("softmax_mask_all", "layers.Softmax()", ["2,4"], {"mask": example("2,4:bool") & False}),
    ("softmax_f16", "layers.Softmax(dtype='float16')", ["2,4"], {"mask": example("2,4:bool")}),
]  # fmt: skip

MORE = []
