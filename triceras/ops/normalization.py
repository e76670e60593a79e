"""Normalisation: tensors with mean 0, variance 1 or norm 1 over axes."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.core import config, registry
from triceras.distribution import replicas
from triceras.ops.op import composite
from triceras.ops.rules import Rule, all_axes, float_, normalize_axes, one_axis, reduced


def _wide(x: Any) -> Any:
    """A tensor in at least 32 bits."""
    return ops.cast(x, "float32") if ops.dtype(x) in ("float16", "bfloat16") else x


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
    name, wide = ops.dtype(x), _wide(x)
    mean = ops.mean(wide, axis=axes, keepdims=True)
    variance = ops.mean(ops.square(ops.subtract(wide, mean)), axis=axes, keepdims=keepdims)
    mean = mean if keepdims else ops.squeeze(mean, axis=axes)
    if synchronized:
        mean, variance = replicas.moments(mean, variance, registry.current())
    return ops.cast(mean, name), ops.cast(variance, name)


def _along_channels(vector: Any, ndim: int, axis: int) -> Any:
    """A vector as a tensor that broadcasts along one axis."""
    return ops.reshape(vector, [-1 if i == axis else 1 for i in range(ndim)])


@composite(Rule(lambda x, **rest: x.shape, float_, ("x", "mean", "variance", "offset?", "scale?"), one_axis))
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
    name, wide = ops.dtype(x), _wide(x)
    if kwargs.get("rms_scaling"):
        factor = ops.rsqrt(ops.add(ops.var(wide, axis=axis, keepdims=True), epsilon))
        result = ops.multiply(wide, factor)
        return ops.cast(result if gamma is None else ops.multiply(result, _affine(x, gamma, axis)), name)
    mean, variance = moments(wide, axis, keepdims=True)
    result = ops.multiply(ops.subtract(wide, mean), ops.rsqrt(ops.add(variance, epsilon)))
    result = result if gamma is None else ops.multiply(result, _affine(x, gamma, axis))
    return ops.cast(result if beta is None else ops.add(result, _affine(x, beta, axis)), name)


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
    name, wide = ops.dtype(x), _wide(x)
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
        least = max(epsilon**2, 1e-7 if ops.dtype(x) == "float16" else 1e-37)
        return ops.multiply(x, ops.rsqrt(ops.maximum(squares, least)))
    size = ops.norm(x, ord=order, axis=axis, keepdims=True)
    return ops.divide(x, ops.maximum(size, epsilon))
