"""Tensors are `tf.Tensor`s: eager ones hold values, symbolic ones stand for values in a graph."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from triceras.core import dtypes, registry

EagerTensor = tf.__internal__.EagerTensor
COMPOSITES = (tf.IndexedSlices, tf.SparseTensor, tf.RaggedTensor)
NUMBERS = frozenset((bool, int, float))


class Tensors:
    """Conversion, dtype, shape and device of TensorFlow's tensors."""

    # The two leaf classes come first: dispatch looks for the exact type before it asks `isinstance`.
    tensor_types = (EagerTensor, tf.__internal__.SymbolicTensor, tf.Tensor, tf.Variable, *COMPOSITES)

    def convert(self, x: Any, dtype: str | None = None) -> Any:
        if type(x) in NUMBERS and dtype is not None:
            return kept((x or str(x), type(x), dtype), lambda: _constant(x, dtype))  # 0.0 equals -0.0
        if isinstance(x, COMPOSITES):
            return x if dtype is None else self.cast(x, dtype)
        if not isinstance(x, tf.Tensor):
            x = self._convert(x, dtype)
        return x if dtype is None or x.dtype.name == dtype else self.cast(x, dtype)

    def _convert(self, x: Any, dtype: str | None) -> tf.Tensor:
        if isinstance(x, tf.Variable):
            return tf.convert_to_tensor(x)
        if hasattr(x, "assign") and hasattr(x, "backend"):
            return self.convert(x.value)
        owner = registry.backend_of(x)
        if isinstance(x, (list, tuple)) and owner is not None:
            return self._stack([self.convert(v) for v in x])
        if owner is not None and owner is not self:
            is_sparse = owner.sparse is not None and owner.sparse.is_sparse(x)
            return self.sparse.make(*owner.sparse.take_apart(x)) if is_sparse else _from_dlpack(x, owner)
        return _constant(x, dtype)

    def _stack(self, parts: list[Any]) -> tf.Tensor:
        common = dtypes.result_type(*(self.dtype(part) for part in parts))
        return tf.stack([self.convert(part, common) for part in parts])

    def to_numpy(self, x: Any) -> np.ndarray:
        if isinstance(x, EagerTensor):
            return np.asarray(x.numpy())
        if isinstance(x, COMPOSITES):
            return self.to_numpy(densify(x))
        if self.is_traced(x):
            raise TypeError(
                f"Can't read the values of {x}: it is a tensor of a graph that is being traced, inside `jit`, "
                "`tf.function` or a compiled training step. Use ops on it, or run uncompiled (`run_eagerly=True`)."
            )
        return np.asarray(x.numpy())

    def cast(self, x: Any, dtype: str) -> Any:
        if x.dtype.is_complex and not dtype.startswith("complex"):
            x = tf.math.real(x) if dtype != "bool" else tf.not_equal(x, 0)
        if dtype.startswith("float8") and not x.dtype.is_floating:
            x = tf.cast(x, "float32")
        if type(x) is EagerTensor:  # the bare operation takes half as long
            return tf.raw_ops.Cast(x=x, DstT=tf.as_dtype(dtype))
        return tf.cast(x, dtype)

    def shape(self, x: Any) -> tuple[int | None, ...]:
        shape = x.shape
        if shape.rank is None:
            raise ValueError(f"{x} has an unknown number of dimensions; give it one with `tf.ensure_shape(x, shape)`.")
        return tuple(shape.as_list())

    def dtype(self, x: Any) -> str:
        return x.dtype.name

    def dynamic_shape(self, x: Any) -> tuple[Any, ...]:
        """The shape with scalar tensors where only the running graph knows."""
        static = self.shape(x)
        if None not in static:
            return static
        running = tf.shape(x)
        return tuple(running[i] if size is None else size for i, size in enumerate(static))

    def is_traced(self, x: Any) -> bool:
        if isinstance(x, tf.Variable):
            return not tf.executing_eagerly()
        if isinstance(x, COMPOSITES):
            return any(map(self.is_traced, tf.nest.flatten(x, expand_composites=True)))
        return not isinstance(x, EagerTensor)

    # --- the machine ------------------------------------------------------------------------------------------------

    def device_names(self) -> list[str]:
        return [_short_name(device.name) for device in tf.config.list_logical_devices()]

    def device(self, name: str) -> Any:
        known = self.device_names()
        wanted = name.lower().replace("cuda", "gpu")
        wanted = wanted if ":" in wanted else f"{wanted}:0"
        if wanted not in known:
            raise ValueError(f"Unknown device {name!r}. TensorFlow has: {', '.join(known)}.")
        return tf.device(wanted)

    def synchronize(self) -> None:
        tf.test.experimental.sync_devices()

    def version(self) -> str:
        return tf.__version__

    def seed_framework(self, seed: int) -> None:
        tf.random.set_seed(seed)


convert, dynamic_shape = Tensors().convert, Tensors().dynamic_shape


def densify(x: Any) -> Any:
    """A plain tensor in place of slices, a sparse or a ragged tensor."""
    if isinstance(x, tf.SparseTensor):
        return tf.sparse.to_dense(x, validate_indices=False)
    if isinstance(x, tf.RaggedTensor):
        return x.to_tensor()
    return tf.convert_to_tensor(x)


