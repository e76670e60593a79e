"""torch functions of the ops in `ops/array.py`."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from triceras.backends.torch.tensor import default_device, to_torch

ravel = torch.ravel


def copy(x: torch.Tensor) -> torch.Tensor:
    return x.clone()


def view(x: torch.Tensor, dtype: str) -> torch.Tensor:
    x = x.contiguous() if x.numel() else x.new_empty(x.shape)  # an empty one may have strides of 0
    return x.view(to_torch(dtype))


# --- constants --------------------------------------------------------------------------------------------------------


def full(shape: tuple, fill_value: Any, dtype: str | None = None) -> torch.Tensor:
    if isinstance(fill_value, torch.Tensor):
        return fill_value.to(to_torch(dtype)).broadcast_to(shape)
    if isinstance(fill_value, (list, tuple, np.ndarray)):
        fill_value = torch.as_tensor(np.asarray(fill_value), dtype=to_torch(dtype), device=default_device())
        return fill_value.broadcast_to(shape)
    fill_value = fill_value.item() if isinstance(fill_value, np.generic) else fill_value
    return torch.full(shape, fill_value, dtype=to_torch(dtype), device=default_device())


def zeros(shape: tuple, dtype: str | None = None) -> torch.Tensor:
    return torch.zeros(shape, dtype=to_torch(dtype), device=default_device())


def ones(shape: tuple, dtype: str | None = None) -> torch.Tensor:
    return torch.ones(shape, dtype=to_torch(dtype), device=default_device())


def zeros_like(x: torch.Tensor, dtype: str | None = None) -> torch.Tensor:
    return torch.zeros_like(x, dtype=to_torch(dtype))


def ones_like(x: torch.Tensor, dtype: str | None = None) -> torch.Tensor:
    return torch.ones_like(x, dtype=to_torch(dtype))


def full_like(x: torch.Tensor, fill_value: Any, dtype: str | None = None) -> torch.Tensor:
    if isinstance(fill_value, (bool, int, float, complex)):
        return torch.full_like(x, fill_value, dtype=to_torch(dtype))
    return full(x.shape, fill_value, dtype)


def arange(start: Any, stop: Any = None, step: Any = None, dtype: str | None = None) -> torch.Tensor:
    if not isinstance(start + stop, torch.Tensor) and (stop - start) / step <= 0:
        return zeros((0,), dtype)  # an error to torch
    return torch.arange(start, stop, step, dtype=to_torch(dtype), device=default_device())


def eye(N: int, M: int | None = None, k: int = 0, dtype: str | None = None) -> torch.Tensor:  # noqa: N803
    if k == 0:
        return torch.eye(N, N if M is None else M, dtype=to_torch(dtype), device=default_device())
    ones_ = ones((N, N if M is None else M), dtype)
    return ones_.triu(k).tril(k)


def tri(N: int, M: int | None = None, k: int = 0, dtype: str | None = None) -> torch.Tensor:  # noqa: N803
    return torch.tril(ones((N, N if M is None else M), dtype), k)


def tril(x: torch.Tensor, k: int = 0) -> torch.Tensor:
    return torch.tril(x, k)


def triu(x: torch.Tensor, k: int = 0) -> torch.Tensor:
    return torch.triu(x, k)


def diag(x: torch.Tensor, k: int = 0) -> torch.Tensor:
    return torch.diag(x, k)


def diagonal(x: torch.Tensor, offset: int = 0, axis1: int = 0, axis2: int = 1) -> torch.Tensor:
    return torch.diagonal(x, offset, axis1, axis2)


def trace(x: torch.Tensor, offset: int = 0, axis1: int = 0, axis2: int = 1) -> torch.Tensor:
    return torch.diagonal(x, offset, axis1, axis2).sum(-1, dtype=x.dtype)


# --- shape ------------------------------------------------------------------------------------------------------------


def reshape(x: torch.Tensor, newshape: tuple) -> torch.Tensor:
    return x.reshape(newshape)


def transpose(x: torch.Tensor, axes: Any = None) -> torch.Tensor:
    return x.permute(axes)


def swapaxes(x: torch.Tensor, axis1: int, axis2: int) -> torch.Tensor:
    return x.swapaxes(axis1, axis2)


def moveaxis(x: torch.Tensor, source: Any, destination: Any) -> torch.Tensor:
    return x.moveaxis(source, destination)


def expand_dims(x: torch.Tensor, axis: Any) -> torch.Tensor:
    for a in axis:
        x = x.unsqueeze(a)
    return x


def squeeze(x: torch.Tensor, axis: Any = None) -> torch.Tensor:
    return x.squeeze(axis) if axis else x


def broadcast_to(x: torch.Tensor, shape: tuple) -> torch.Tensor:
    return x.broadcast_to(shape)


# --- joining and splitting --------------------------------------------------------------------------------------------


def concatenate(xs: list[torch.Tensor], axis: Any = 0) -> torch.Tensor:
    return torch.cat(xs, dim=axis)


def stack(x: list[torch.Tensor], axis: Any = 0) -> torch.Tensor:
    return torch.stack(x, dim=axis)


def split(x: torch.Tensor, indices_or_sections: Any, axis: Any = 0) -> list[torch.Tensor]:
    return list(torch.tensor_split(x, indices_or_sections, dim=axis))


def unstack(x: torch.Tensor, num: int | None = None, axis: Any = 0) -> list[torch.Tensor]:
    return list(torch.unbind(x, dim=axis))


def repeat(x: torch.Tensor, repeats: Any, axis: Any = None) -> torch.Tensor:
    if not isinstance(repeats, int):
        repeats = torch.as_tensor(repeats, device=x.device).reshape(-1)
    return torch.repeat_interleave(x, repeats, dim=axis)


def tile(x: torch.Tensor, repeats: Any) -> torch.Tensor:
    return torch.tile(x, repeats)


def roll(x: torch.Tensor, shift: Any, axis: Any = None) -> torch.Tensor:
    if isinstance(axis, (tuple, list)) and not isinstance(shift, (tuple, list)):
        shift = (shift,) * len(axis)
    return torch.roll(x, shift, axis)


def flip(x: torch.Tensor, axis: Any = None) -> torch.Tensor:
    return torch.flip(x, axis)


def padded(x: torch.Tensor, pad_width: Any, value: float = 0) -> torch.Tensor:
    """A tensor with a constant around it; where the width is negative, it is cut."""
    for axis, (before, after) in enumerate(pad_width):
        if before < 0 or after < 0:
            cut = builtins.max(-before, 0)
            x = x.narrow(axis, cut, x.shape[axis] - cut - builtins.max(-after, 0))
    widths = [(builtins.max(before, 0), builtins.max(after, 0)) for before, after in pad_width]
    if builtins.all(isinstance(size, int) for size in x.shape):
        return F.pad(x, [n for pair in reversed(widths) for n in pair], value=value)
    # In a captured graph torch's own function would fix the unknown sizes.
    result = x.new_full([size + sum(pair) for size, pair in zip(x.shape, widths, strict=True)], value)
    inside = result
    for axis, (before, _) in enumerate(widths):
        inside = inside.narrow(axis, before, x.shape[axis])
    inside.copy_(x)
    return result


def pad(x: torch.Tensor, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> torch.Tensor:
    if mode == "constant":
        if isinstance(constant_values, torch.Tensor):
            inside = padded(torch.ones_like(x, dtype=torch.bool), pad_width)
            return torch.where(inside, padded(x, pad_width), constant_values.to(x.dtype))
        return padded(x, pad_width, constant_values)
    for axis, (before, after) in enumerate(pad_width):
        if before or after:
            places = np.pad(np.arange(x.shape[axis]), (before, after), mode=mode)
            x = x.index_select(axis, torch.as_tensor(places, device=x.device))
    return x


# --- parts ------------------------------------------------------------------------------------------------------------


def _wrapped(indices: torch.Tensor, size: Any) -> torch.Tensor:
    """Indices counted from the front."""
    return torch.where(indices < 0, indices + size, indices)


def get_item(x: torch.Tensor, key: Any) -> torch.Tensor:
    key = key if isinstance(key, tuple) else (key,)
    parts, axis = [], 0
    taken = builtins.sum(map(_takes, key))
    for k in key:
        if k is Ellipsis:
            axis += x.ndim - taken
        elif isinstance(k, builtins.slice) and k.step is not None and k.step < 0:
            x, k = _backwards(x, axis, k)
        elif isinstance(k, (list, np.ndarray, np.generic)):
            k = torch.as_tensor(np.asarray(k), device=x.device)
        count = _takes(k)
        if isinstance(k, torch.Tensor) and k.ndim == 0 and k.dtype is not torch.bool:
            # torch would read the number; this way it stays in the graph.
            x, k = x.index_select(axis, _wrapped(k, x.shape[axis]).reshape(1)), 0
        parts.append(k)
        axis += count
    return x[tuple(parts)]


def _takes(k: Any) -> int:
    """How many axes a part of an index uses up."""
    if k is None or k is Ellipsis:
        return 0
    return np.ndim(k) if str(getattr(k, "dtype", "")).endswith("bool") else 1


def _backwards(x: torch.Tensor, axis: Any, part: Any) -> tuple:
    """A flipped tensor and a slice with a positive step, for a slice with a negative one."""
    size = x.shape[axis]
    start, stop, step = part.indices(size)
    return x.flip(axis), builtins.slice(size - 1 - start, size - 1 - stop, -step)


def take(x: torch.Tensor, indices: torch.Tensor, axis: Any = None) -> torch.Tensor:
    if axis is None:
        x, axis = x.reshape(-1), 0
    indices = _wrapped(indices, x.shape[axis])
    if axis == 0 and x.ndim == 2 and x.dtype.is_floating_point:
        return F.embedding(indices, x)
    chosen = x.index_select(axis, indices.reshape(-1))
    return chosen.reshape((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]))


def take_along_axis(x: torch.Tensor, indices: torch.Tensor, axis: Any = None) -> torch.Tensor:
    if axis is None:
        x, axis, shape = x.reshape(-1), 0, indices.shape
        return take_along_axis(x, indices.reshape(-1), 0).reshape(shape)
    return torch.take_along_dim(x, _wrapped(indices, x.shape[axis]).long(), dim=axis)


def slice(inputs: torch.Tensor, start_indices: Any, shape: tuple) -> torch.Tensor:
    for axis, (start, count) in enumerate(zip(_starts(start_indices), shape, strict=True)):
        if isinstance(start, torch.Tensor):
            places = start.reshape(1) + torch.arange(count, device=inputs.device)
            inputs = inputs.index_select(axis, places)
        elif start != 0 or count != inputs.shape[axis]:
            inputs = inputs.narrow(axis, start, inputs.shape[axis] - start if count == -1 else count)
    return inputs


def _starts(start_indices: Any) -> Any:
    """Starts one by one: numbers, or tensors whose values stay in the graph."""
    if isinstance(start_indices, torch.Tensor):
        return start_indices.reshape(-1).unbind(0)
    return [s if isinstance(s, torch.Tensor) else s.value if hasattr(s, "assign") else int(s) for s in start_indices]


def slice_update(inputs: torch.Tensor, start_indices: Any, updates: torch.Tensor) -> torch.Tensor:
    starts = _starts(start_indices)
    if not builtins.any(isinstance(s, torch.Tensor) for s in starts):
        result = inputs.clone()
        result[tuple(builtins.slice(s, s + n) for s, n in zip(starts, updates.shape, strict=True))] = updates
        return result
    places = []
    for axis, (start, count) in enumerate(zip(starts, updates.shape, strict=True)):
        line = start + torch.arange(count, device=inputs.device)
        places.append(line.reshape([-1 if i == axis else 1 for i in range(inputs.ndim)]))
    return torch.index_put(inputs, tuple(places), updates)


_REDUCE = {"max": "amax", "min": "amin", "mul": "prod"}


def scatter_update(
    inputs: torch.Tensor, indices: torch.Tensor, updates: torch.Tensor, reduction: str | None = None
) -> torch.Tensor:
    depth = indices.shape[-1]
    if reduction in (None, "add"):
        return torch.index_put(inputs, indices.long().unbind(-1), updates, accumulate=reduction == "add")
    rest = inputs.shape[depth:]
    place = torch.zeros_like(indices[..., 0], dtype=torch.int64)
    for i, size in enumerate(inputs.shape[:depth]):
        place = place * size + _wrapped(indices[..., i], size)
    flat = inputs.flatten(0, depth - 1)
    updates = updates.broadcast_to(*indices.shape[:-1], *rest).reshape(place.numel(), *rest)
    place = place.reshape(-1, *(1,) * len(rest)).expand(-1, *rest)
    return flat.scatter_reduce(0, place, updates, reduce=_REDUCE[reduction]).reshape(inputs.shape)


# --- search -----------------------------------------------------------------------------------------------------------


def nonzero(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return tuple(i.to(torch.int32) for i in torch.nonzero(x, as_tuple=True))


def searchsorted(sorted_sequence: torch.Tensor, values: torch.Tensor, side: str = "left") -> torch.Tensor:
    return torch.searchsorted(sorted_sequence.contiguous(), values.contiguous(), side=side, out_int32=True)
