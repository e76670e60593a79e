"""Sums over processes as an operator of our own, which captured graphs hold and gradients flow through."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import torch
from torch import distributed

BUCKET = 2**26  # bytes that are sent at once


def _summed(tensors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    found: list[Any] = [None] * len(tensors)
    for places in _buckets(tensors):
        flat = torch.cat([tensors[i].reshape(-1) for i in places])
        distributed.all_reduce(flat)
        parts = flat.split([tensors[i].numel() for i in places])
        for i, part in zip(places, parts, strict=True):
            found[i] = part.reshape(tensors[i].shape)
    return found


def _buckets(tensors: Sequence[torch.Tensor]) -> list[list[int]]:
    """Which tensors travel together: those of one dtype and device, as many as fit."""
    filled: list[list[int]] = []
    last: dict[Any, list[int]] = {}
    sizes: dict[Any, int] = defaultdict(int)
    for i, x in enumerate(tensors):
        kind = x.dtype, x.device
        if kind not in last or sizes[kind] + x.nbytes > BUCKET:
            last[kind], sizes[kind] = [], 0
            filled.append(last[kind])
        last[kind].append(i)
        sizes[kind] += x.nbytes
    return filled


_library = torch.library.Library("triceras", "FRAGMENT")
_library.define("sum_of_replicas(Tensor[] tensors) -> Tensor[]")
_library.impl("sum_of_replicas", _summed, "CompositeExplicitAutograd")
torch.library.register_fake(
    "triceras::sum_of_replicas", lambda tensors: [torch.empty_like(x) for x in tensors], lib=_library
)


class _Sum(torch.autograd.Function):
    """The gradient of a sum over replicas, where each has a loss of its own and all losses are added up."""

    @staticmethod
    def forward(ctx: Any, *tensors: torch.Tensor) -> tuple:
        return tuple(torch.ops.triceras.sum_of_replicas(list(tensors)))

    @staticmethod
    def backward(ctx: Any, *upstream: torch.Tensor) -> tuple:
        return tuple(_Sum.apply(*upstream))


def summed(tensors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """The sum over all processes of each of some tensors; all processes must give as many of the same shapes."""
    return list(_Sum.apply(*tensors)) if tensors else []
