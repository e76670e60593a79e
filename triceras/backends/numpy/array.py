"""NumPy functions of the ops in `ops/array.py`."""

import builtins

import numpy as np

from triceras.core.dtypes import to_numpy_dtype


def reshape(x, newshape):
    return np.reshape(x, newshape)


def transpose(x, axes=None):
    return np.transpose(x, axes)


def flip(x, axis=None):
    return np.flip(x, axis)


def broadcast_to(x, shape):
    return np.broadcast_to(x, shape)


def expand_dims(x, axis):
    return np.expand_dims(x, axis)


def squeeze(x, axis=None):
    return np.squeeze(x, axis)


def roll(x, shift, axis=None):
    return np.roll(x, shift, axis)


def zeros(shape, dtype=None):
    return np.zeros(shape, to_numpy_dtype(dtype))


def ones(shape, dtype=None):
    return np.ones(shape, to_numpy_dtype(dtype))


def full(shape, fill_value, dtype=None):
    return np.full(shape, fill_value, to_numpy_dtype(dtype))


def arange(start, stop, step, dtype=None):
    return np.arange(start, stop, step).astype(to_numpy_dtype(dtype))


def copy(x):
    return np.array(x)


def view(x, dtype=None):
    return np.array(x, order="C").view(to_numpy_dtype(dtype))


def concatenate(xs, axis=0):
    return np.concatenate(xs, axis=axis)


def stack(x, axis=0):
    return np.stack(x, axis=axis)


def split(x, indices_or_sections, axis=0):
    return np.split(x, indices_or_sections, axis=axis)


def repeat(x, repeats, axis=None):
    return np.repeat(x, repeats, axis=axis)


def tile(x, repeats):
    return np.tile(x, repeats)


def pad(x, pad_width, mode="constant", constant_values=None):
    more = {"constant_values": np.asarray(constant_values).astype(x.dtype)} if mode == "constant" else {}
    return np.pad(x, pad_width, mode=mode, **more)


def get_item(x, key):
    return x[key]


def take(x, indices, axis=None):
    return np.take(x, indices, axis=axis)


def take_along_axis(x, indices, axis=None):
    return np.take_along_axis(x, indices, axis=axis)


def _block(x, start_indices, shape):
    """The index of a block, moved inward where it would reach beyond the end, as compiled backends do."""
    starts = [int(s) for s in start_indices]
    sizes = [n - s if d == -1 else int(d) for n, s, d in zip(x.shape, starts, shape, strict=True)]
    starts = [min(max(s, 0), n - d) for n, s, d in zip(x.shape, starts, sizes, strict=True)]
    return tuple(builtins.slice(s, s + d) for s, d in zip(starts, sizes, strict=True))


def slice(inputs, start_indices, shape):
    return inputs[_block(inputs, start_indices, shape)]


def slice_update(inputs, start_indices, updates):
    result = np.array(inputs)
    result[_block(inputs, start_indices, updates.shape)] = updates
    return result


_COMBINE = {"add": np.add.at, "max": np.maximum.at, "min": np.minimum.at, "mul": np.multiply.at}


def scatter_update(inputs, indices, updates, reduction=None):
    result, places = np.array(inputs), tuple(np.moveaxis(indices, -1, 0))
    if reduction is None:
        result[places] = updates
    else:
        _COMBINE[reduction](result, places, updates)
    return result


def nonzero(x):
    return tuple(i.astype(np.int32) for i in np.nonzero(x))


def searchsorted(sorted_sequence, values, side="left"):
    return np.searchsorted(sorted_sequence, values, side=side).astype(np.int32)
