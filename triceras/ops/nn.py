"""Operations of neural networks: activations, losses, normalisation, convolution, pooling, attention."""

from __future__ import annotations

import math
from typing import Any

from triceras import ops
from triceras.core import config, dtypes
from triceras.ops import windows
from triceras.ops.op import composite, primitive
from triceras.ops.rules import (
    Rule,
    all_axes,
    along,
    broadcast_shapes,
    elementwise,
    float_,
    normalize_axes,
    normalize_axis,
    reduced,
    result_type,
    same,
)

_float = elementwise(float_)

# --- activations ------------------------------------------------------------------------------------------------------


@composite(elementwise(same))
def relu(x: Any) -> Any:
    """`max(x, 0)`, element-wise.

    Example:
        >>> from triceras import ops
        >>> ops.convert_to_numpy(ops.relu([-1, 2])).tolist()
        [0, 2]
    """
    return ops.maximum(x, 0)


@composite(elementwise(same))
def relu6(x: Any) -> Any:
    """`x` limited to the range from 0 to 6, element-wise."""
    return ops.clip(x, 0, 6)


@composite(_float)
def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """`x`, and `negative_slope * x` below 0, element-wise."""
    return ops.where(ops.less(x, 0), ops.multiply(x, negative_slope), x)


@composite(_float)
def elu(x: Any, alpha: float = 1.0) -> Any:
    """`x`, and `alpha * (exp(x) - 1)` below 0, element-wise."""
    return ops.where(ops.less(x, 0), ops.multiply(ops.expm1(ops.minimum(x, 0)), alpha), x)


@composite(_float)
def selu(x: Any) -> Any:
    """The scaled `elu` that keeps mean 0 and variance 1 (Klambauer et al. 2017), element-wise."""
    return ops.multiply(elu(x, 1.6732632423543772), 1.0507009873554805)


@composite(_float)
def celu(x: Any, alpha: float = 1.0) -> Any:
    """`max(x, 0) + min(0, alpha * (exp(x / alpha) - 1))`, element-wise (Barron 2017)."""
    below = ops.multiply(ops.expm1(ops.divide(ops.minimum(x, 0), alpha)), alpha)
    return ops.add(ops.maximum(x, 0), below)


@composite(_float)
def gelu(x: Any, approximate: bool = True) -> Any:
    """`x` times the normal distribution function of `x`, element-wise (Hendrycks and Gimpel 2016).

    Args:
        x: a tensor.
        approximate: whether to use the approximation by `tanh`.
    """
    if approximate:
        inner = ops.multiply(ops.add(x, ops.multiply(ops.power(x, 3), 0.044715)), math.sqrt(2.0 / math.pi))
        return ops.multiply(ops.multiply(x, 0.5), ops.add(ops.tanh(inner), 1.0))
    return ops.multiply(ops.multiply(x, 0.5), ops.add(ops.erf(ops.multiply(x, math.sqrt(0.5))), 1.0))


@composite(_float)
def sigmoid(x: Any) -> Any:
    """The logistic function, `1 / (1 + exp(-x))`, element-wise."""
    return ops.multiply(ops.add(ops.tanh(ops.multiply(x, 0.5)), 1.0), 0.5)


@composite(_float)
def silu(x: Any) -> Any:
    """`x * sigmoid(x)`, element-wise."""
    return ops.multiply(x, sigmoid(x))


@composite
def swish(x: Any) -> Any:
    """The same as `silu`."""
    return silu(x)


@composite(_float)
def softplus(x: Any) -> Any:
    """`log(1 + exp(x))` without overflow, element-wise."""
    return ops.add(ops.maximum(x, 0), ops.log1p(ops.exp(ops.negative(ops.absolute(x)))))


@composite(_float)
def softsign(x: Any) -> Any:
    """`x / (1 + |x|)`, element-wise."""
    return ops.divide(x, ops.add(ops.absolute(x), 1.0))


@composite(_float)
def log_sigmoid(x: Any) -> Any:
    """The logarithm of `sigmoid(x)`, element-wise."""
    return ops.negative(softplus(ops.negative(x)))


@composite(_float)
def hard_sigmoid(x: Any) -> Any:
    """`relu6(x + 3) / 6`, element-wise."""
    return ops.multiply(relu6(ops.add(x, 3.0)), 1.0 / 6.0)