def shape_tensor(shape: Any) -> Any:
    """A shape for TensorFlow's functions from ints and scalar tensors."""
    shape = (shape,) if isinstance(shape, (int, np.integer)) or getattr(shape, "shape", None) == () else shape
    if isinstance(shape, (tf.Tensor, tf.Variable, np.ndarray)):
        return shape
    if any(isinstance(size, (tf.Tensor, tf.Variable)) for size in shape):
        return tf.stack([tf.cast(size, tf.int32) for size in shape])
    return ints(tuple(shape))


def ints(values: tuple[int, ...]) -> Any:
    """Sizes or axes for TensorFlow's functions; eagerly as a tensor that is kept, as `kept` says."""
    return kept(values, lambda: tf.constant(values, tf.int32)) if max(values, default=0) < 2**31 else values


def _constant(x: Any, dtype: str | None) -> tf.Tensor:
    """A tensor with a copy of numbers, lists or arrays; TensorFlow copies NumPy's memory by itself."""
    if dtype == "string" or isinstance(x, (str, bytes)):
        return tf.constant(np.asarray(x, dtype=object), tf.string)
    array = np.asarray(x) if hasattr(x, "dtype") else dtypes.array_of(x, dtype)
    if array.dtype.kind in "USO":
        return tf.constant(array.astype(object), tf.string if array.dtype.kind in "US" else None)
    if dtype is not None and not dtype.startswith("float8"):
        array = array.astype(dtypes.to_numpy_dtype(dtype), copy=False)
    return tf.convert_to_tensor(array)


_KEPT: dict[Any, tf.Tensor] = {}
_MOST_KEPT = 1_000


def kept(key: Any, make: Callable[[], Any]) -> Any:
    """A small constant: eagerly made only once, since making one takes longer than most operations on it."""
    if _has_several_devices() or not tf.executing_eagerly():
        return make()
    found = _KEPT.get(key)
    if found is None:
        if len(_KEPT) >= _MOST_KEPT:
            _KEPT.clear()
        found = _KEPT[key] = make()
    return found


@functools.cache
def _has_several_devices() -> bool:
    return len(tf.config.list_logical_devices()) > 1


_ALIGNMENT = 64  # bytes: where memory isn't aligned so, TensorFlow's kernels end the process


def _from_dlpack(x: Any, owner: Any) -> tf.Tensor:
    """Another backend's tensor: shared memory where DLPack can, else through NumPy."""
    try:
        on_host = x.__dlpack_device__()[0] == 1
        if not on_host or np.from_dlpack(x).ctypes.data % _ALIGNMENT == 0:
            return tf.experimental.dlpack.from_dlpack(x.__dlpack__())
    except Exception:  # frameworks raise what they like: strides, devices, dtypes or gradients in the way
        pass
    return tf.convert_to_tensor(owner.to_numpy(x))


def _short_name(name: str) -> str:
    """`cpu:0` from `/device:CPU:0`."""
    return name.rpartition("device:")[2].lower()


# --- trees taken apart into tensors and a skeleton that can be hashed ----------------------------------------------

SLOT = object()  # where a tensor stood
TENSORS = (tf.Tensor, tf.Variable, *COMPOSITES)


class Node(NamedTuple):
    """A container: its type, a mapping's keys, and the skeletons of what it holds."""

    kind: type
    keys: tuple | None
    children: tuple


class Static(NamedTuple):
    """A leaf that is no tensor. The type is part of it since 1, 1.0 and True are equal."""

    kind: type
    value: Any


class ByIdentity:
    """Something that can't be hashed: equal to itself alone."""

    __slots__ = ("value",)

    def __init__(self, value: Any):
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ByIdentity) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)


def split(x: Any, tensors: list[Any], arrays: bool = True) -> Any:
    """The skeleton of a tree; its tensors are appended to a list, NumPy's too if `arrays`. Variables are read if not.

    Args:
        x: the tree.
        tensors: gets the tensors.
        arrays: whether this is a call's input, in which NumPy arrays are tensors and Variables are themselves; in its
            output arrays are constants and Variables stand for their values.
    """
    if isinstance(x, TENSORS):
        tensors.append(tf.convert_to_tensor(x) if isinstance(x, tf.Variable) else x)
        return SLOT
    if isinstance(x, (list, tuple)):
        return Node(type(x), None, tuple([split(v, tensors, arrays) for v in x]))
    if isinstance(x, Mapping):
        return Node(type(x), tuple(x), tuple([split(v, tensors, arrays) for v in x.values()]))
    if arrays and isinstance(x, (np.ndarray, np.generic)) and x.dtype != object:
        tensors.append(tf.convert_to_tensor(x))
        return SLOT
    if not arrays and hasattr(x, "assign") and hasattr(x, "backend"):
        tensors.append(tf.convert_to_tensor(x.value))
        return SLOT
    try:
        hash(x)
    except TypeError:
        x = ByIdentity(x)
    return Static(type(x), x)


def fill(skeleton: Any, tensors: Iterator[Any]) -> Any:
    """The tree of a skeleton with tensors in the slots."""
    if skeleton is SLOT:
        return next(tensors)
    if isinstance(skeleton, Static):
        return skeleton.value.value if skeleton.kind is ByIdentity else skeleton.value
    values = [fill(child, tensors) for child in skeleton.children]
    if skeleton.keys is not None:
        return skeleton.kind(zip(skeleton.keys, values, strict=True))
    return skeleton.kind(*values) if hasattr(skeleton.kind, "_fields") else skeleton.kind(values)
