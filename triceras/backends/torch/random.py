"""torch functions of the ops in `ops/random.py`."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from triceras.backends.torch.tensor import is_traced, to_torch
from triceras.core import config
from triceras.ops.op import OPS

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA
_WORD = 0xFFFFFFFF
_LONG = 0xFFFFFFFFFFFFFFFF


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
    return _drawn("random_uniform", key, shape, dtype)


def random_normal(key: torch.Tensor, shape: tuple, dtype: str | None = None) -> torch.Tensor:
    return _drawn("random_normal", key, shape, dtype)


def _drawn(name: str, key: torch.Tensor, shape: tuple, dtype: str | None) -> torch.Tensor:
    """Numbers from torch's own generator, seeded with the key; portable ones if the user wants these, and on an
    accelerator, which would have to wait for the key to be read."""
    if config.rng() != "native" or key.device.type != "cpu":
        return OPS[name].body(key, shape, dtype)
    if torch._C._functorch.is_functorch_wrapped_tensor(key):  # under `vmap` nobody can read the key
        return _DRAW[name](shape, dtype=to_torch(dtype), device=key.device)
    if is_traced(key):
        return getattr(torch.ops.triceras, name)(key, shape, to_torch(dtype))
    return _with_key(_DRAW[name], key, shape, to_torch(dtype))


def _mixed(first: int, second: int) -> int:
    """32 bits of a key, by the finalizer of SplitMix64 (Steele et al. 2014): torch's CPU generator takes no more."""
    z = ((first & _WORD) << 32 | second & _WORD) + 0x9E3779B97F4A7C15 & _LONG
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & _LONG
    z = (z ^ z >> 27) * 0x94D049BB133111EB & _LONG
    return (z ^ z >> 31) & _WORD


def _with_key(draw: Any, key: torch.Tensor, shape: tuple, dtype: torch.dtype) -> torch.Tensor:
    generator = torch.Generator(key.device).manual_seed(_mixed(*key.tolist()))
    return draw(shape, generator=generator, dtype=dtype, device=key.device)


# Operators of our own, so that a captured graph draws what an eager call draws: a graph can't read the key.
_DRAW = {"random_uniform": torch.rand, "random_normal": torch.randn}
_library = torch.library.Library("triceras", "FRAGMENT")
for _name, _function in _DRAW.items():
    _library.define(f"{_name}(Tensor key, SymInt[] shape, ScalarType dtype) -> Tensor")
    _library.impl(_name, partial(_with_key, _function), "CompositeExplicitAutograd")
    torch.library.register_fake(
        f"triceras::{_name}",
        lambda key, shape, dtype: torch.empty(shape, dtype=dtype, device=key.device),
        lib=_library,
    )
