"""torch functions of the ops in `ops/array.py`."""

import builtins

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from triceras.backends.torch.tensor import default_device, to_torch

ravel = torch.ravel


def copy(x):
    return x.clone()


# --- constants --------------------------------------------------------------------------------------------------------


def full(shape, fill_value, dtype=None):
    if isinstance(fill_value, torch.Tensor):
        return fill_value.to(to_torch(dtype)).broadcast_to(shape)
    if isinstance(fill_value, (list, tuple, np.ndarray)):
        fill_value = torch.as_tensor(np.asarray(fill_value), dtype=to_torch(dtype), device=default_device())
        return fill_value.broadcast_to(shape)
    fill_value = fill_value.item() if isinstance(fill_value, np.generic) else fill_value
    return torch.full(shape, fill_value, dtype=to_torch(dtype), device=default_device())


def zeros(shape, dtype=None):
    return torch.zeros(shape, dtype=to_torch(dtype), device=default_device())


def ones(shape, dtype=None):
    return torch.ones(shape, dtype=to_torch(dtype), device=default_device())


def zeros_like(x, dtype=None):
    return torch.zeros_like(x, dtype=to_torch(dtype))


def ones_like(x, dtype=None):
    return torch.ones_like(x, dtype=to_torch(dtype))


def full_like(x, fill_value, dtype=None):
    if isinstance(fill_value, (bool, int, float, complex)):
        return torch.full_like(x, fill_value, dtype=to_torch(dtype))
    return full(x.shape, fill_value, dtype)


def arange(start, stop=None, step=None, dtype=None):
    if not isinstance(start + stop, torch.Tensor) and (stop - start) / step <= 0:
        return zeros((0,), dtype)  # an error to torch
    return torch.arange(start, stop, step, dtype=to_torch(dtype), device=default_device())


def eye(N, M=None, k=0, dtype=None):  # noqa: N803
    if k == 0:
        return torch.eye(N, N if M is None else M, dtype=to_torch(dtype), device=default_device())
    ones_ = ones((N, N if M is None else M), dtype)
    return ones_.triu(k).tril(k)


def tri(N, M=None, k=0, dtype=None):  # noqa: N803
    return torch.tril(ones((N, N if M is None else M), dtype), k)


def tril(x, k=0):
    return torch.tril(x, k)


def triu(x, k=0):
    return torch.triu(x, k)


def diag(x, k=0):
    return torch.diag(x, k)


def diagonal(x, offset=0, axis1=0, axis2=1):
    return torch.diagonal(x, offset, axis1, axis2)


def trace(x, offset=0, axis1=0, axis2=1):
    return torch.diagonal(x, offset, axis1, axis2).sum(-1, dtype=x.dtype)


# --- shape ------------------------------------------------------------------------------------------------------------


def reshape(x, newshape):
    return x.reshape(newshape)


def transpose(x, axes=None):
    return x.permute(axes)


def swapaxes(x, axis1, axis2):
    return x.swapaxes(axis1, axis2)


def moveaxis(x, source, destination):
    return x.moveaxis(source, destination)


def expand_dims(x, axis):
    for a in axis:
        x = x.unsqueeze(a)
    return x


def squeeze(x, axis=None):
    return x.squeeze(axis) if axis else x


def broadcast_to(x, shape):
    return x.broadcast_to(shape)


# --- joining and splitting --------------------------------------------------------------------------------------------


def concatenate(xs, axis=0):
    return torch.cat(xs, dim=axis)


def stack(x, axis=0):
    return torch.stack(x, dim=axis)


def split(x, indices_or_sections, axis=0):
    return list(torch.tensor_split(x, indices_or_sections, dim=axis))


def unstack(x, num=None, axis=0):
    return list(torch.unbind(x, dim=axis))


def repeat(x, repeats, axis=None):
    if not isinstance(repeats, int):
        repeats = torch.as_tensor(repeats, device=x.device).reshape(-1)
    return torch.repeat_interleave(x, repeats, dim=axis)


