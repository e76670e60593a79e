"""A whole backend: tensors, Variables, transforms, and the primitives of `primitives.py` and `windows.py`."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from triceras.core import dtypes, registry, tree
from triceras.core.backend import Backend
from triceras_template import primitives, windows
from triceras_template.array import Array
from triceras_template.transforms import Transforms


class TemplateBackend(Transforms, Backend):
    """The stand-in for a framework behind Triceras's interface."""

    name = "template"
    tensor_types = (Array,)
    modules = (primitives, windows)  # where ops are looked up by name; add modules of faster functions as you like
    has_gradients = False  # a gap, declared: the suite asks for no gradients, and training says where to go

    def find(self, name: str) -> Any:
        """The function of an op. A framework whose functions take its own tensors needs no method here."""
        function = super().find(name)
        return None if function is None else on_arrays(function)

    def convert(self, x: Any, dtype: str | None = None) -> Array:
        if isinstance(x, Array):
            return x if dtype in (None, self.dtype(x)) else self.cast(x, dtype)
        return Array(dtypes.array_of(_plain(x), dtype))

    def to_numpy(self, x: Array) -> np.ndarray:
        return np.asarray(x)

    def cast(self, x: Array, dtype: str) -> Array:
        with np.errstate(all="ignore"):
            return Array(x.data.astype(dtypes.to_numpy_dtype(dtype)))

    def new_value(self, value: Any, dtype: str, trainable: bool) -> Array:
        """What a Variable holds: an array of its own."""
        return Array(np.array(_plain(value), dtype=dtypes.to_numpy_dtype(dtype)))

    def assign(self, native: Array, value: Array) -> Array:
        return Array(value.data.copy())

    def device_names(self) -> list[str]:
        return ["cpu:0"]

    def version(self) -> str:
        return np.__version__


def _plain(x: Any) -> Any:
    """Anyone's tensors and Variables, also those inside lists, as NumPy arrays; all else as it is."""
    if isinstance(x, (list, tuple)):
        return [_plain(v) for v in x]
    owner = registry.backend_of(x)
    if owner is None:
        return x
    return owner.to_numpy(x.value if hasattr(x, "assign") else x)


def on_arrays(function: Any) -> Any:
    """A function of NumPy arrays as one of our own: unpacks, computes, packs; NaN and infinity come silently."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        args, kwargs = tree.map_structure(lambda x: x.data if isinstance(x, Array) else x, (args, kwargs))
        with np.errstate(all="ignore"):
            return tree.map_structure(Array, function(*args, **kwargs))

    return run
