"""NumPy references of ops that NumPy has under another signature, or not at all. Written for clearness, not speed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np


def in_floats(function: Callable) -> Callable:
    """A function that takes integers as float32."""

    def run(x: Any, **kwargs: Any) -> Any:
        x = np.asarray(x)
        return function(x.astype("float32") if x.dtype.kind in "iub" else x, **kwargs)

    return run


def in_floatx(function: Callable) -> Callable:
    """A function whose dtype is float32 by default."""
    return lambda *args, dtype=None, **kwargs: function(*args, **kwargs).astype(dtype or "float32")


def made(value: int) -> Callable:
    """Tensors of one value."""
    return lambda shape, dtype=None: np.full(shape, value, dtype or "float32")


erf = np.vectorize(math.erf, otypes=["float64"])


def erfinv(x: Any) -> Any:
    """By Newton's method."""
    y = np.zeros(np.shape(x))
    for _ in range(60):
        y = y - (erf(y) - x) * np.exp(y * y) * math.sqrt(math.pi) / 2 if y.size else y
    return y


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def gelu_tanh(x: Any) -> Any:
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def gelu(x: Any, approximate: bool = True) -> Any:
    return in_floats(gelu_tanh if approximate else lambda y: y * (1 + erf(y / math.sqrt(2))) / 2)(x)


def elu(x: Any, alpha: float = 1.0) -> Any:
    return np.where(x > 0, x, alpha * np.expm1(x))  # celu with alpha 0.5 is only sampled above 0


# --- reductions -------------------------------------------------------------------------------------------------------