@composite(_float)
def hard_silu(x: Any) -> Any:
    """`x * hard_sigmoid(x)`, element-wise."""
    return ops.multiply(x, hard_sigmoid(x))


@composite
def hard_swish(x: Any) -> Any:
    """The same as `hard_silu`."""
    return hard_silu(x)


@composite(_float)
def hard_tanh(x: Any) -> Any:
    """`x` limited to the range from -1 to 1, element-wise."""
    return ops.clip(x, -1, 1)


@composite(_float)
def tanh_shrink(x: Any) -> Any:
    """`x - tanh(x)`, element-wise."""
    return ops.subtract(x, ops.tanh(x))


@composite(_float)
def soft_shrink(x: Any, threshold: float = 0.5) -> Any:
    """`x` moved towards 0 by a threshold, and 0 within it, element-wise."""
    return ops.multiply(ops.sign(x), ops.maximum(ops.subtract(ops.absolute(x), threshold), 0))


@composite(_float)
def hard_shrink(x: Any, threshold: float = 0.5) -> Any:
    """`x`, and 0 where `|x|` is at most a threshold, element-wise."""
    return ops.where(ops.greater(ops.absolute(x), threshold), x, 0)


@composite(elementwise(same))
def threshold(x: Any, threshold: float, default_value: float) -> Any:
    """`x` where it is above a threshold, a default value elsewhere."""
    return ops.where(ops.greater(x, threshold), x, default_value)


@composite(_float)
def mish(x: Any) -> Any:
    """`x * tanh(softplus(x))`, element-wise (Misra 2019)."""
    return ops.multiply(x, ops.tanh(softplus(x)))


@composite(_float)
def squareplus(x: Any, b: float = 4) -> Any:
    """`(x + sqrt(x**2 + b)) / 2`, element-wise."""
    return ops.multiply(ops.add(x, ops.sqrt(ops.add(ops.square(x), float(b)))), 0.5)


@composite(_float)
def sparse_plus(x: Any) -> Any:
    """0 up to -1, `(x + 1)**2 / 4` up to 1, `x` above, element-wise."""
    middle = ops.multiply(ops.square(ops.add(x, 1.0)), 0.25)
    return ops.where(ops.less_equal(x, -1), 0, ops.where(ops.less(x, 1), middle, x))


@composite(_float)
def sparse_sigmoid(x: Any) -> Any:
    """0 up to -1, `(x + 1) / 2` up to 1, 1 above, element-wise."""
    return ops.clip(ops.multiply(ops.add(x, 1.0), 0.5), 0, 1)


