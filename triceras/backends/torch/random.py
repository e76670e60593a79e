"""torch functions of the ops in `ops/random.py`."""

from __future__ import annotations

from typing import Any

import torch

from triceras.backends.torch.tensor import is_traced, to_torch
from triceras.backends.torch.transforms import in_checkpoint
from triceras.core import config
from triceras.ops.op import OPS

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA
_WORD = 0xFFFFFFFF


def random_bits(key: torch.Tensor, shape: tuple) -> torch.Tensor:
    """Threefry-2x32 (Salmon et al. 2011) in int32, which wraps as unsigned words do; the result is int64."""
    first, second = key.to(torch.int32).unbind(0)
    keys = (first, second, first ^ second ^ _PARITY)
    count = 1
    for size in shape:
        count = count * size
    x1 = torch.arange(count, dtype=torch.int64, device=key.device).to(torch.int32).add_(second)
    x0 = first.expand(count).clone()
    for i in range(5):
        for rotation in _ROTATIONS[i % 2]:
            x0.add_(x1)
            low = (x1 >> (32 - rotation)).bitwise_and_((1 << rotation) - 1)
            x1 = (x1 << rotation).bitwise_or_(low).bitwise_xor_(x0)
        x0.add_(keys[(i + 1) % 3])
        x1.add_(keys[(i + 2) % 3]).add_(i + 1)
    return x0.bitwise_xor_(x1).to(torch.int64).bitwise_and_(_WORD).reshape(shape)


def random_uniform(key: torch.Tensor, shape: tuple, dtype: str | None = None) -> torch.Tensor:
    return _drawn("random_uniform", torch.rand, key, shape, dtype)


def random_normal(key: torch.Tensor, shape: tuple, dtype: str | None = None) -> torch.Tensor:
    return _drawn("random_normal", torch.randn, key, shape, dtype)


def _drawn(name: str, draw: Any, key: torch.Tensor, shape: tuple, dtype: str | None) -> torch.Tensor:
    """Numbers from torch's own generator, seeded with the key.

    In a graph it is the process's generator, as nobody can read the key there; where numbers must come out the same
    when they are drawn again, they are portable ones.
    """
    traced = is_traced(key)
    if config.rng() != "native" or (traced and in_checkpoint()):
        return OPS[name].body(key, shape, dtype)
    if traced:
        return draw(shape, dtype=to_torch(dtype), device=key.device)
    first, second = key.tolist()
    generator = torch.Generator(key.device).manual_seed(_mixed(first << 32 | second))
    return draw(shape, generator=generator, dtype=to_torch(dtype), device=key.device)


def _mixed(seed: int) -> int:
    """64 bits, each in all others (the finalizer of SplitMix64): torch's generator on the CPU takes the low 32 only."""
    seed = (seed ^ seed >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    seed = (seed ^ seed >> 27) * 0x94D049BB133111EB % 2**64
    return (seed ^ seed >> 31) % 2**63
