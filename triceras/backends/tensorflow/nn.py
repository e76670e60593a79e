"""Operations of neural networks. The CPU has kernels for channels last only, so channels first is transposed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf
from tensorflow.python.ops.control_flow_util import GraphOrParentsInXlaContext

from triceras.backends.tensorflow.tensor import shape_tensor
from triceras.ops.op import OPS
from triceras.ops.windows import transposed

# --- activations ------------------------------------------------------------------------------------------------------

relu6, selu, softsign, silu, log_sigmoid = tf.nn.relu6, tf.nn.selu, tf.nn.softsign, tf.nn.silu, tf.math.log_sigmoid
sigmoid, softplus = tf.sigmoid, tf.math.softplus


def relu(x: tf.Tensor) -> tf.Tensor:
    return tf.convert_to_tensor(x) if x.dtype is tf.bool else tf.nn.relu(x)


def leaky_relu(x: tf.Tensor, negative_slope: float = 0.2) -> tf.Tensor:
    return tf.nn.leaky_relu(x, negative_slope)


def elu(x: tf.Tensor, alpha: float = 1.0) -> tf.Tensor:
    return tf.nn.elu(x) if alpha == 1 else tf.where(x < 0, alpha * tf.math.expm1(tf.minimum(x, 0)), x)


def gelu(x: tf.Tensor, approximate: bool = True) -> tf.Tensor:
    return tf.nn.gelu(x, approximate)


def softmax(x: tf.Tensor, axis: Any = -1) -> tf.Tensor:
    return _over_axes(tf.nn.softmax, x, axis)


def log_softmax(x: tf.Tensor, axis: Any = -1) -> tf.Tensor:
    return _over_axes(tf.nn.log_softmax, x, axis)


def _over_axes(native: Callable, x: tf.Tensor, axis: Any) -> tf.Tensor:
    """A function that takes one axis, over several of them as if they were one."""
    if isinstance(axis, int):
        return native(x, axis)
    order = [*(i for i in range(x.shape.rank) if i not in axis), *axis]
    moved = tf.transpose(x, order)
    kept = tf.shape(moved)[: x.shape.rank - len(axis)]
    result = tf.reshape(native(tf.reshape(moved, tf.concat([kept, [-1]], 0)), -1), tf.shape(moved))
    return tf.transpose(result, tf.math.invert_permutation(order))


# --- codes and losses -------------------------------------------------------------------------------------------------


def one_hot(x: tf.Tensor, num_classes: int, axis: int, dtype: str, sparse: bool = False) -> Any:
    if sparse:
        return OPS["one_hot"].body(x, num_classes, axis, dtype, sparse)
    if dtype == "bool":
        return tf.cast(tf.one_hot(x, num_classes, axis=axis, dtype=tf.uint8), tf.bool)
    return tf.one_hot(x, num_classes, axis=axis, dtype=dtype)


def sparse_categorical_crossentropy(
    target: tf.Tensor, output: tf.Tensor, from_logits: bool = False, axis: int = -1
) -> tf.Tensor:
    classes = output.shape[axis]
    if not from_logits or axis != output.shape.rank - 1 or classes is None:
        return OPS["sparse_categorical_crossentropy"].body(target, output, from_logits, axis)
    known = (target >= 0) & (
        target < classes
    )  # others cost nothing, as in the op's definition; TensorFlow refuses them
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.where(known, target, 0), output)
    return tf.where(known, losses, tf.zeros((), losses.dtype))


# --- convolution ------------------------------------------------------------------------------------------------------

_FORMATS = {3: "NWC", 4: "NHWC", 5: "NDHWC"}  # by rank; left to a default, the gradient in three dimensions breaks


def _channels_last(function: Callable) -> Callable:
    """A function of images for both data formats."""

    def run(inputs: tf.Tensor, *args: Any, data_format: str, **options: Any) -> tf.Tensor:
        if data_format == "channels_last":
            return function(inputs, *args, **options)
        last = inputs.shape.rank - 1
        result = function(tf.transpose(inputs, [0, *range(2, last + 1), 1]), *args, **options)
        return tf.transpose(result, [0, last, *range(1, last)])

    return run


@_channels_last
def conv(inputs: tf.Tensor, kernel: tf.Tensor, strides: tuple, padding: str, dilation_rate: tuple) -> tf.Tensor:
    groups = (inputs.shape[-1] or kernel.shape[-2]) // kernel.shape[-2]
    padding = padding.upper()
    if max(strides) > 1 and max(dilation_rate) > 1:  # TensorFlow refuses both, or silently computes something else
        kernel, dilation_rate = _dilated(kernel, dilation_rate), (1,) * len(strides)
    if groups == 1:
        return _ungrouped(inputs, kernel, strides, padding, dilation_rate)
    if kernel.shape[-2] == 1 and len(strides) < 3 and len(set(strides)) == 1:
        return _depthwise(inputs, kernel, strides, padding, dilation_rate)
    # The CPU has no kernel for the gradient of a grouped convolution.
    parts = zip(tf.split(inputs, groups, -1), tf.split(kernel, groups, -1), strict=True)
    return tf.concat([_ungrouped(x, k, strides, padding, dilation_rate) for x, k in parts], -1)


def _ungrouped(inputs: tf.Tensor, kernel: tf.Tensor, strides: tuple, padding: str, dilations: tuple) -> tf.Tensor:
    return tf.nn.convolution(inputs, kernel, strides, padding, _FORMATS[inputs.shape.rank], dilations)


def _depthwise(inputs: tf.Tensor, kernel: tf.Tensor, strides: tuple, padding: str, dilations: tuple) -> tf.Tensor:
    """Each channel by itself, in one or two dimensions; with one, images are one row high."""
    channels = inputs.shape[-1]
    kernel = tf.reshape(kernel, [*kernel.shape[:-2], channels, kernel.shape[-1] // channels])
    if len(strides) == 2:
        return tf.nn.depthwise_conv2d(inputs, kernel, [1, *strides, 1], padding, dilations=dilations)
    row, window, steps = tf.expand_dims(inputs, 1), tf.expand_dims(kernel, 0), [1, *strides * 2, 1]
    return tf.squeeze(tf.nn.depthwise_conv2d(row, window, steps, padding, dilations=(1, *dilations)), 1)


@_channels_last
def conv_transpose(
    inputs: tf.Tensor, kernel: tf.Tensor, strides: tuple, padding: str, output_padding: tuple, dilation_rate: tuple
) -> tf.Tensor:
    kernel = _dilated(kernel, dilation_rate)
    rank = len(strides)
    running = tf.shape(inputs)
    sizes = [inputs.shape[i + 1] or running[i + 1] for i in range(rank)]
    full = [(n - 1) * s + k for n, s, k in zip(sizes, strides, kernel.shape, strict=False)]
    batch, filters = inputs.shape[0] or running[0], kernel.shape[-2]
    result = tf.nn.conv_transpose(
        inputs, kernel, shape_tensor((batch, *full, filters)), strides, "VALID", _FORMATS[rank + 2]
    )
    begin, end = [], []
    for i, n in enumerate(sizes):
        size, before = transposed(n, kernel.shape[i], strides[i], padding, output_padding[i])
        begin.append(before)
        end.append(before + size)
    missing = [
        tf.maximum(e - f, 0) if isinstance(e - f, tf.Tensor) else max(e - f, 0) for e, f in zip(end, full, strict=True)
    ]
    if any(isinstance(m, tf.Tensor) or m for m in missing):
        result = tf.pad(result, [[0, 0], *([0, m] for m in missing), [0, 0]])
    parts = [slice(b, e) for b, e in zip(begin, end, strict=True)]
    return result[(slice(None), *parts)]


def _dilated(kernel: tf.Tensor, rates: tuple) -> tf.Tensor:
    """A window with zeros between its elements: the CPU has no kernel for the gradient of a dilated convolution."""
    for axis, rate in enumerate(rates):
        if rate > 1:
            spread = tf.stack([kernel, *[tf.zeros_like(kernel)] * (rate - 1)], axis + 1)
            shape = kernel.shape.as_list()
            shape[axis] *= rate
            kernel = tf.reshape(spread, shape)
            keep = [slice(None)] * axis + [slice(0, shape[axis] - rate + 1)]
            kernel = kernel[tuple(keep)]
    return kernel


# --- pooling ----------------------------------------------------------------------------------------------------------


def _pool(native: Callable) -> Callable:
    @_channels_last
    def pool(inputs: tf.Tensor, pool_size: tuple, strides: tuple, padding: str) -> tf.Tensor:
        rank = inputs.shape.rank
        # In three dimensions the CPU has kernels for these two alone.
        x = inputs if rank < 5 or inputs.dtype in (tf.float32, tf.bfloat16) else tf.cast(inputs, tf.float32)
        return tf.cast(native(x, pool_size, strides, padding.upper(), _FORMATS[rank]), inputs.dtype)

    return pool


max_pool, average_pool = _pool(tf.nn.max_pool), _pool(tf.nn.avg_pool)


# --- recurrence -------------------------------------------------------------------------------------------------------


def lstm(inputs: tf.Tensor, h: tf.Tensor, c: tf.Tensor, *weights: tf.Tensor, bias: Any = None) -> tuple:
    kernel = _recurrent_kernel(inputs, {"GPU": _cudnn_lstm, "CPU": _block_lstm})
    if kernel is None:
        return OPS["lstm"].body(inputs, h, c, *weights, bias)
    bias = tf.zeros(weights[0].shape[-1:], inputs.dtype) if bias is None else bias
    outputs, h, c = kernel(tf.transpose(inputs, (1, 0, 2)), h, c, *weights, bias)
    return tf.transpose(outputs, (1, 0, 2)), h, c


def gru(inputs: tf.Tensor, h: tf.Tensor, *weights: tf.Tensor, bias: Any = None) -> tuple:
    kernel = _recurrent_kernel(inputs, {"GPU": _cudnn_gru})
    if kernel is None:
        return OPS["gru"].body(inputs, h, *weights, bias)
    bias = tf.zeros((2, weights[0].shape[-1]), inputs.dtype) if bias is None else bias
    outputs, h = kernel(tf.transpose(inputs, (1, 0, 2)), h, *weights, bias)
    return tf.transpose(outputs, (1, 0, 2)), h


def _recurrent_kernel(x: tf.Tensor, by_device: dict[str, Callable]) -> Callable | None:
    """The kernel for the device that this program uses; XLA has none."""
    device = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    fits = x.dtype in (tf.float32, tf.float16) and x.shape[0] != 0
    in_xla = not tf.executing_eagerly() and GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())
    return by_device.get(device) if fits and not in_xla else None


def _differentiated_by(definition: str) -> Callable[[Callable], Callable]:
    """A kernel that has a gradient, but no second derivative: that is what an op's definition says."""

    def second(inputs: tuple, upstream: tuple, further: tuple) -> list[Any]:
        with tf.GradientTape() as outer:
            outer.watch((inputs, upstream))
            with tf.GradientTape() as tape:
                tape.watch(inputs)
                outputs, *states = OPS[definition].body(tf.transpose(inputs[0], (1, 0, 2)), *inputs[1:])
                outputs = tf.transpose(outputs, (1, 0, 2)), *states
            gradient = tape.gradient(outputs, inputs, upstream)
        return outer.gradient(gradient, (*inputs, *upstream), further, unconnected_gradients="zero")

    def wrap(kernel: Callable) -> Callable:
        @tf.custom_gradient
        def run(*inputs: tf.Tensor) -> tuple:
            with tf.GradientTape(persistent=True) as tape:
                tape.watch(inputs)
                outputs = kernel(*inputs)

            @tf.custom_gradient
            def gradient(*given: tf.Tensor) -> tuple:
                upstream = given[len(inputs) :]
                found = tape.gradient(outputs, inputs, upstream)
                return tuple(found), lambda *further: second(given[: len(inputs)], upstream, further)

            return outputs, lambda *upstream: gradient(*inputs, *upstream)

        return run

    return wrap