def _halved(x: Any, axis: int) -> Any:
    size = x.shape[axis]
    if size is not None and size % 2:
        raise ValueError(f"axis {axis} must have an even size; got shape {x.shape}.")
    return (*x.shape[:axis], size and size // 2, *x.shape[axis + 1 :])


def _axis(bound: dict[str, Any]) -> None:
    bound["axis"] = normalize_axis(bound["axis"], len(bound["x"].shape))


@composite(Rule(_halved, float_, ("x",), _axis))
def glu(x: Any, axis: int = -1) -> Any:
    """The first half of an axis times the sigmoid of the second half."""
    first, second = ops.split(x, 2, axis=axis)
    return ops.multiply(first, sigmoid(second))


def _axis_or_axes(bound: dict[str, Any]) -> None:
    all_axes(bound)
    if len(bound["axis"]) == 1:
        bound["axis"] = bound["axis"][0]


_over_axes = Rule(lambda x, axis: x.shape, float_, ("x",), _axis_or_axes)


@composite(_over_axes)
def softmax(x: Any, axis: Any = -1) -> Any:
    """Exponentials along an axis, scaled to add up to 1.

    Args:
        x: a tensor.
        axis: int, a tuple of ints, or None for all. Backends get an int where it is just one.

    Example:
        >>> from triceras import ops
        >>> ops.convert_to_numpy(ops.softmax([1.0, 1.0])).tolist()
        [0.5, 0.5]
    """
    largest = ops.stop_gradient(ops.max(x, axis=axis, keepdims=True))
    e = ops.exp(ops.subtract(x, largest))
    return ops.divide(e, ops.sum(e, axis=axis, keepdims=True))


@composite(_over_axes)
def log_softmax(x: Any, axis: Any = -1) -> Any:
    """The logarithm of `softmax`, without overflow; arguments as there."""
    return ops.subtract(x, ops.logsumexp(x, axis=axis, keepdims=True))


@composite(along(float_))
def sparsemax(x: Any, axis: int = -1) -> Any:
    """The point of the simplex nearest to `x` along an axis (Martins and Astudillo 2016): many are exactly 0."""
    moved = ops.moveaxis(x, axis, -1)
    ordered = ops.flip(ops.sort(moved, axis=-1), axis=-1)
    total = ops.cumsum(ordered, axis=-1)
    rank = ops.arange(1, ops.shape(moved)[-1] + 1, dtype=ops.dtype(x))
    inside = ops.greater(ops.add(ops.multiply(rank, ordered), 1.0), total)
    count = ops.sum(ops.cast(inside, "int32"), axis=-1, keepdims=True)
    at_count = ops.take_along_axis(total, ops.subtract(count, 1), axis=-1)
    tau = ops.divide(ops.subtract(at_count, 1.0), ops.cast(count, ops.dtype(x)))
    return ops.moveaxis(ops.maximum(ops.subtract(moved, tau), 0), -1, axis)


# --- codes and losses -------------------------------------------------------------------------------------------------


def _one_hot(x: Any, num_classes: int, axis: int, dtype: Any, sparse: bool) -> Any:
    sizes = list(x.shape)
    sizes.insert(axis, num_classes)
    return tuple(sizes)


def _code_axis(bound: dict[str, Any]) -> None:
    if bound["sparse"]:
        raise ValueError("argument sparse=True is not supported yet; accepted: False.")
    bound["axis"] = normalize_axis(bound["axis"], len(bound["x"].shape) + 1)


_codes = Rule(_one_hot, lambda d: (("int64" if d == "int64" else "int32",), None), ("x",), _code_axis)


@composite(_codes)
def one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False) -> Any:
    """A vector with a single 1 for each integer; all zeros where it is out of range.

    Args:
        x: integers.
        num_classes: the vectors' size.
        axis: where their axis goes.
        dtype: standard name, default `floatx`.
        sparse: not supported yet.

    Example:
        >>> from triceras import ops
        >>> ops.convert_to_numpy(ops.one_hot([1, 0], 3)).tolist()
        [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
    """
    classes = ops.arange(num_classes, dtype=ops.dtype(x))
    classes = ops.reshape(classes, [num_classes if i == axis else 1 for i in range(len(x.shape) + 1)])
    return ops.cast(ops.equal(ops.expand_dims(x, axis), classes), dtype)


@composite
def multi_hot(
    inputs: Any, num_classes: int | None = None, axis: int = -1, dtype: Any = None, sparse: bool = False, **kwargs: Any
) -> Any:
    """One vector for each row of integers, with a 1 for each integer that occurs in it.

    Args:
        inputs: integers of shape `(n,)` or `(batch, n)`; those out of range are left out.
        num_classes: the vectors' size.
        axis: where their axis goes.
        dtype: standard name, default `floatx`.
        sparse: not supported yet.
        **kwargs: `num_tokens`, an old name of `num_classes`.
    """
    num_classes = kwargs.get("num_tokens", num_classes)
    if num_classes is None:
        raise ValueError("ops.multi_hot: argument num_classes must be an int; got None.")
    codes = one_hot(inputs, num_classes, axis=axis, dtype=dtype, sparse=sparse)
    ndim = len(codes.shape)
    return ops.max(codes, axis=1 if ndim > 2 and axis % ndim != 1 else 0 if ndim == 2 else 2, initial=0)


def _pair_shape(target: Any, output: Any, **rest: Any) -> Any:
    if len(target.shape) != len(output.shape):
        raise ValueError(f"target and output must have the same rank; got shapes {target.shape} and {output.shape}.")
    for a, b in zip(target.shape, output.shape, strict=True):
        if a != b and None not in (a, b):
            raise ValueError(f"target and output must have the same shape; got {target.shape} and {output.shape}.")
    return output.shape


def _pair(bound: dict[str, Any]) -> None:
    _pair_shape(**bound)


