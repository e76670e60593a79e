"""Tensors are `torch.Tensor`s: conversion, dtypes and devices."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import torch
from torch._subclasses.fake_tensor import FakeTensor

from triceras.core import dtypes, registry
from triceras.core.spec import Spec

# torch stores the wider unsigned integers but can't compute with them.
WIDER = {"uint16": "int32", "uint32": "int64", "uint64": "int64"}
TORCH = {name: getattr(torch, WIDER.get(name, name)) for name in dtypes.ALL if name != "string"}
NAMES = {getattr(torch, name): name for name in TORCH}
# Dtypes that torch.from_numpy doesn't know, with one of their size that it does.
_AS_BITS = {"bfloat16": np.int16, "float8_e4m3fn": np.uint8, "float8_e5m2": np.uint8}
_PLAIN = frozenset(map(np.dtype, "?bBhilqefd"))  # those of NumPy, in the computer's byte order, that torch has too
_SCALARS = {bool: "bool", int: "int32", complex: "complex64"}


class _Device(threading.local):
    chosen: torch.device | None = None


_device = _Device()
_accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None


def default_device() -> torch.device | None:
    """Where new tensors go: what `device` chose, else torch's own default if the user set it, else the accelerator.

    None leaves it to torch, which is faster than naming the CPU.
    """
    if _device.chosen is not None:
        return _device.chosen
    if _accelerator is None or torch.get_default_device().type != "cpu":
        return None
    return _accelerator


def to_torch(dtype: str | None) -> torch.dtype | None:
    """torch's dtype of a standard name; None stays.

    Raises:
        TypeError: torch has no such dtype.
    """
    try:
        return None if dtype is None else TORCH[dtype]
    except KeyError:
        raise TypeError(f"torch has no tensors of dtype {dtype!r}: keep such data in NumPy arrays.") from None


def is_traced(x: torch.Tensor) -> bool:
    """Whether a tensor is a fake one in a graph that is being captured, or one of `vmap`'s."""
    return isinstance(x, FakeTensor) or torch._C._functorch.is_functorch_wrapped_tensor(x)


class placed_on:  # noqa: N801 - reads as a function
    """A context in which new tensors go to one device."""

    def __init__(self, device: torch.device):
        self.device = device

    def __enter__(self) -> None:
        self.before = _device.chosen
        _device.chosen = self.device

    def __exit__(self, *exc: object) -> None:
        _device.chosen = self.before


class Tensors:
    """Conversion, dtype and device of torch tensors."""

    tensor_types = (torch.Tensor,)

    def convert(self, x: Any, dtype: str | None = None) -> torch.Tensor:
        kind = type(x)
        if kind in (float, int, bool, complex):
            return _scalar(x, kind, dtype)
        if not isinstance(x, torch.Tensor) and registry.BY_TYPE.get(kind) is registry.BOUND:
            x = x.value
        if isinstance(x, torch.Tensor):
            return _settle(x, dtype)
        if isinstance(x, (np.ndarray, np.generic)):
            return _settle(_of_array(np.asarray(x)), dtype)
        if isinstance(x, (torch.SymInt, torch.SymFloat)):
            return _scalar(x, int if isinstance(x, torch.SymInt) else float, dtype)
        owner = registry.backend_of(x)
        if owner is None:
            return _settle(_of_array(dtypes.array_of(x, dtype)), dtype)
        if isinstance(x, (list, tuple)):
            return self._stacked(x, dtype)
        return _settle(_of_other(owner, x), dtype)

    def _stacked(self, values: Any, dtype: str | None) -> torch.Tensor:
        """One tensor of a list that holds tensors."""
        parts = [v if isinstance(v, (int, float, complex)) else self.convert(v) for v in values]
        if dtype is None:
            dtype = dtypes.result_type(*(self.dtype(p) if isinstance(p, torch.Tensor) else type(p) for p in parts))
        return torch.stack([self.convert(p, dtype) for p in parts])

    def to_numpy(self, x: torch.Tensor) -> np.ndarray:
        x = x.detach()
        x = x.to_dense() if x.layout is not torch.strided else x
        kind = NAMES.get(x.dtype)
        x = x.cpu() if x.device.type != "cpu" else x
        if kind in _AS_BITS:
            bits = x.contiguous().view(getattr(torch, np.dtype(_AS_BITS[kind]).name)).numpy()
            return bits.copy().view(dtypes.to_numpy_dtype(kind))
        # A copy, since Variables are written in place.
        return x.resolve_conj().resolve_neg().numpy().copy()

    def cast(self, x: torch.Tensor, dtype: str) -> torch.Tensor:
        target = to_torch(dtype)
        if x.is_complex() and not target.is_complex and target is not torch.bool:
            x = x.real
        return x.to(target)

    def shape(self, x: torch.Tensor) -> tuple:
        return tuple(x.shape)

    def dtype(self, x: torch.Tensor) -> str:
        return NAMES.get(x.dtype) or dtypes.standardize_dtype(x.dtype)

    def canonical_dtype(self, dtype: str) -> str:
        return WIDER.get(dtype, dtype)

    def spec(self, x: torch.Tensor) -> Spec:
        return Spec((d if isinstance(d, int) else None for d in x.shape), self.dtype(x))

    def is_traced(self, x: Any) -> bool:
        return isinstance(x, torch.Tensor) and is_traced(x)

    # --- the machine -----------------------------------------------------------------------------------------------

    def device_names(self) -> list[str]:
        if _accelerator is None:
            return ["cpu:0"]
        kind = "gpu" if _accelerator.type == "cuda" else _accelerator.type
        return ["cpu:0", *(f"{kind}:{i}" for i in range(torch.accelerator.device_count()))]

    def device(self, name: str) -> placed_on:
        given = str(name).lower().replace("cuda", "gpu")
        known = self.device_names()
        if given not in known and f"{given}:0" not in known:
            raise ValueError(f"The torch backend has no device {name!r}. It has: {', '.join(known)}.")
        return placed_on(torch.device("cpu" if given.startswith("cpu") else given.replace("gpu", "cuda")))

    def synchronize(self) -> None:
        if _accelerator is not None:
            torch.accelerator.synchronize()

    def version(self) -> str:
        return torch.__version__

    def seed_framework(self, seed: int) -> None:
        torch.manual_seed(seed)

    def place_batch(self, batch: Any) -> Any:
        if default_device() is None:
            return batch
        from triceras.core import tree

        return tree.map_structure(lambda x: _settle(x, None) if isinstance(x, torch.Tensor) else x, batch)


