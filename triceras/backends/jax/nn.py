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


def one_hot(x: jax.Array, num_classes: int, axis: int, dtype: str, sparse: bool = False) -> Any:
    if sparse:
        return OPS["one_hot"].body(x, num_classes, axis, dtype, sparse)
    return jax.nn.one_hot(x, num_classes, dtype=dtype, axis=axis)


# --- normalisation: the bodies in `ops/normalization.py`, each compiled to one call -----------------------------------


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
    half = query.dtype == jnp.float16 and jax.default_backend() == "cpu"  # the products that JAX asks for aren't there
    if half or soft_cap is not None or value.shape != key.shape or query.shape[0] != key.shape[0]:
        body = OPS["dot_product_attention"].body
        return body(query, key, value, bias, mask, attn_logits_soft_cap=soft_cap, **options)
    bias, mask = (None if x is None else lax.expand_dims(x, range(4 - x.ndim)) for x in (bias, mask))
    implementation = "cudnn" if flash else None
    return jax.nn.dot_product_attention(query, key, value, bias, mask, implementation=implementation, **options)


# --- recurrence -------------------------------------------------------------------------------------------------------
# On a CPU a scan is fastest that projects each step's input in the loop, where everything stays in the cache, and whose
# gates have a gradient of their own: over the same scan without, a training step takes 0.8 of the time.


@jax.jit  # else each eager call compiles its loop anew
def lstm(inputs: jax.Array, h: jax.Array, c: jax.Array, kernel: jax.Array, recurrent_kernel: jax.Array, bias: Any):
    if jax.default_backend() == "gpu" and inputs.dtype == jnp.float32:
        return _cudnn_lstm(inputs, h, c, kernel, recurrent_kernel, bias)

    def step(states: Any, x: jax.Array) -> Any:
        projected = x @ kernel + states[0] @ recurrent_kernel
        h, c = _lstm_gates(projected if bias is None else projected + bias, states[1])
        return (h, c), h

    (h, c), outputs = lax.scan(step, (h, c), inputs.swapaxes(0, 1))
    return outputs.swapaxes(0, 1), h, c


@jax.jit
def gru(inputs: jax.Array, h: jax.Array, kernel: jax.Array, recurrent_kernel: jax.Array, bias: Any) -> Any:
    def step(h: jax.Array, x: jax.Array) -> Any:
        projected, recurrent = x @ kernel, h @ recurrent_kernel
        if bias is not None:
            projected, recurrent = projected + bias[0], recurrent + bias[1]
        h = _gru_gates(projected, recurrent, h)
        return h, h

    h, outputs = lax.scan(step, h, inputs.swapaxes(0, 1))
    return outputs.swapaxes(0, 1), h


def _sigmoid(x: jax.Array) -> jax.Array:
    return 0.5 * jnp.tanh(0.5 * x) + 0.5  # faster than by `exp`, and as good where gates are multiplied


# The derivatives are written so that the factors, not the gates, are what a scan keeps for the way back.


@jax.custom_jvp
def _lstm_gates(projected: jax.Array, c: jax.Array) -> tuple[jax.Array, jax.Array]:
    i, f, g, o = jnp.split(projected, 4, -1)
    c = _sigmoid(f) * c + _sigmoid(i) * jnp.tanh(g)
    return _sigmoid(o) * jnp.tanh(c), c


@_lstm_gates.defjvp
def _lstm_derivative(primals: tuple, tangents: tuple) -> tuple[tuple, tuple]:
    (projected, c), (change, dc) = primals, tangents
    i, f, g, o = jnp.split(projected, 4, -1)
    i, f, g, o = _sigmoid(i), _sigmoid(f), jnp.tanh(g), _sigmoid(o)
    new = f * c + i * g
    out = jnp.tanh(new)
    factors = g * i * (1 - i), c * f * (1 - f), i * (1 - g * g), out * o * (1 - o)
    di, df, dg, do = jnp.split(jnp.concatenate(factors, -1) * change, 4, -1)
    dc = f * dc + di + df + dg
    return (o * out, new), (o * (1 - out * out) * dc + do, dc)


@jax.custom_jvp
def _gru_gates(projected: jax.Array, recurrent: jax.Array, h: jax.Array) -> jax.Array:
    (xz, xr, xg), (hz, hr, hg) = jnp.split(projected, 3, -1), jnp.split(recurrent, 3, -1)
    z = _sigmoid(xz + hz)
    return z * h + (1 - z) * jnp.tanh(xg + _sigmoid(xr + hr) * hg)


@_gru_gates.defjvp
def _gru_derivative(primals: tuple, tangents: tuple) -> tuple[jax.Array, jax.Array]:
    (projected, recurrent, h), (dx, dr, dh) = primals, tangents
    (xz, xr, xg), (hz, hr, hg) = jnp.split(projected, 3, -1), jnp.split(recurrent, 3, -1)
    z, r = _sigmoid(xz + hz), _sigmoid(xr + hr)
    g = jnp.tanh(xg + r * hg)
    update, candidate = (h - g) * z * (1 - z), (1 - z) * (1 - g * g)
    reset = candidate * hg * r * (1 - r)
    dx, dr = (
        jnp.concatenate([update, reset, candidate], -1) * dx,
        jnp.concatenate([update, reset, candidate * r], -1) * dr,
    )
    return z * h + (1 - z) * g, z * dh + sum(jnp.split(dx + dr, 3, -1))


def _cudnn_lstm(
    inputs: jax.Array, h: jax.Array, c: jax.Array, kernel: jax.Array, recurrent_kernel: jax.Array, bias: Any
):
    """cuDNN's, whose weights are one array: kernels with units first, then two biases; its gates stand as ours do."""
    from jax.experimental import rnn

    (batch, time, features), units = inputs.shape, h.shape[-1]
    none = jnp.zeros(4 * units, inputs.dtype)
    weights = [kernel.T.ravel(), recurrent_kernel.T.ravel(), none if bias is None else bias, none]
    outputs, h, c = rnn.lstm(
        inputs,
        h[None],
        c[None],
        jnp.concatenate(weights),
        jnp.full(batch, time, jnp.int32),
        input_size=features,
        hidden_size=units,
        num_layers=1,
        dropout=0.0,
        bidirectional=False,
    )
    return outputs, h[0], c[0]