@composite(Rule(_pair_shape, float_, ("target", "output"), _pair))
def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """The cross-entropy of probabilities with binary targets, element-wise.

    Args:
        target: a tensor of numbers between 0 and 1.
        output: probabilities, or with `from_logits` their logits, of the same shape.
        from_logits: which of them.
    """
    if from_logits:
        yes, no = softplus(ops.negative(output)), softplus(output)  # the right gradient at 0 too, on each backend
        return ops.add(ops.multiply(target, yes), ops.multiply(ops.subtract(1.0, target), no))
    output = _inside(output)
    yes = ops.multiply(target, ops.log(output))
    no = ops.multiply(ops.subtract(1.0, target), ops.log(ops.subtract(1.0, output)))
    return ops.negative(ops.add(yes, no))


def _inside(probabilities: Any) -> Any:
    """Probabilities kept away from 0 and 1, so that their logarithms are finite."""
    low = max(config.epsilon(), dtypes.machine_epsilon(probabilities.dtype) / 2)
    return ops.clip(probabilities, low, 1.0 - low)


def _class_axis(bound: dict[str, Any]) -> None:
    ndim = len(bound["output"].shape)
    if not ndim:
        raise ValueError("argument output must have at least one dimension; got a scalar.")
    bound["axis"] = normalize_axis(bound["axis"], ndim)


def _without_classes(target: Any, output: Any, from_logits: bool, axis: int) -> Any:
    return reduced(output.shape, axis, False)


def _log_probabilities(output: Any, from_logits: bool, axis: int) -> Any:
    if from_logits:
        return log_softmax(output, axis=axis)
    return ops.log(_inside(ops.divide(output, ops.sum(output, axis=axis, keepdims=True))))


def _classes(bound: dict[str, Any]) -> None:
    _class_axis(bound)
    _pair_shape(**bound)


@composite(Rule(_without_classes, float_, ("target", "output"), _classes))
def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """The cross-entropy of class probabilities with one-hot targets.

    Args:
        target: a tensor with probabilities along `axis`.
        output: probabilities (scaled to add up to 1), or with `from_logits` logits, of the same shape.
        from_logits: which of them.
        axis: the classes.

    Returns:
        A tensor without that axis.
    """
    return ops.negative(ops.sum(ops.multiply(target, _log_probabilities(output, from_logits, axis)), axis=axis))


def _labels(bound: dict[str, Any]) -> None:
    _class_axis(bound)
    output, axis = tuple(bound["output"].shape), bound["axis"]
    target, expected = tuple(bound["target"].shape), reduced(output, axis, False)
    if len(target) == len(output) and target[axis] == 1:
        bound["target"], target = ops.squeeze(bound["target"], axis=axis), reduced(target, axis, False)
    pairs = zip(target, expected, strict=False)
    if len(target) != len(expected) or any(a != b and None not in (a, b) for a, b in pairs):
        raise ValueError(f"target must have output's shape without the classes, {expected}; got {target}.")


@composite(Rule(_without_classes, lambda t, o: (("int32", float_(o)[1]), float_(o)[1]), ("target", "output"), _labels))
def sparse_categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """The cross-entropy of class probabilities with integer targets.

    Args:
        target: class numbers, of the shape of `output` without `axis` (or with size 1 there).
        output: probabilities (scaled to add up to 1), or with `from_logits` logits.
        from_logits: which of them.
        axis: the classes.

    Returns:
        A tensor of the targets' shape.
    """
    logs = _log_probabilities(output, from_logits, axis)
    codes = one_hot(target, ops.shape(logs)[axis], axis=axis, dtype=ops.dtype(logs))
    return ops.negative(ops.sum(ops.multiply(codes, logs), axis=axis))


@composite(Rule(lambda x1, x2, max_val: (), float_, ("x1", "x2")))
def psnr(x1: Any, x2: Any, max_val: float) -> Any:
    """The peak signal-to-noise ratio of two images, in decibels; `max_val` is the largest possible value."""
    error = ops.mean(ops.square(ops.subtract(x1, x2)))
    return ops.subtract(20 * math.log10(max_val), ops.multiply(ops.log10(error), 10.0))


# --- normalisation ----------------------------------------------------------------------------------------------------


