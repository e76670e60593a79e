"""Operations of neural networks."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from triceras.backends.jax.tensor import compiled
from triceras.core import config
from triceras.ops import windows
from triceras.ops.op import OPS

# --- activations: XLA's own, and `relu` has the gradient 0 at 0 -------------------------------------------------------

relu, selu, sigmoid, silu = map(compiled, (jax.nn.relu, jax.nn.selu, jax.nn.sigmoid, jax.nn.silu))
softplus, softsign, log_sigmoid, mish = map(
    compiled, (jax.nn.softplus, jax.nn.soft_sign, jax.nn.log_sigmoid, jax.nn.mish)
)
hard_sigmoid, hard_silu, hard_tanh = map(compiled, (jax.nn.hard_sigmoid, jax.nn.hard_silu, jax.nn.hard_tanh))
sparse_plus, sparse_sigmoid = map(compiled, (jax.nn.sparse_plus, jax.nn.sparse_sigmoid))
leaky_relu, squareplus = compiled(jax.nn.leaky_relu, "negative_slope"), compiled(jax.nn.squareplus, "b")
elu, celu, gelu = compiled(jax.nn.elu, "alpha"), compiled(jax.nn.celu, "alpha"), compiled(jax.nn.gelu, "approximate")
glu, softmax, log_softmax = (compiled(f, "axis") for f in (jax.nn.glu, jax.nn.softmax, jax.nn.log_softmax))


def one_hot(x: jax.Array, num_classes: int, axis: int, dtype: str, sparse: bool = False) -> jax.Array:
    return jax.nn.one_hot(x, num_classes, dtype=dtype, axis=axis)


# --- normalisation: the bodies in `ops/nn.py`, each compiled to one call ----------------------------------------------


def _body(name: str) -> Any:
    def run(*tensors: Any, **options: Any) -> jax.Array:
        return OPS[name].body(*tensors, **options)

    return compiled(run, "axis", "epsilon", "rms_scaling")


_batch, _layer, _rms = map(_body, ("batch_normalization", "layer_normalization", "rms_normalization"))


def batch_normalization(
    x: jax.Array, mean: Any, variance: Any, axis: int, offset: Any, scale: Any, epsilon: float
) -> jax.Array:
    return _batch(x, mean, variance, offset=offset, scale=scale, axis=axis, epsilon=epsilon)


def layer_normalization(x: jax.Array, gamma: Any, beta: Any, axis: tuple, epsilon: Any, **options: Any) -> jax.Array:
    return _layer(x, gamma, beta, axis=axis, epsilon=config.epsilon() if epsilon is None else epsilon, **options)


def rms_normalization(x: jax.Array, scale: Any, axis: tuple, epsilon: Any) -> jax.Array:
    return _rms(x, scale, axis=axis, epsilon=config.epsilon() if epsilon is None else epsilon)


# --- convolution and pooling ------------------------------------------------------------------------------------------


def _layout(rank: int, data_format: str, kernel: str) -> tuple[str, str, str]:
    space = "DHW"[3 - rank :]
    images = f"N{space}C" if data_format == "channels_last" else f"NC{space}"
    return images, space + kernel, images


def conv(
    inputs: jax.Array, kernel: jax.Array, strides: tuple, padding: str, data_format: str, dilation_rate: tuple
) -> jax.Array:
    return lax.conv_general_dilated(
        inputs,
        kernel,
        strides,
        padding.upper(),
        rhs_dilation=dilation_rate,
        dimension_numbers=_layout(len(strides), data_format, "IO"),
        feature_group_count=windows.channels_of(inputs, data_format) // kernel.shape[-2],
    )


def conv_transpose(
    inputs: jax.Array,
    kernel: jax.Array,
    strides: tuple,
    padding: str,
    output_padding: tuple,
    data_format: str,
    dilation_rate: tuple,
) -> jax.Array:
    sizes, pads = windows.spatial(inputs.shape, data_format), []
    for n, k, s, extra, d in zip(sizes, kernel.shape, strides, output_padding, dilation_rate, strict=False):
        size, cut = windows.transposed(n, k, s, padding, extra, d)
        reach = (k - 1) * d
        pads.append((reach - cut, size - (n - 1) * s - 1 + cut))
    rank = len(strides)
    return lax.conv_general_dilated(
        inputs,
        jnp.flip(kernel, range(rank)),
        (1,) * rank,
        pads,
        lhs_dilation=strides,
        rhs_dilation=dilation_rate,
        dimension_numbers=_layout(rank, data_format, "OI"),
    )


def _pool(inputs: jax.Array, start: Any, combine: Any, window: tuple, strides: tuple, padding: str, data_format: str):
    sizes = [windows.images(1, v, 1, data_format) for v in (window, strides)]
    return lax.reduce_window(inputs, start, combine, *sizes, padding.upper())


def max_pool(inputs: jax.Array, pool_size: tuple, strides: tuple, padding: str, data_format: str) -> jax.Array:
    lowest = -math.inf if jnp.issubdtype(inputs.dtype, jnp.floating) else jnp.iinfo(inputs.dtype).min
    return _pool(inputs, inputs.dtype.type(lowest), lax.max, pool_size, strides, padding, data_format)


def average_pool(inputs: jax.Array, pool_size: tuple, strides: tuple, padding: str, data_format: str) -> jax.Array:
    zero = inputs.dtype.type(0)
    total = _pool(inputs, zero, lax.add, pool_size, strides, padding, data_format)
    if padding == "valid":
        return total / math.prod(pool_size)
    ones = jnp.ones(windows.images(1, windows.spatial(inputs.shape, data_format), 1, data_format), inputs.dtype)
    return total / _pool(ones, zero, lax.add, pool_size, strides, padding, data_format)


# --- attention --------------------------------------------------------------------------------------------------------


def dot_product_attention(
    query: jax.Array, key: jax.Array, value: jax.Array, bias: Any = None, mask: Any = None, **options: Any
) -> jax.Array:
    soft_cap, flash = options.pop("attn_logits_soft_cap"), options.pop("flash_attention")
    if soft_cap is not None or value.shape != key.shape or query.shape[0] != key.shape[0]:
        body = OPS["dot_product_attention"].body
        return body(query, key, value, bias, mask, attn_logits_soft_cap=soft_cap, **options)
    bias, mask = (None if x is None else lax.expand_dims(x, range(4 - x.ndim)) for x in (bias, mask))
    implementation = "cudnn" if flash else None
    return jax.nn.dot_product_attention(query, key, value, bias, mask, implementation=implementation, **options)
