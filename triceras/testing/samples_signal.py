"""Samples of windows, sequences and Fourier transforms."""

from __future__ import annotations

# fmt: off
import numpy as np

from triceras.testing import references as ref
from triceras.testing.case import call, case, draw

for _name in ("bartlett", "blackman", "hamming", "hanning"):
    case(_name, getattr(np, _name), (5,), (6,), (1,), (0,), (2,), gradient=False, tolerance=1e-6, static=False)
case("kaiser", np.kaiser, (5, 8.0), (6, 0.0), (1, 2.0), (0, 1.0), (4, 14), gradient=False, tolerance=1e-6, static=False)

_CUTS = [(draw(7), 3, 2), (draw(2, 5), 2, 1), (np.int32([1, 2, 3, 4]), 2, 2), (draw(1, 2, 4, dtype="float16"), 4, 3),
    (draw(3, 6), 1, 4)]
case("extract_sequences", ref.extract_sequences, *_CUTS)


def _pairs(*shape: int) -> tuple:
    return ((draw(*shape), draw(*shape)),)


_FLAT = [_pairs(5), _pairs(2, 4), _pairs(2, 1, 6), _pairs(1), _pairs(3, 8)]
_SQUARE = [_pairs(3, 5), _pairs(4, 4), _pairs(2, 3, 2), _pairs(1, 1), _pairs(2, 6)]
case("fft", ref.complex_pairs(np.fft.fft), *_FLAT, tolerance=1e-4)
case("fft2", ref.complex_pairs(np.fft.fft2), *_SQUARE, tolerance=1e-4)
case("ifft2", ref.complex_pairs(np.fft.ifft2), *_SQUARE, tolerance=1e-4)
case("rfft", ref.real_to_pair(np.fft.rfft), draw(5), draw(2, 4), (draw(2, 3), 6), (draw(2, 1, 7), 4),
    draw(3, dtype="int32"), draw(2, dtype="float16"), (draw(4), 3), tolerance=1e-3)
case("irfft", ref.pair_to_real(np.fft.irfft), _pairs(3), _pairs(2, 4), (*_pairs(3), 5), (*_pairs(2, 1, 5), 4),
    (*_pairs(2), 6), tolerance=1e-4)
case("stft", ref.stft, (draw(12), 4, 2, 4), call(draw(2, 16), 4, 3, 6, window="hamming"),
    call(draw(11), 4, 4, 5, window=None, center=False), call(draw(2, 1, 9), 2, 1, 4, center=False),
    call(draw(10), 3, 2, 3, window=np.float32([1, 2, 1])), tolerance=1e-4)
case("istft", ref.istft, (*_pairs(5, 3), 4, 2, 4), call(*_pairs(2, 4, 4), 4, 3, 6, window="hamming"),
    call(*_pairs(3, 3), 4, 4, 5, window=None, center=False), call(*_pairs(4, 3), 4, 2, 4, length=5),
    call(*_pairs(4, 3), 4, 2, 4, length=12, center=False), tolerance=1e-3, gradient=False)