def _moment_axes(bound: dict[str, Any]) -> None:
    bound["axes"] = normalize_axes(bound["axes"], len(bound["x"].shape))


@composite(
    Rule(lambda x, axes, keepdims, synchronized: [reduced(x.shape, axes, keepdims)] * 2, float_, ("x",), _moment_axes)
)
def moments(x: Any, axes: Any, keepdims: bool = False, synchronized: bool = False) -> Any:
    """The mean and the variance over axes; 16-bit floats are summed in 32 bits.

    Args:
        x: a tensor.
        axes: int or tuple of ints.
        keepdims: whether the axes stay, of size 1.
        synchronized: whether to combine replicas; without an effect outside distributed training.
    """
    name = ops.dtype(x)
    wide = ops.cast(x, "float32") if name in ("float16", "bfloat16") else x
    mean = ops.mean(wide, axis=axes, keepdims=True)
    variance = ops.mean(ops.square(ops.subtract(wide, mean)), axis=axes, keepdims=keepdims)
    mean = mean if keepdims else ops.squeeze(mean, axis=axes)
    return ops.cast(mean, name), ops.cast(variance, name)


def _along_channels(vector: Any, ndim: int, axis: int) -> Any:
    """A vector as a tensor that broadcasts along one axis."""
    return ops.reshape(vector, [-1 if i == axis else 1 for i in range(ndim)])


@composite(
    Rule(
        lambda x, mean, variance, axis, **rest: x.shape,
        float_,
        ("x", "mean", "variance", "offset?", "scale?"),
        _axis,
    )
)
def batch_normalization(
    x: Any, mean: Any, variance: Any, axis: int, offset: Any = None, scale: Any = None, epsilon: float = 1e-3
) -> Any:
    """`(x - mean) / sqrt(variance + epsilon) * scale + offset` along an axis.

    Args:
        x: a tensor.
        mean, variance, offset, scale: vectors as long as the axis; the last two may be None.
        axis: which axis.
        epsilon: keeps the root from 0.
    """
    ndim = len(x.shape)
    factor = ops.rsqrt(ops.add(variance, epsilon))
    factor = factor if scale is None else ops.multiply(factor, scale)
    shift = ops.negative(ops.multiply(mean, factor))
    shift = shift if offset is None else ops.add(shift, offset)
    return ops.add(ops.multiply(x, _along_channels(factor, ndim, axis)), _along_channels(shift, ndim, axis))


def _affine(x: Any, weight: Any, axes: tuple[int, ...]) -> Any:
    """A weight over some axes, ready to broadcast against `x`."""
    if len(weight.shape) == len(x.shape):
        return weight
    sizes = iter(ops.shape(weight))
    return ops.reshape(weight, [next(sizes) if i in axes else 1 for i in range(len(x.shape))])


@composite(Rule(lambda x, *rest, **more: x.shape, float_, ("x", "gamma?", "beta?"), all_axes))
def layer_normalization(
    x: Any, gamma: Any = None, beta: Any = None, axis: Any = -1, epsilon: float | None = None, **kwargs: Any
) -> Any:
    """`x` with mean 0 and variance 1 over axes, times `gamma`, plus `beta` (Ba et al. 2016).

    Args:
        x: a tensor; 16-bit floats are normalised in 32 bits.
        gamma, beta: tensors over these axes, or None.
        axis: int or tuple of ints.
        epsilon: keeps the root from 0; default `config.epsilon()`.
        **kwargs: `rms_scaling`, kept for compatibility.
    """
    epsilon = config.epsilon() if epsilon is None else epsilon
    axes, name = axis, ops.dtype(x)
    wide = ops.cast(x, "float32") if name in ("float16", "bfloat16") else x
    if kwargs.get("rms_scaling"):
        factor = ops.rsqrt(ops.add(ops.var(wide, axis=axes, keepdims=True), epsilon))
        result = ops.multiply(wide, factor)
        return ops.cast(result if gamma is None else ops.multiply(result, _affine(x, gamma, axes)), name)
    mean, variance = moments(wide, axes, keepdims=True)
    result = ops.multiply(ops.subtract(wide, mean), ops.rsqrt(ops.add(variance, epsilon)))
    result = result if gamma is None else ops.multiply(result, _affine(x, gamma, axes))
    return ops.cast(result if beta is None else ops.add(result, _affine(x, beta, axes)), name)


