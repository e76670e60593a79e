"""Layers in several configurations, as expressions that mean the same here and in Keras.

Each case: a name, an expression, the inputs' shapes (a dtype after a colon), and what else the call gets.
"""

import numpy as np

CASES = [
    ("dense", "layers.Dense(3)", ["2,4"], {}),
    ("dense_relu_3d", "layers.Dense(3, activation='relu', use_bias=False)", ["2,5,4"], {}),
    ("dense_softmax", "layers.Dense(6, activation='softmax', kernel_initializer='he_normal')", ["2,4"], {}),
    ("dense_f16", "layers.Dense(3, dtype='float16')", ["2,4"], {}),
    ("dense_mixed", "layers.Dense(3, dtype='mixed_bfloat16')", ["2,4"], {}),
    ("activation", "layers.Activation('tanh')", ["2,4"], {}),
    ("relu", "layers.ReLU(max_value=1.0, negative_slope=0.1, threshold=0.2)", ["2,4"], {}),
    ("leaky_relu", "layers.LeakyReLU(0.2)", ["2,4"], {}),
    ("softmax", "layers.Softmax(axis=1)", ["2,4,3"], {}),
    ("dropout_off", "layers.Dropout(0.5)", ["2,4"], {}),
    ("dropout_zero", "layers.Dropout(0.0)", ["2,4"], {"training": True}),
    ("flatten", "layers.Flatten()", ["2,3,4"], {}),
    ("flatten_first", "layers.Flatten(data_format='channels_first')", ["2,3,4,2"], {}),
    ("flatten_1d", "layers.Flatten()", ["3"], {}),
    ("reshape", "layers.Reshape((2, -1))", ["2,3,4"], {}),
    ("permute", "layers.Permute((2, 1))", ["2,3,4"], {}),
    ("repeat", "layers.RepeatVector(3)", ["2,4"], {}),
    ("embedding", "layers.Embedding(7, 3)", ["2,4:int32"], {}),
    ("embedding_mask", "layers.Embedding(7, 3, mask_zero=True)", ["2,4:int32"], {}),
    ("masking", "layers.Masking(0.0)", ["2,3,4"], {}),
    ("conv1d", "layers.Conv1D(3, 2)", ["2,6,4"], {}),
    ("conv1d_causal", "layers.Conv1D(3, 3, padding='causal', dilation_rate=2)", ["2,7,4"], {}),
    ("conv1d_same_strided", "layers.Conv1D(4, 3, strides=2, padding='same', groups=2)", ["2,7,4"], {}),
    ("conv2d", "layers.Conv2D(3, 3)", ["2,6,5,2"], {}),
    ("conv2d_same", "layers.Conv2D(3, (3, 2), strides=(2, 1), padding='same', activation='relu')", ["2,6,5,2"], {}),
    ("conv2d_dilated", "layers.Conv2D(4, 2, dilation_rate=2, use_bias=False, groups=2)", ["2,6,5,2"], {}),
    ("max_pool1d", "layers.MaxPooling1D(2)", ["2,7,3"], {}),
    ("max_pool2d", "layers.MaxPooling2D()", ["2,6,6,3"], {}),
    ("max_pool2d_same", "layers.MaxPooling2D(3, strides=2, padding='same')", ["2,6,5,3"], {}),
    ("avg_pool1d", "layers.AveragePooling1D(3, strides=1, padding='same')", ["2,7,3"], {}),
    ("avg_pool2d", "layers.AveragePooling2D((2, 3))", ["2,6,6,3"], {}),
    ("avg_pool2d_same", "layers.AveragePooling2D(3, strides=2, padding='same')", ["2,5,6,3"], {}),
    ("global_avg1d", "layers.GlobalAveragePooling1D(keepdims=True)", ["2,7,3"], {}),
    ("global_avg2d", "layers.GlobalAveragePooling2D()", ["2,6,5,3"], {}),
    ("global_avg2d_first", "layers.GlobalAveragePooling2D(data_format='channels_first')", ["2,3,6,5"], {}),
    ("global_max1d", "layers.GlobalMaxPooling1D()", ["2,7,3"], {}),
    ("global_max2d", "layers.GlobalMaxPooling2D()", ["2,6,5,3"], {}),
    ("batch_norm", "layers.BatchNormalization()", ["4,3"], {}),
    ("batch_norm_training", "layers.BatchNormalization(momentum=0.9)", ["4,3"], {"training": True}),
    ("batch_norm_axis", "layers.BatchNormalization(axis=1, epsilon=0.01, scale=False)", ["4,3,2"], {"training": True}),
    ("batch_norm_f16", "layers.BatchNormalization(dtype='mixed_float16')", ["4,3"], {"training": True}),
    ("layer_norm", "layers.LayerNormalization()", ["4,3"], {}),
    ("layer_norm_axes", "layers.LayerNormalization(axis=(1, 2), center=False)", ["4,3,2"], {}),
    ("rescaling", "layers.Rescaling(0.5, offset=1.0)", ["4,3"], {}),
    ("add", "layers.Add()", [["2,3", "2,3", "2,3"]], {}),
    ("add_broadcast", "layers.Add()", [["2,4,3", "2,3"]], {}),
    ("subtract", "layers.Subtract()", [["2,3", "2,3"]], {}),
    ("multiply", "layers.Multiply()", [["2,3", "2,3"]], {}),
    ("average", "layers.Average()", [["2,3", "2,3"]], {}),
    ("maximum", "layers.Maximum()", [["2,3", "2,3"]], {}),
    ("minimum", "layers.Minimum()", [["2,3", "2,3"]], {}),
    ("concatenate", "layers.Concatenate(axis=1)", [["2,3,4", "2,1,4"]], {}),
    ("dot", "layers.Dot(axes=(1, 2), normalize=True)", [["2,3,4", "2,5,3"]], {}),
    ("einsum_dense", "layers.EinsumDense('abc,cd->abd', output_shape=(None, 4), bias_axes='d')", ["2,3,5"], {}),
    ("einsum_dots", "layers.EinsumDense('...x,xy->...y', output_shape=4, bias_axes='y')", ["2,3,5"], {}),
    ("simple_rnn", "layers.SimpleRNN(3, activation='relu')", ["2,4,5"], {}),
    ("simple_rnn_state", "layers.SimpleRNN(3, return_sequences=True, return_state=True)", ["2,4,5"], {}),
    ("lstm", "layers.LSTM(3)", ["2,4,5"], {}),
    ("lstm_all", "layers.LSTM(3, return_sequences=True, return_state=True, go_backwards=True)", ["2,4,5"], {}),
    ("lstm_unrolled", "layers.LSTM(3, unroll=True, unit_forget_bias=False)", ["2,4,5"], {}),
    ("gru", "layers.GRU(3, return_sequences=True)", ["2,4,5"], {}),
    ("gru_before", "layers.GRU(3, reset_after=False, recurrent_activation='hard_sigmoid')", ["2,4,5"], {}),
    ("gru_no_bias", "layers.GRU(3, use_bias=False, return_state=True)", ["2,4,5"], {}),
    ("rnn_cell", "layers.RNN(layers.GRUCell(3), return_sequences=True)", ["2,4,5"], {}),
    ("attention", "layers.MultiHeadAttention(2, 3)", ["2,4,6", "2,5,6"], {}),
    ("attention_causal", "layers.MultiHeadAttention(2, 3, value_dim=4, output_shape=7)", ["2,4,6", "2,4,6"],
     {"use_causal_mask": True}),
    ("attention_scores", "layers.MultiHeadAttention(2, 3, use_bias=False)", ["2,4,6", "2,5,6"],
     {"return_attention_scores": True}),
    ("attention_axes", "layers.MultiHeadAttention(2, 3, attention_axes=(1, 2))", ["2,3,2,6", "2,3,2,6"], {}),
    ("identity", "layers.Identity()", ["2,3"], {}),
    ("activity", "layers.ActivityRegularization(l1=0.1, l2=0.2)", ["2,3"], {}),
    ("spatial_dropout", "layers.SpatialDropout1D(0.5)", ["2,3,4"], {}),
    ("noise", "layers.GaussianNoise(0.5)", ["2,3"], {}),
]  # fmt: skip