@_differentiated_by("lstm")
def _block_lstm(x: tf.Tensor, h: tf.Tensor, c: tf.Tensor, kernel: tf.Tensor, recurrent: tf.Tensor, bias: tf.Tensor):
    weights, nothing = tf.concat([kernel, recurrent], 0), tf.zeros(h.shape[-1:], x.dtype)
    i, f, g, o = tf.split(tf.concat([weights, bias[None]], 0), 4, 1)
    weights = tf.concat([i, g, f, o], 1)
    found = tf.raw_ops.BlockLSTM(
        seq_len_max=tf.shape(x, tf.int64)[0],
        x=x,
        cs_prev=c,
        h_prev=h,
        w=weights[:-1],
        wci=nothing,
        wcf=nothing,
        wco=nothing,
        b=weights[-1],
        forget_bias=0.0,
        cell_clip=-1.0,
    )
    return found.h, found.h[-1], found.cs[-1]


@_differentiated_by("lstm")
def _cudnn_lstm(x: tf.Tensor, h: tf.Tensor, c: tf.Tensor, kernel: tf.Tensor, recurrent: tf.Tensor, bias: tf.Tensor):
    return _cudnn("lstm", x, h, c, (kernel, recurrent, bias, tf.zeros_like(bias)))


@_differentiated_by("gru")
def _cudnn_gru(x: tf.Tensor, h: tf.Tensor, kernel: tf.Tensor, recurrent: tf.Tensor, bias: tf.Tensor) -> tuple:
    parts = [tf.split(w, 3, -1) for w in (kernel, recurrent, bias[0], bias[1])]
    weights = [tf.concat([reset, update, candidate], -1) for update, reset, candidate in parts]
    return _cudnn("gru", x, h, tf.zeros_like(h), weights)[:2]


def _cudnn(kind: str, x: tf.Tensor, h: tf.Tensor, c: tf.Tensor, weights: Any) -> tuple:
    """cuDNN's, whose weights are one array: kernels with units first, then two biases."""
    found = tf.raw_ops.CudnnRNNV3(
        input=x,
        input_h=h[None],
        input_c=c[None],
        params=tf.concat([tf.reshape(tf.transpose(w), [-1]) for w in weights], 0),
        sequence_lengths=tf.fill([tf.shape(x)[1]], tf.shape(x)[0]),
        rnn_mode=kind,
    )
    return found.output, found.output_h[0], found.output_c[0]
