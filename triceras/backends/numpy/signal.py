"""NumPy functions of the ops in `ops/signal.py`. NumPy computes Fourier transforms in the precision it gets."""

import numpy as np


def _parts(x, dtype):
    return x.real.astype(dtype), x.imag.astype(dtype)


def fft(x):
    return _parts(np.fft.fft(x[0] + 1j * x[1]), x[0].dtype)


def fft2(x):
    return _parts(np.fft.fft2(x[0] + 1j * x[1]), x[0].dtype)


def ifft2(x):
    return _parts(np.fft.ifft2(x[0] + 1j * x[1]), x[0].dtype)


def rfft(x, fft_length=None):
    return _parts(np.fft.rfft(x, fft_length), x.dtype)


def irfft(x, fft_length=None):
    return np.fft.irfft(x[0] + 1j * x[1], fft_length).astype(x[0].dtype)