def tile(x, repeats):
    return torch.tile(x, repeats)


def roll(x, shift, axis=None):
    if isinstance(axis, (tuple, list)) and not isinstance(shift, (tuple, list)):
        shift = (shift,) * len(axis)
    return torch.roll(x, shift, axis)


def flip(x, axis=None):
    return torch.flip(x, axis)


def padded(x, pad_width, value=0):
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


def pad(x, pad_width, mode="constant", constant_values=None):
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


def _wrapped(indices, size):
    """Indices counted from the front."""
    return torch.where(indices < 0, indices + size, indices)


def get_item(x, key):
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


def _takes(k):
    """How many axes a part of an index uses up."""
    if k is None or k is Ellipsis:
        return 0
    return np.ndim(k) if str(getattr(k, "dtype", "")).endswith("bool") else 1


def _backwards(x, axis, part):
    """A flipped tensor and a slice with a positive step, for a slice with a negative one."""
    size = x.shape[axis]
    start, stop, step = part.indices(size)
    return x.flip(axis), builtins.slice(size - 1 - start, size - 1 - stop, -step)


def take(x, indices, axis=None):
    if axis is None:
        x, axis = x.reshape(-1), 0
    indices = _wrapped(indices, x.shape[axis])
    if axis == 0 and x.ndim == 2 and x.dtype.is_floating_point:
        return F.embedding(indices, x)
    chosen = x.index_select(axis, indices.reshape(-1))
    return chosen.reshape((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]))


def take_along_axis(x, indices, axis=None):
    if axis is None:
        x, axis, shape = x.reshape(-1), 0, indices.shape
        return take_along_axis(x, indices.reshape(-1), 0).reshape(shape)
    return torch.take_along_dim(x, _wrapped(indices, x.shape[axis]).long(), dim=axis)


def slice(inputs, start_indices, shape):
    for axis, (start, count) in enumerate(zip(_starts(start_indices), shape, strict=True)):
        if isinstance(start, torch.Tensor):
            places = start.reshape(1) + torch.arange(count, device=inputs.device)
            inputs = inputs.index_select(axis, places)
        elif start != 0 or count != inputs.shape[axis]:
            inputs = inputs.narrow(axis, start, inputs.shape[axis] - start if count == -1 else count)
    return inputs


def _starts(start_indices):
    """Starts one by one: numbers, or tensors whose values stay in the graph."""
    if isinstance(start_indices, torch.Tensor):
        return start_indices.reshape(-1).unbind(0)
    return [s if isinstance(s, torch.Tensor) else s.value if hasattr(s, "assign") else int(s) for s in start_indices]


def slice_update(inputs, start_indices, updates):
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


def scatter_update(inputs, indices, updates, reduction=None):
    depth = indices.shape[-1]
    if reduction in (None, "add"):
        return torch.index_put(inputs, indices.long().unbind(-1), updates, accumulate=reduction == "add")
    rest = inputs.shape[depth:]
    place = torch.zeros_like(indices[..., 0], dtype=torch.int64)
    for i, size in enumerate(inputs.shape[:depth]):
        place = place * size + _wrapped(indices[..., i], size)
    flat = inputs.reshape(-1, *rest)
    place = place.reshape(-1, *(1,) * len(rest)).expand(-1, *rest)
    updates = updates.broadcast_to(*indices.shape[:-1], *rest).reshape(-1, *rest)
    return flat.scatter_reduce(0, place, updates, reduce=_REDUCE[reduction]).reshape(inputs.shape)


# --- search -----------------------------------------------------------------------------------------------------------


def nonzero(x):
    return tuple(i.to(torch.int32) for i in torch.nonzero(x, as_tuple=True))


def searchsorted(sorted_sequence, values, side="left"):
    return torch.searchsorted(sorted_sequence.contiguous(), values.contiguous(), side=side, out_int32=True)