@composite(Rule(lambda x, *rest, **more: x.shape, float_, ("x", "scale?"), all_axes))
def rms_normalization(x: Any, scale: Any = None, axis: Any = -1, epsilon: float | None = None) -> Any:
    """`x` over the root of its mean square, times `scale` (Zhang and Sennrich 2019).

    Args:
        x: a tensor.
        scale: a tensor over the axes, or None.
        axis: int or tuple of ints.
        epsilon: keeps the root from 0; default `config.epsilon()`.
    """
    epsilon = config.epsilon() if epsilon is None else epsilon
    name = ops.dtype(x)
    wide = ops.cast(x, "float32") if name in ("float16", "bfloat16") else x
    result = ops.multiply(wide, ops.rsqrt(ops.add(ops.mean(ops.square(wide), axis=axis, keepdims=True), epsilon)))
    return ops.cast(result if scale is None else ops.multiply(result, _affine(x, scale, axis)), name)


@composite(Rule(lambda x, axis, order, epsilon: x.shape, float_, ("x",), all_axes))
def normalize(x: Any, axis: Any = -1, order: float = 2, epsilon: float | None = None) -> Any:
    """`x` scaled to norm 1 along axes.

    Args:
        x: a tensor.
        axis: int or tuple of ints.
        order: the norm's order.
        epsilon: the norm counts as at least this much; default `config.epsilon()`.
    """
    epsilon = config.epsilon() if epsilon is None else epsilon
    if order == 2:  # a root of at least epsilon has a finite gradient at 0
        squares = ops.sum(ops.square(x), axis=axis, keepdims=True)
        return ops.multiply(x, ops.rsqrt(ops.maximum(squares, max(epsilon**2, _tiny(x)))))
    size = ops.norm(x, ord=order, axis=axis, keepdims=True)
    return ops.divide(x, ops.maximum(size, epsilon))


def _tiny(x: Any) -> float:
    return 1e-7 if ops.dtype(x) == "float16" else 1e-37


# --- convolution and pooling ------------------------------------------------------------------------------------------


