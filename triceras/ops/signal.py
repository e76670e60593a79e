"""Signals: windows, sequences cut from them, and Fourier transforms.

Complex numbers come and go as a pair `(real, imaginary)` of real tensors, as in Keras. Transforms are computed in at
least float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from triceras import ops
from triceras.core import config
from triceras.core.dtypes import is_float, result_type, standardize_dtype
from triceras.ops.op import composite
from triceras.ops.rules import Rule, one_of, same

# --- windows ----------------------------------------------------------------------------------------------------------


def _window(name: str, function: Any, count: Any, *more: Any) -> Any:
    try:
        length = int(count.shape[0]) if getattr(count, "shape", ()) else int(count)
    except Exception:
        raise ValueError(f"ops.{name}: argument x, the length, must be a known integer; got {count!r}.") from None
    return ops.convert_to_tensor(function(length, *more).astype(config.floatx()))


@composite
def bartlett(x: Any) -> Any:
    """The triangular window of length `x` that is 0 at both ends.

    Example:
        >>> ops.convert_to_numpy(ops.bartlett(5)).tolist()
        [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    return _window("bartlett", np.bartlett, x)


@composite
def blackman(x: Any) -> Any:
    """Blackman's window of length `x`."""
    return _window("blackman", np.blackman, x)


@composite
def hamming(x: Any) -> Any:
    """Hamming's window of length `x`."""
    return _window("hamming", np.hamming, x)


@composite
def hanning(x: Any) -> Any:
    """The window of length `x` by von Hann: one wave of a cosine."""
    return _window("hanning", np.hanning, x)


@composite
def kaiser(x: Any, beta: Any) -> Any:
    """Kaiser's window of length `x`; `beta` says how narrow it is."""
    return _window("kaiser", np.kaiser, x, float(ops.convert_to_numpy(beta)))


# --- sequences --------------------------------------------------------------------------------------------------------


def _positive(bound: dict[str, Any], *names: str) -> None:
    for name in names:
        if not isinstance(bound[name], (int, np.integer)) or bound[name] < 1:
            raise ValueError(f"argument {name} must be a positive integer; got {bound[name]!r}.")


def _cut(bound: dict[str, Any]) -> None:
    _positive(bound, "sequence_length", "sequence_stride")
    if not bound["x"].shape:
        raise ValueError("argument x must have at least one dimension; got a scalar.")


def _how_many(size: Any, length: int, stride: int) -> Any:
    return None if size is None else max(0, 1 + (size - length) // stride)


def _sequences(x: Any, sequence_length: int, sequence_stride: int) -> Any:
    return (*x.shape[:-1], _how_many(x.shape[-1], sequence_length, sequence_stride), sequence_length)


@composite(Rule(_sequences, same, ("x",), _cut))
def extract_sequences(x: Any, sequence_length: int, sequence_stride: int) -> Any:
    """Overlapping stretches of the last axis.

    Args:
        x: a tensor of shape `(..., samples)`.
        sequence_length: how long each stretch is.
        sequence_stride: from the start of one to that of the next.

    Returns:
        A tensor of shape `(..., sequences, sequence_length)`; what is left at the end is dropped.

    Example:
        >>> ops.convert_to_numpy(ops.extract_sequences([1, 2, 3, 4, 5], 3, 2)).tolist()
        [[1, 2, 3], [3, 4, 5]]
    """
    count = 1 + (ops.shape(x)[-1] - sequence_length) // sequence_stride
    starts = ops.expand_dims(ops.multiply(ops.arange(count, dtype="int32"), sequence_stride), -1)
    return ops.take(x, ops.add(starts, np.arange(sequence_length, dtype="int32")), axis=-1)


# --- Fourier transforms -----------------------------------------------------------------------------------------------


def _wide(*given: Any) -> tuple[tuple, Any]:
    common = result_type(*given)
    if not is_float(common):
        common = config.floatx()
    common = "float32" if common in ("float16", "bfloat16") else common
    return (common,) * len(given), common


def _pair(rank: int) -> Any:
    def check(bound: dict[str, Any]) -> None:
        x = bound["x"]
        if len(x) != 2:
            raise ValueError(f"argument x must be a pair of tensors (real, imaginary); got {len(x)}.")
        shapes = [tuple(part.shape) for part in x]
        if len(shapes[0]) < rank or len(shapes[0]) != len(shapes[1]):
            raise ValueError(f"both parts of argument x must have the same {rank} or more axes; got shapes {shapes}.")

    return check


def _same_pair(x: Any) -> Any:
    return [x[0].shape, x[0].shape]


def _turned(x: Any, axis: int, sign: int) -> tuple[Any, Any]:
    """The discrete Fourier transform along an axis, by its definition."""
    size = x[0].shape[axis]
    angle = sign * 2 * np.pi * np.outer(np.arange(size), np.arange(size)) / size
    cos, sin = (f(angle).astype(standardize_dtype(x[0].dtype)) for f in (np.cos, np.sin))
    real, imag = (ops.moveaxis(part, axis, -1) for part in x)
    turned = (
        ops.subtract(ops.matmul(real, cos), ops.matmul(imag, sin)),
        ops.add(ops.matmul(real, sin), ops.matmul(imag, cos)),
    )
    return tuple(ops.moveaxis(part, -1, axis) for part in turned)


@composite(Rule(_same_pair, _wide, ("*x",), _pair(1)))
def fft(x: Any) -> Any:
    """The discrete Fourier transform along the last axis.

    Args:
        x: a pair `(real, imaginary)` of tensors of shape `(..., size)`.

    Returns:
        A pair of the same shapes.

    Example:
        >>> [ops.convert_to_numpy(part).tolist() for part in ops.fft(([1.0, 0.0], [0.0, 0.0]))]
        [[1.0, 1.0], [0.0, 0.0]]
    """
    return _turned(x, -1, -1)


@composite(Rule(_same_pair, _wide, ("*x",), _pair(2)))
def fft2(x: Any) -> Any:
    """The discrete Fourier transform along the last two axes; takes and gives what `fft` does."""
    return _turned(_turned(x, -1, -1), -2, -1)


@composite(Rule(_same_pair, _wide, ("*x",), _pair(2)))
def ifft2(x: Any) -> Any:
    """The inverse of `fft2`."""
    count = x[0].shape[-1] * x[0].shape[-2]
    return tuple(ops.divide(part, float(count)) for part in _turned(_turned(x, -1, 1), -2, 1))


def _fft_length(bound: dict[str, Any]) -> None:
    if bound["fft_length"] is not None:
        _positive(bound, "fft_length")


def _fitted(x: Any, length: int) -> Any:
    """The last axis cut or filled with zeros to a length."""
    size = x.shape[-1]
    if size >= length:
        return x if size == length else ops.get_item(x, (Ellipsis, slice(0, length)))
    return ops.pad(x, ((0, 0),) * (len(x.shape) - 1) + ((0, length - size),))


def _half(x: Any, fft_length: int | None) -> Any:
    size = x.shape[-1] if fft_length is None else fft_length
    return [(*x.shape[:-1], None if size is None else size // 2 + 1)] * 2


@composite(Rule(_half, _wide, ("x",), _fft_length))
def rfft(x: Any, fft_length: int | None = None) -> Any:
    """The discrete Fourier transform of real numbers along the last axis: its non-negative frequencies.

    Args:
        x: a tensor of shape `(..., size)`.
        fft_length: what the last axis is cut or filled with zeros to, default its size.

    Returns:
        A pair `(real, imaginary)` of tensors of shape `(..., fft_length // 2 + 1)`.
    """
    length = x.shape[-1] if fft_length is None else fft_length
    x = _fitted(x, length)
    return tuple(_fitted(part, length // 2 + 1) for part in _turned((x, ops.zeros_like(x)), -1, -1))


def _whole(x: Any, fft_length: int | None) -> Any:
    size = x[0].shape[-1]
    return (*x[0].shape[:-1], fft_length or (None if size is None else 2 * (size - 1)))


def _pair_and_length(bound: dict[str, Any]) -> None:
    _pair(1)(bound)
    _fft_length(bound)


@composite(Rule(_whole, _wide, ("*x",), _pair_and_length))
def irfft(x: Any, fft_length: int | None = None) -> Any:
    """The inverse of `rfft`.

    Args:
        x: a pair `(real, imaginary)` of tensors of shape `(..., frequencies)`.
        fft_length: the size of the result's last axis, default `2 * (frequencies - 1)`.

    Returns:
        A real tensor of shape `(..., fft_length)`.
    """
    length = fft_length or 2 * (x[0].shape[-1] - 1)
    real, imag = (_fitted(part, length // 2 + 1) for part in x)
    angle = 2 * np.pi * np.outer(np.arange(length // 2 + 1), np.arange(length)) / length
    times = np.full((length // 2 + 1, 1), 2.0)  # a frequency stands for its negative too
    times[0] = 1.0
    if length % 2 == 0:
        times[-1] = 1.0
    cos, sin = ((times * f(angle) / length).astype(standardize_dtype(real.dtype)) for f in (np.cos, np.sin))
    return ops.subtract(ops.matmul(real, cos), ops.matmul(imag, sin))


# --- short-time transforms --------------------------------------------------------------------------------------------


def _frames(bound: dict[str, Any]) -> None:
    _positive(bound, "sequence_length", "sequence_stride", "fft_length")
    if bound["fft_length"] < bound["sequence_length"]:
        raise ValueError(
            f"argument fft_length must be at least sequence_length; got {bound['fft_length']} and "
            f"{bound['sequence_length']}."
        )
    if isinstance(bound["window"], str):
        one_of("window", bound["window"], ("hann", "hamming"))


def _framing_window(window: Any, sequence_length: int, fft_length: int, dtype: str) -> Any:
    """The window as a tensor, in the middle of `fft_length` places; none means that all of them count."""
    if window is None:
        return ops.ones((fft_length,), dtype)
    if isinstance(window, str):  # periodic, as spectra want it: one place longer, less the last
        made = {"hann": np.hanning, "hamming": np.hamming}[window](sequence_length + 1)[:-1]
        values = ops.convert_to_tensor(made.astype(dtype))
    else:
        values = ops.cast(ops.convert_to_tensor(window), dtype)
        if tuple(values.shape) != (sequence_length,):
            raise ValueError(f"argument window must have shape ({sequence_length},); got {tuple(values.shape)}.")
    before = (fft_length - sequence_length) // 2
    return ops.pad(values, ((before, fft_length - sequence_length - before),))


def _stft_shape(x: Any, sequence_stride: int, fft_length: int, center: bool, **rest: Any) -> Any:
    size = x.shape[-1]
    size = size + fft_length // 2 * 2 if center and size is not None else size
    return [(*x.shape[:-1], _how_many(size, fft_length, sequence_stride), fft_length // 2 + 1)] * 2


@composite(Rule(_stft_shape, _wide, ("x",), _frames))
def stft(
    x: Any, sequence_length: int, sequence_stride: int, fft_length: int, window: Any = "hann", center: bool = True
) -> Any:
    """The short-time Fourier transform of the last axis: `rfft` of overlapping, windowed stretches.

    Args:
        x: a tensor of shape `(..., samples)`.
        sequence_length: how long the window is.
        sequence_stride: from the start of one stretch to that of the next.
        fft_length: how long a stretch is.
        window: "hann", "hamming", a tensor of shape `(sequence_length,)`, or None for none.
        center: whether the first stretch is centered on the first sample: the ends are padded by reflection.

    Returns:
        A pair `(real, imaginary)` of tensors of shape `(..., sequences, fft_length // 2 + 1)`.
    """
    values = _framing_window(window, sequence_length, fft_length, standardize_dtype(x.dtype))
    if center:
        x = ops.pad(x, ((0, 0),) * (len(x.shape) - 1) + ((fft_length // 2, fft_length // 2),), mode="reflect")
    return rfft(ops.multiply(extract_sequences(x, fft_length, sequence_stride), values), fft_length)


def _istft_shape(x: Any, sequence_stride: int, fft_length: int, length: Any, center: bool, **rest: Any) -> Any:
    count, start = x[0].shape[-2], fft_length // 2 if center else 0
    if count is None:
        return (*x[0].shape[:-2], None)
    total = (count - 1) * sequence_stride + fft_length - start
    return (*x[0].shape[:-2], total - start if length is None else min(length, total))


def _inverse_frames(bound: dict[str, Any]) -> None:
    _pair(2)(bound)
    _frames(bound)


@composite(Rule(_istft_shape, _wide, ("*x",), _inverse_frames))
def istft(
    x: Any,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: int | None = None,
    window: Any = "hann",
    center: bool = True,
) -> Any:
    """The inverse of `stft`: the stretches laid over each other, weighted by the window (Griffin and Lim 1984).

    Args:
        x: a pair `(real, imaginary)` of tensors of shape `(..., sequences, fft_length // 2 + 1)`.
        sequence_length, sequence_stride, fft_length, window, center: as for `stft`.
        length: how many samples to give at most; None gives all that the stretches cover, less the padding.

    Returns:
        A real tensor of shape `(..., samples)`.
    """
    values = _framing_window(window, sequence_length, fft_length, standardize_dtype(x[0].dtype))
    frames = ops.multiply(irfft(x, fft_length), values)
    count = ops.shape(frames)[-2]
    total = (count - 1) * sequence_stride + fft_length
    weights = ops.broadcast_to(ops.square(values), (count, fft_length))
    signal = ops.divide_no_nan(*(_overlapped(part, sequence_stride, total) for part in (frames, weights)))
    start = fft_length // 2 if center else 0
    end = total - start if length is None else start + length
    return ops.get_item(signal, (Ellipsis, slice(start, end)))


def _overlapped(frames: Any, stride: int, total: Any) -> Any:
    """The sum of frames, each `stride` after the one before."""
    size = frames.shape[-1]
    count = ops.shape(frames)[-2]
    parts = -(-size // stride)  # pieces of one stride's length that a frame has: added piece by piece
    rest = ((0, 0),) * (len(frames.shape) - 1)
    frames = ops.pad(frames, (*rest, (0, parts * stride - size)))
    lead = ops.shape(frames)[:-2]
    pieces = ops.reshape(frames, (*lead, count, parts, stride))
    signal = None
    for i in range(parts):
        piece = ops.reshape(ops.get_item(pieces, (Ellipsis, i, slice(None))), (*lead, count * stride))
        moved = ops.pad(piece, (*rest[:-1], (i * stride, (parts - 1 - i) * stride)))
        signal = moved if signal is None else ops.add(signal, moved)
    return ops.get_item(signal, (Ellipsis, slice(0, total)))