# Cases for comparisons of us with ourselves alone: random numbers, functions and cells in layers, and the slower ones.
MORE = [
    ("conv3d", "layers.Conv3D(2, 2)", ["2,3,3,2,2"], {}),
    ("lambda", "layers.Lambda(ops.tanh)", ["2,4"], {}),
    ("lstm_cell", "layers.RNN(layers.LSTMCell(3))", ["2,3,4"], {}),
    ("simple_cell", "layers.RNN(layers.SimpleRNNCell(3))", ["2,3,4"], {}),
    ("spatial_dropout2d", "layers.SpatialDropout2D(0.5)", ["2,3,3,4"], {}),
]
IDS = [name for name, *_ in CASES]


def example(shape: str) -> np.ndarray:
    """An array for a text such as `"2,3:int32"`, the same every time."""
    sizes, _, dtype = shape.partition(":")
    sizes = [int(n) for n in sizes.split(",")]
    count = int(np.prod(sizes))
    if dtype.startswith("int"):
        return (np.arange(count) * 5 % 7).reshape(sizes).astype(dtype)
    return np.sin(np.arange(count) * 0.7 + 0.3).reshape(sizes).astype("float32")


def inputs_of(shapes) -> list:
    """The positional arguments of a case."""
    return [[example(s) for s in shape] if isinstance(shape, list) else example(shape) for shape in shapes]


def weight(i: int, shape) -> np.ndarray:
    """A value for the i-th weight, positive so that it will do for variances."""
    return (0.6 + 0.5 * np.sin(np.arange(int(np.prod(shape))) * (0.37 + i) + i)).reshape(shape).astype("float32") * 0.5


KERAS = """
import numpy as np
from keras import layers
def run(expression, args, kwargs):
    layer = eval(expression)
    layer(*args)
    layer.set_weights([weight(i, w.shape) for i, w in enumerate(layer.weights)])
    out = layer(*args, **kwargs)
    return {
        "outputs": [keras.ops.cast(x, "float32") for x in keras.tree.flatten(out)],
        "dtypes": [keras.backend.standardize_dtype(x.dtype) for x in keras.tree.flatten(out)],
        "weights": [[w.path.split("/", 1)[1], list(w.shape), w.dtype] for w in layer.weights],
        "after": [keras.ops.cast(w, "float32") for w in layer.weights],
        "config": json.dumps(layer.get_config(), sort_keys=True, default=str),
    }
result = {}
for name, expression, args, kwargs in cases:
    keras.utils.clear_session()
    result[name] = run(expression, args, kwargs)
"""