def _scalar(x: Any, kind: type, dtype: str | None) -> torch.Tensor:
    """A tensor without dimensions, filled on its device: no transfer, and a constant that compilers fold."""
    if dtype is None:
        dtype = _SCALARS.get(kind) or dtypes.standardize_dtype(None)
        if kind is int and isinstance(x, int) and not -(2**31) <= x < 2**31:
            dtype = "int64"
    target = to_torch(dtype)
    if kind is complex and not target.is_complex:
        x = x.real
    return torch.full((), x, dtype=target, device=default_device())


def _settle(x: torch.Tensor, dtype: str | None) -> torch.Tensor:
    """A tensor in the wanted dtype, on the default device if that is an accelerator and the tensor isn't on one."""
    target = to_torch(dtype or NAMES.get(x.dtype) or dtypes.standardize_dtype(x.dtype))
    device = default_device()
    if device is not None and device != x.device and (x.device.type == "cpu" or _device.chosen is not None):
        x = x.to(device)
    if target is not x.dtype:
        x = x.real if x.is_complex() and not target.is_complex and target is not torch.bool else x
        x = x.to(target)
    return x


def _of_array(x: np.ndarray) -> torch.Tensor:
    """A tensor of an array, in its memory where torch can."""
    if x.dtype in _PLAIN and x.flags.carray:
        return torch.from_numpy(x)
    kind = x.dtype.name
    if x.dtype.kind in "OSUMm":
        raise TypeError(f"Can't make a torch tensor of an array of {x.dtype}: torch has no strings and no objects.")
    if kind in WIDER:
        return torch.from_numpy(x.astype(WIDER[kind]))
    if not x.flags.writeable or not x.dtype.isnative or any(s < 0 for s in x.strides):
        x = np.array(x, dtype=x.dtype.newbyteorder("="), order="C")
    if kind in _AS_BITS:
        return torch.from_numpy(np.ascontiguousarray(x).view(_AS_BITS[kind]).reshape(x.shape)).view(TORCH[kind])
    return torch.from_numpy(x)


def _of_other(owner: Any, x: Any) -> torch.Tensor:
    """Another backend's tensor: shared memory where both sides can, else by way of NumPy."""
    if hasattr(x, "__dlpack__") and not owner.is_traced(x):
        try:
            return torch.from_dlpack(x)
        except (BufferError, TypeError, RuntimeError, ValueError, AttributeError, NotImplementedError):
            pass
    return _of_array(owner.to_numpy(x))