@primitive(windows.CONV)
def conv(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """Convolution in one to three dimensions.

    Args:
        inputs: a tensor of shape `(batch, ..., channels)`, or `(batch, channels, ...)` with "channels_first".
        kernel: a tensor of shape `(..., channels / groups, filters)`; so it tells the number of groups.
        strides: int or tuple: how far the window moves.
        padding: "valid", or "same": zeros at the ends, so that the sizes are `ceil(size / stride)`.
        data_format: "channels_last" or "channels_first"; default `config.image_data_format()`.
        dilation_rate: int or tuple: how far apart the window's elements are.

    Backends get tuples, a padding in lower case and the data format.
    """


@primitive(windows.CONV_TRANSPOSE)
def conv_transpose(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    output_padding: Any = None,
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """Transposed convolution (the gradient of `conv`) in one to three dimensions.

    Args:
        inputs: a tensor of shape `(batch, ..., channels)`, or `(batch, channels, ...)` with "channels_first".
        kernel: a tensor of shape `(..., filters, channels)`.
        strides: int or tuple.
        padding: "valid" or "same".
        output_padding: None, or int or tuple: by how much the result is longer than `(size - 1) * stride + window`
            (less twice half a window under "same").
        data_format: "channels_last" or "channels_first"; default `config.image_data_format()`.
        dilation_rate: int or tuple.

    Backends get tuples (`output_padding` one of ints or None) and find sizes by `windows.transposed`.
    """


@composite(windows.DEPTHWISE)
def depthwise_conv(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """Convolution of each channel by itself.

    Args:
        inputs: as for `conv`.
        kernel: a tensor of shape `(..., channels, multiplier)`.
        strides, padding, data_format, dilation_rate: as for `conv`.

    Returns:
        A tensor with `channels * multiplier` channels.
    """
    *window, channels, multiplier = kernel.shape
    grouped = ops.reshape(kernel, (*window, 1, channels * multiplier))
    return conv(inputs, grouped, strides, padding, data_format, dilation_rate)


@composite(windows.SEPARABLE)
def separable_conv(
    inputs: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """`depthwise_conv`, then a `conv` with a window of 1 that mixes the channels.

    Args:
        inputs: as for `conv`.
        depthwise_kernel: a tensor of shape `(..., channels, multiplier)`.
        pointwise_kernel: a tensor of shape `(1, ..., channels * multiplier, filters)`.
        strides, padding, data_format, dilation_rate: as for `conv`.
    """
    x = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(x, pointwise_kernel, 1, "valid", data_format)


@primitive(windows.MAX_POOL)
def max_pool(
    inputs: Any, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: str | None = None
) -> Any:
    """The largest element of each window.

    Args:
        inputs: as for `conv`.
        pool_size: int or tuple: the window.
        strides: int or tuple, default `pool_size`.
        padding: "valid" or "same".
        data_format: "channels_last" or "channels_first"; default `config.image_data_format()`.

    Backends get tuples, a padding in lower case and the data format.
    """


@primitive(windows.AVERAGE_POOL)
def average_pool(
    inputs: Any, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: str | None = None
) -> Any:
    """The mean of each window; under "same" of those elements that lie inside. Arguments as for `max_pool`."""


# --- attention --------------------------------------------------------------------------------------------------------


def _attention_dtypes(query: Any, key: Any, value: Any, *rest: Any) -> tuple[tuple, Any]:
    common = float_(query, key, value)[1]
    return (common, common, common, *("bool" if d == "bool" else common for d in rest)), common


def _attention(query: Any, key: Any, value: Any, **rest: Any) -> Any:
    for name, x in (("query", query), ("key", key), ("value", value)):
        if len(x.shape) != 4:
            raise ValueError(f"argument {name} must have shape (batch, length, heads, size); got shape {x.shape}.")
    heads, groups = query.shape[2], key.shape[2]
    if None not in (heads, groups) and heads % groups:
        raise ValueError(f"the {heads} heads of query must be a multiple of the {groups} heads of key and value.")
    return (*broadcast_shapes(query.shape[:1], key.shape[:1]), *query.shape[1:3], value.shape[3])


@composite(Rule(_attention, _attention_dtypes, ("query", "key", "value", "bias?", "mask?")))
def dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    mask: Any = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Any:
    """Scaled dot-product attention (Vaswani et al. 2017), also with fewer heads of keys than of queries.

    Args:
        query: a tensor of shape `(batch, T, heads, size)`.
        key: a tensor of shape `(batch, S, groups, size)`; the heads are a multiple of the groups.
        value: a tensor of shape `(batch, S, groups, value size)`.
        bias: added to the logits; broadcasts to `(batch, heads, T, S)`.
        mask: bool, where to attend; broadcasts to `(batch, heads, T, S)`.
        scale: of the logits, default `1 / sqrt(size)`.
        is_causal: whether a query attends to keys up to its own place only.
        flash_attention: whether to ask the framework for its fused kernel; None leaves it to the backend.
        attn_logits_soft_cap: logits are limited to this size by `cap * tanh(logits / cap)`.

    Returns:
        A tensor of shape `(batch, T, heads, value size)`.
    """
    heads, groups = query.shape[2], key.shape[2]
    if heads != groups:
        key, value = (ops.repeat(x, heads // groups, axis=2) for x in (key, value))
    scale = 1.0 / math.sqrt(query.shape[3]) if scale is None else scale
    logits = ops.multiply(ops.einsum("btnh,bsnh->bnts", query, key), scale)
    if attn_logits_soft_cap is not None:
        logits = ops.multiply(ops.tanh(ops.divide(logits, attn_logits_soft_cap)), attn_logits_soft_cap)
    if bias is not None:
        logits = ops.add(logits, bias)
    if is_causal:
        causal = ops.tril(ops.ones(ops.shape(logits)[-2:], dtype="bool"))
        mask = causal if mask is None else ops.logical_and(mask, causal)
    wide = ops.cast(logits, result_type(ops.dtype(logits), "float32"))
    if mask is not None:
        wide = ops.where(mask, wide, -0.7 * dtypes.largest("float32"))
    weights = ops.cast(softmax(wide, axis=-1), ops.dtype(query))
    return ops.einsum("bnts,bsnh->btnh", weights, value)
