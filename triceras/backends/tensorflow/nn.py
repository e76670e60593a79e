"""Operations of neural networks. The CPU has kernels for channels last only, so channels first is transposed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

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


def one_hot(x: tf.Tensor, num_classes: int, axis: int, dtype: str, sparse: bool = False) -> tf.Tensor:
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