def sum(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return np.sum(x, axis=axis, keepdims=keepdims)


def prod(x: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Any:
    return np.prod(x, axis=axis, keepdims=keepdims, dtype=dtype)


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    x = np.asarray(x, np.float64)
    top = np.max(x, axis=axis, keepdims=True)
    result = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return result if keepdims else np.squeeze(result, axis=axis)


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    if axis is None:
        x, axis = np.ravel(x), 0
    return np.linalg.norm(x, ord, axis, keepdims)


def cumsum(x: Any, axis: Any = None, dtype: Any = None) -> Any:
    return np.cumsum(x, axis, dtype)


def cumprod(x: Any, axis: Any = None, dtype: Any = None) -> Any:
    return np.cumprod(x, axis, dtype)


def top_k(x: Any, k: int, sorted: bool = True) -> Any:
    order = np.argsort(-x, axis=-1, kind="stable")[..., :k]
    return np.take_along_axis(x, order, axis=-1), order


def in_top_k(targets: Any, predictions: Any, k: int) -> Any:
    return np.array([np.sum(row > row[t]) < k for t, row in zip(targets, predictions, strict=True)])


def quantile(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Any:
    return np.quantile(
        np.asarray(x, np.float64), np.asarray(q, np.float64), axis=axis, method=method, keepdims=keepdims
    )


def segment(combine: Any, start: Any) -> Callable:
    """Row by row."""

    def run(data: Any, segment_ids: Any, num_segments: int) -> Any:
        floating = data.dtype.kind == "f"
        low, high = (-np.inf, np.inf) if floating else (np.iinfo(data.dtype).min, np.iinfo(data.dtype).max)
        result = np.full((num_segments, *data.shape[1:]), {"low": low, "high": high}.get(start, start), data.dtype)
        for row, i in zip(data, segment_ids, strict=True):
            if 0 <= i < num_segments:
                result[i] = combine(result[i], row)
        return result

    return run


def bincount(x: Any, weights: Any = None, minlength: int = 0) -> Any:
    length = max(minlength, x.max() + 1)
    if x.ndim == 1:
        return np.bincount(x, weights, length)
    return np.stack([np.bincount(row, None, length) for row in x])


# --- arrays -----------------------------------------------------------------------------------------------------------


def saturate(x: Any, dtype: str) -> Any:
    if np.dtype(dtype).kind == "f" or x.dtype == bool:
        return x.astype(dtype)
    limits = np.iinfo(dtype)
    top = 2147483520 if dtype == "int32" else limits.max  # the largest float32 below 2**31
    return np.clip(x, limits.min, top).astype(dtype)


def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> Any:
    start, stop = (0, start) if stop is None else (start, stop)
    return np.arange(start, stop, 1 if step is None else step, dtype=dtype)


def linspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False, axis: int = 0) -> Any:
    return np.linspace(start, stop, num, endpoint, retstep, axis=axis)


def unstack(x: Any, num: Any = None, axis: int = 0) -> Any:
    return list(np.moveaxis(x, axis, 0))


def meshgrid(*x: Any, indexing: str = "xy") -> Any:
    return np.meshgrid(*x, indexing=indexing)


def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Any:
    more = {"constant_values": constant_values or 0} if mode == "constant" else {}
    return np.pad(x, pad_width, mode, **more)


def take(x: Any, indices: Any, axis: Any = None) -> Any:
    return np.take(x, indices, axis)


def _block(x: Any, start: Any, shape: Any) -> tuple:
    return tuple(slice(s, n if d == -1 else s + d) for s, d, n in zip(start, shape, x.shape, strict=True))


def block(x: Any, start: Any, shape: Any) -> Any:
    return x[_block(x, start, shape)]


def block_update(x: Any, start: Any, updates: Any) -> Any:
    x = x.copy()
    x[_block(x, start, updates.shape)] = updates
    return x


def scatter_update(x: Any, indices: Any, updates: Any, reduction: Any = None) -> Any:
    x = x.copy()
    combine = {None: lambda a, b: b, "add": np.add, "mul": np.multiply, "max": np.maximum, "min": np.minimum}[reduction]
    for i in np.ndindex(*indices.shape[:-1]):
        x[tuple(indices[i])] = combine(x[tuple(indices[i])], updates[i])
    return x


def scatter(indices: Any, values: Any, shape: Any) -> Any:
    return scatter_update(np.zeros(shape, values.dtype), indices, values, "add")


# --- linear algebra ---------------------------------------------------------------------------------------------------


def matmul(a: Any, b: Any) -> Any:
    return np.matmul(a, b, dtype="int32") if a.dtype == b.dtype == "int8" else np.matmul(a, b)


def einsum(subscripts: str, *operands: Any) -> Any:
    return np.einsum(subscripts, *operands)


def cross(a: Any, b: Any, axis: int = -1) -> Any:
    if a.shape[axis] == 2:
        a = np.concatenate([a, np.zeros_like(a[:1])], axis)
    return np.cross(a, b, axis=axis)


def symmetric(x: Any) -> Any:
    """A well-conditioned positive definite matrix."""
    return (x @ x.T + 3 * np.eye(len(x))).astype("float32")


def cholesky(x: Any, upper: bool = False) -> Any:
    lower = np.linalg.cholesky(x)
    return np.swapaxes(lower, -1, -2) if upper else lower


def solve(a: Any, b: Any) -> Any:
    return np.linalg.solve(a, b) if b.ndim == a.ndim else np.linalg.solve(a, b[..., None])[..., 0]


def solve_triangular(a: Any, b: Any, lower: bool = False) -> Any:
    return solve(np.tril(a) if lower else np.triu(a), b)


def qr(x: Any, mode: str = "reduced") -> Any:
    return tuple(np.linalg.qr(x, mode))


def svd(x: Any, compute_uv: bool = False) -> Any:
    return np.linalg.svd(x, compute_uv=compute_uv)


def eigh(x: Any) -> Any:
    return tuple(np.linalg.eigh(x))


def lstsq(a: Any, b: Any) -> Any:
    return np.linalg.lstsq(a, b, rcond=None)[0]


# --- neural networks --------------------------------------------------------------------------------------------------


def glu(x: Any, axis: int = -1) -> Any:
    first, second = np.split(x, 2, axis)
    return first * sigmoid(second)


def softmax(x: Any, axis: Any = -1) -> Any:
    x = np.asarray(x, np.float64)
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def sparsemax(x: Any, axis: int = -1) -> Any:
    def project(v: Any) -> Any:
        ordered = np.sort(v)[::-1]
        count = max(k for k in range(1, len(v) + 1) if 1 + k * ordered[k - 1] > ordered[:k].sum())
        return np.maximum(v - (ordered[:count].sum() - 1) / count, 0)

    return np.apply_along_axis(project, axis, x)


def one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None) -> Any:
    rows = (np.asarray(x)[..., None] == np.arange(num_classes)).astype(dtype or "float32")
    return np.moveaxis(rows, -1, axis)


def multi_hot(inputs: Any, num_classes: int, dtype: Any = None) -> Any:
    return one_hot(inputs, num_classes, dtype=dtype).max(axis=-2)


def _inside(p: Any) -> Any:
    return np.clip(p, 1e-7, 1 - 1e-7)


def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    p = _inside(sigmoid(output.astype(np.float64)) if from_logits else output)
    return -(target * np.log(p) + (1 - target) * np.log(1 - p))


def _logs(output: Any, from_logits: bool, axis: int) -> Any:
    p = softmax(output, axis) if from_logits else output / output.sum(axis=axis, keepdims=True)
    return np.log(_inside(p))


def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    return -np.sum(target * _logs(output, from_logits, axis), axis=axis)


def sparse_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    if target.ndim == output.ndim:
        target = target.squeeze(axis)
    codes = one_hot(target, output.shape[axis], axis)
    return categorical_crossentropy(codes, output, from_logits, axis)


def moments(x: Any, axes: Any, keepdims: bool = False) -> Any:
    return np.mean(x, axis=axes, keepdims=keepdims), np.var(x, axis=axes, keepdims=keepdims)


def batch_normalization(x, mean, variance, axis, offset=None, scale=None, epsilon=1e-3):
    x = np.moveaxis(x, axis, -1)
    y = (x - mean) / np.sqrt(variance + epsilon) * (1 if scale is None else scale) + (0 if offset is None else offset)
    return np.moveaxis(y, -1, axis)


def _over(weight: Any, x: Any, axis: Any) -> Any:
    axes = [a % x.ndim for a in np.atleast_1d(axis)]
    return np.reshape(weight, [x.shape[i] if i in axes else 1 for i in range(x.ndim)])


def layer_normalization(x, gamma=None, beta=None, axis=-1, epsilon=1e-7):
    y = (x - x.mean(axis=axis, keepdims=True)) / np.sqrt(x.var(axis=axis, keepdims=True) + epsilon)
    y = y if gamma is None else y * _over(gamma, x, axis)
    return y if beta is None else y + _over(beta, x, axis)


def rms_normalization(x, scale=None, axis=-1, epsilon=1e-7):
    y = x / np.sqrt(np.mean(x * x, axis=axis, keepdims=True) + epsilon)
    return y if scale is None else y * _over(scale, x, axis)


def normalize(x: Any, axis: int = -1, order: float = 2) -> Any:
    return x / np.linalg.norm(x, order, axis, keepdims=True)


def _spatial(x: Any, data_format: Any) -> Any:
    return np.moveaxis(x, 1, -1) if data_format == "channels_first" else x


def _tuple(value: Any, rank: int) -> tuple:
    return value if isinstance(value, tuple) else (value,) * rank


def _windows(x: Any, window: Any, strides: Any, padding: str, dilation: Any, fill: float) -> Any:
    """For each place of a window its index and the elements, of shape (batch, *window, channels)."""
    rank, widths, counts = len(window), [(0, 0)], []
    for n, k, s, d in zip(x.shape[1:-1], window, strides, dilation, strict=True):
        reach = (k - 1) * d + 1
        counts.append(-(-n // s) if padding == "same" else (n - reach) // s + 1)
        total = max((counts[-1] - 1) * s + reach - n, 0) if padding == "same" else 0
        widths.append((total // 2, total - total // 2))
    x = np.pad(x, [*widths, (0, 0)], constant_values=fill)
    found = {}
    for place in itertools.product(*map(range, counts)):
        parts = [
            slice(p * s, p * s + (k - 1) * d + 1, d)
            for p, s, k, d in zip(place, strides, window, dilation, strict=True)
        ]
        found[place] = x[(slice(None), *parts)]
    return counts, found, rank


def conv(inputs, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    x, rank = _spatial(inputs, data_format), kernel.ndim - 2
    *window, share, filters = kernel.shape
    strides, dilation, groups = _tuple(strides, rank), _tuple(dilation_rate, rank), x.shape[-1] // share
    counts, found, _ = _windows(x, window, strides, padding, dilation, 0)
    result = np.zeros((x.shape[0], *counts, filters), x.dtype)
    for place, part in found.items():
        for f in range(filters):
            g = f // (filters // groups)
            piece = part[..., g * share : (g + 1) * share]
            result[(slice(None), *place, f)] = np.sum(piece * kernel[..., f], axis=tuple(range(1, rank + 2)))
    return np.moveaxis(result, -1, 1) if data_format == "channels_first" else result


def biased_conv(inputs, kernel, bias, data_format=None, **options):
    after = inputs.ndim - 2 if data_format == "channels_first" else 0
    return conv(inputs, kernel, data_format=data_format, **options) + np.reshape(bias, (-1, *(1,) * after))


def conv_transpose(inputs, kernel, strides=1, padding="valid", output_padding=None, data_format=None, dilation_rate=1):
    x, rank = _spatial(inputs, data_format), kernel.ndim - 2
    *window, filters, _ = kernel.shape
    strides, dilation = _tuple(strides, rank), _tuple(dilation_rate, rank)
    full = [(n - 1) * s + (k - 1) * d + 1 for n, s, k, d in zip(x.shape[1:-1], strides, window, dilation, strict=True)]
    result = np.zeros((x.shape[0], *full, filters), x.dtype)
    for place in np.ndindex(*x.shape[1:-1]):
        parts = [
            slice(p * s, p * s + (k - 1) * d + 1, d)
            for p, s, k, d in zip(place, strides, window, dilation, strict=True)
        ]
        result[(slice(None), *parts)] += np.einsum("bc,...fc->b...f", x[(slice(None), *place)], kernel)
    for axis, (n, s, k, d) in enumerate(zip(x.shape[1:-1], strides, window, dilation, strict=True), 1):
        reach = (k - 1) * d + 1
        if output_padding is None:
            size = n * s if padding == "same" else (n - 1) * s + max(reach, s)
            before = max(reach - s, 0) // 2 if padding == "same" else 0
        else:
            before = reach // 2 if padding == "same" else 0
            size = (n - 1) * s + reach - 2 * before + output_padding
        more = [(0, max(0, before + size - full[axis - 1]) if i == axis else 0) for i in range(rank + 2)]
        result = np.take(np.pad(result, more), range(before, before + size), axis)
    return np.moveaxis(result, -1, 1) if data_format == "channels_first" else result


def depthwise_conv(inputs, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    grouped = np.reshape(kernel, (*kernel.shape[:-2], 1, -1))
    return conv(inputs, grouped, strides, padding, data_format, dilation_rate)


def separable_conv(inputs, depthwise_kernel, pointwise_kernel, strides=1, padding="valid", data_format=None):
    x = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format)
    return conv(x, pointwise_kernel, data_format=data_format)


def pool(reduce: Callable, fill: float) -> Callable:
    """Pooling by a reduction; `fill` stands outside of the images."""

    def run(inputs, pool_size, strides=None, padding="valid", data_format=None):
        x = _spatial(inputs, data_format)
        window = _tuple(pool_size, x.ndim - 2)
        strides = window if strides is None else _tuple(strides, len(window))
        counts, found, rank = _windows(x, window, strides, padding, (1,) * len(window), fill)
        result = np.zeros((x.shape[0], *counts, x.shape[-1]), x.dtype)
        for place, part in found.items():
            result[(slice(None), *place)] = reduce(part, axis=tuple(range(1, rank + 1)))
        return np.moveaxis(result, -1, 1) if data_format == "channels_first" else result

    return run


def lstm(inputs, initial_h, initial_c, kernel, recurrent_kernel, bias=0.0):
    h, c, outputs = initial_h, initial_c, []
    for x in np.moveaxis(inputs, 1, 0):
        i, f, g, o = np.split(x @ kernel + h @ recurrent_kernel + bias, 4, -1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs, 1), h, c


def gru(inputs, initial_h, kernel, recurrent_kernel, bias=(0.0, 0.0)):
    h, outputs = initial_h, []
    for x in np.moveaxis(inputs, 1, 0):
        (xz, xr, xg), (hz, hr, hg) = (
            np.split(y, 3, -1) for y in (x @ kernel + bias[0], h @ recurrent_kernel + bias[1])
        )
        update = sigmoid(xz + hz)
        h = update * h + (1 - update) * np.tanh(xg + sigmoid(xr + hr) * hg)
        outputs.append(h)
    return np.stack(outputs, 1), h


def attention(query, key, value, bias=None, mask=None, scale=None, is_causal=False, attn_logits_soft_cap=None):
    times = query.shape[2] // key.shape[2]
    key, value = np.repeat(key, times, 2), np.repeat(value, times, 2)
    logits = np.einsum("btnh,bsnh->bnts", query, key) * (scale or 1 / math.sqrt(query.shape[-1]))
    if attn_logits_soft_cap is not None:
        logits = attn_logits_soft_cap * np.tanh(logits / attn_logits_soft_cap)
    logits = logits if bias is None else logits + bias
    allowed = np.tril(np.ones(logits.shape[-2:], bool)) if is_causal else np.ones((), bool)
    logits = np.where(allowed if mask is None else allowed & mask, logits, -1e30)
    return np.einsum("bnts,bsnh->btnh", softmax(logits), value)


def threefry(key: Any, shape: tuple) -> Any:
    """Salmon et al. 2011, one word after the other, with Python's integers."""
    words = []
    for i in range(math.prod(shape)):
        k = [int(key[0]), int(key[1])]
        k.append(k[0] ^ k[1] ^ 0x1BD11BDA)
        x, y = (i >> 32) + k[0], (i + k[1]) % 2**32
        for r, turn in enumerate((13, 15, 26, 6, 17, 29, 16, 24) * 3):
            if r == 20:
                break
            x = (x + y) % 2**32
            y = ((y << turn | y >> (32 - turn)) % 2**32) ^ x
            if r % 4 == 3:
                x, y = (x + k[(r // 4 + 1) % 3]) % 2**32, (y + k[(r // 4 + 2) % 3] + r // 4 + 1) % 2**32
        words.append(x ^ y)
    return np.array(words, np.uint32).reshape(shape)


# --- arrangements and counts ------------------------------------------------------------------------------------------


def rearrange(x: Any, pattern: str, **sizes: int) -> Any:
    """By hand for the samples: what each pattern says in NumPy."""
    by_hand = {
        "a b c -> c (a b)": lambda: x.reshape(-1, x.shape[2]).T,
        "a (b c) -> (a b) c": lambda: x.reshape(x.shape[0] * 2, -1),
        "b (h p) (w q) c -> b (h w) (p q c)": lambda: (
            x.reshape(1, 2, 2, 2, 3, 2).transpose(0, 1, 3, 2, 4, 5).reshape(1, 4, 12)
        ),
        "... c -> c ...": lambda: x.T,
        "a b -> a 1 b": lambda: x[:, None],
        "a 1 b -> (a b)": lambda: x.reshape(-1),
        "a ... -> (a ...)": lambda: x.reshape(-1),
    }
    return by_hand[pattern]()


def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    shape = np.broadcast_shapes(*(np.shape(x) for x in (*condlist, *choicelist)))
    return np.select(*([np.broadcast_to(x, shape) for x in part] for part in (condlist, choicelist)), default)


def unravel_index(indices: Any, shape: Any) -> Any:
    return np.unravel_index(np.asarray(indices) % math.prod(shape), shape)


def unique(x: Any, sorted: bool = True, axis: Any = None, **more: Any) -> Any:
    return np.unique(x, axis=axis, equal_nan=False, **more)


# --- signals ----------------------------------------------------------------------------------------------------------


def complex_pairs(function: Callable) -> Callable:
    """A function of complex numbers as one of pairs of real ones."""

    def run(x: Any) -> Any:
        found = function(np.asarray(x[0], "float64") + 1j * np.asarray(x[1], "float64"))
        return found.real, found.imag

    return run


def real_to_pair(function: Callable) -> Callable:
    def run(x: Any, fft_length: Any = None) -> Any:
        found = function(np.asarray(x, "float64"), fft_length)
        return found.real, found.imag

    return run


def pair_to_real(function: Callable) -> Callable:
    return lambda x, fft_length=None: function(np.asarray(x[0], "float64") + 1j * np.asarray(x[1]), fft_length)


def extract_sequences(x: Any, length: int, stride: int) -> Any:
    return np.stack([x[..., i : i + length] for i in range(0, x.shape[-1] - length + 1, stride)], -2)


def _window(window: Any, length: int, fft_length: int) -> Any:
    if window is None:
        return np.ones(fft_length)
    if isinstance(window, str):
        place = np.arange(length)
        share = {"hann": 0.5, "hamming": 0.54}[window]
        window = share - (1 - share) * np.cos(2 * np.pi * place / length)
    before = (fft_length - length) // 2
    return np.pad(window, (before, fft_length - length - before))


def stft(x: Any, length: int, stride: int, fft_length: int, window: Any = "hann", center: bool = True) -> Any:
    around = ((0, 0),) * (x.ndim - 1) + ((fft_length // 2,) * 2,)
    x = np.pad(x, around, mode="reflect") if center else x
    found = np.fft.rfft(extract_sequences(x, fft_length, stride) * _window(window, length, fft_length))
    return found.real, found.imag


def istft(
    x: Any, length_: int, stride: int, fft_length: int, length: Any = None, window: Any = "hann", center: bool = True
) -> Any:
    weights = _window(window, length_, fft_length)
    frames = np.fft.irfft(x[0] + 1j * x[1], fft_length) * weights
    total = (frames.shape[-2] - 1) * stride + fft_length
    signal, norm = np.zeros((*frames.shape[:-2], total)), np.zeros(total)
    for i in range(frames.shape[-2]):
        signal[..., i * stride : i * stride + fft_length] += frames[..., i, :]
        norm[i * stride : i * stride + fft_length] += weights**2
    signal = np.where(norm == 0, 0, signal / np.where(norm == 0, 1, norm))
    start = fft_length // 2 if center else 0
    return signal[..., start : total - start if length is None else start + length]


# --- matrices ---------------------------------------------------------------------------------------------------------


def cholesky_inverse(x: Any, upper: bool = False) -> Any:
    turned = np.swapaxes(x, -1, -2)
    return np.linalg.inv(turned @ x if upper else x @ turned)


def lu_factor(x: Any) -> Any:
    """Row by row, with partial pivoting."""
    x = np.array(x, "float64")
    pivots = np.zeros(x.shape[:-1], "int32")
    for place in np.ndindex(*x.shape[:-2]):
        a = x[place]
        for i in range(len(a)):
            pivots[(*place, i)] = p = i + int(np.argmax(np.abs(a[i:, i])))
            a[[i, p]] = a[[p, i]]
            a[i + 1 :, i] /= a[i, i]
            a[i + 1 :, i + 1 :] -= np.outer(a[i + 1 :, i], a[i, i + 1 :])
    return x, pivots


def cdist(x: Any, y: Any) -> Any:
    return np.sqrt(((x[..., :, None, :] - y[..., None, :, :]) ** 2).sum(-1))
