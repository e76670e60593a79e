"""Tensors are `jax.Array`s and the tracers that stand for them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxlib._jax import ArrayImpl

from triceras.core import dtypes, registry
from triceras.core.scope import local

# The class of real arrays comes first: `type(x) in TENSOR_TYPES` then finds them without asking the metaclass.
# It isn't found by making an array: that would start XLA, and processes that join others must do so before.
TENSOR_TYPES = (ArrayImpl, jax.Array)
ARRAY = TENSOR_TYPES[0]


class _Kind(type):
    def __instancecheck__(cls, x: Any) -> bool:
        kind = type(x)
        return kind.__name__ == "BCOO" and kind.__module__.startswith("jax.")


class BCOO(metaclass=_Kind):
    """The type of sparse tensors, known without importing its module, which takes a third as long as JAX itself."""


@functools.lru_cache(maxsize=64)
def _jax_dtype(name: str, x64: bool) -> np.dtype:
    return np.dtype(jax.dtypes.canonicalize_dtype(dtypes.to_numpy_dtype(name)))


def jax_dtype(name: str) -> np.dtype:
    """The dtype that JAX keeps where `name` is asked for: 32 bits for 64, unless `jax_enable_x64` is on."""
    return _jax_dtype(name, jax.config.jax_enable_x64)


def compiled(function: Callable, *static: str) -> Callable:
    """A function compiled by itself: in eager code one call of XLA, in traced code as if it stood there."""
    return jax.jit(function, static_argnames=static, inline=True)


def strong(x: Any, dtype: np.dtype) -> Any:
    """A tensor cast to a dtype that takes full part in promotion."""
    return x if x.dtype == dtype and not x.weak_type else jax.lax.convert_element_type(x, dtype)


class Tensors:
    """Conversion, dtype and device of JAX arrays."""

    def convert(self, x: Any, dtype: str | None = None) -> Any:
        kind = type(x)
        if kind is np.ndarray or kind in _NUMBERS:
            return _of_host(x, dtype)
        if hasattr(x, "assign"):
            x = x.value
        if isinstance(x, TENSOR_TYPES):
            return x if dtype is None else strong(x, jax_dtype(dtype))
        if isinstance(x, BCOO):
            return x if dtype is None else self.cast(x, dtype)
        owner = registry.backend_of(x)
        if isinstance(x, (list, tuple)) and owner is not None:
            return self.convert(jnp.stack(self._same_dtype([self.convert(v) for v in x])), dtype)
        if owner is not None and owner is not self:
            is_sparse = owner.sparse is not None and owner.sparse.is_sparse(x)
            x = self.sparse.make(*owner.sparse.take_apart(x)) if is_sparse else _import(owner, x)
            return self.convert(x, dtype)
        return _of_host(x, dtype)

    def _same_dtype(self, tensors: list[Any]) -> list[Any]:
        common = dtypes.result_type(*(x.dtype for x in tensors))
        return [self.cast(x, common) for x in tensors]

    def to_numpy(self, x: Any) -> np.ndarray:
        x = self.sparse.densify(x) if isinstance(x, BCOO) else x
        whole = type(x) is not ARRAY or x.is_fully_addressable or x.is_fully_replicated
        return np.asarray(x) if whole else self.engine().gathered(x)

    def cast(self, x: Any, dtype: str) -> Any:
        if not isinstance(x, TENSOR_TYPES):
            values, rebuild = self.sparse.values(x)
            return rebuild(self.cast(values, dtype))
        kind = jax_dtype(dtype)
        if x.dtype.kind == "c" and kind.kind != "c":
            x = x.real
        return strong(x, kind)

    def dtype(self, x: Any) -> str:
        return x.dtype.name

    def canonical_dtype(self, dtype: str) -> str:
        return jax_dtype(dtype).name

    def is_traced(self, x: Any) -> bool:
        return isinstance(x.data if isinstance(x, BCOO) else x, jax.core.Tracer)

    def device_names(self) -> list[str]:
        return [f"{device.platform}:{device.id}" for device in jax.local_devices()]

    def device(self, name: str) -> Any:
        return jax.default_device(find_device(name))

    def synchronize(self) -> None:
        jax.effects_barrier()
        for x in jax.live_arrays():
            x.block_until_ready()

    def version(self) -> str:
        return jax.__version__


_NUMBERS = frozenset((bool, int, float))


def _of_host(x: Any, dtype: str | None) -> jax.Array:
    """A tensor of numbers, lists or an array; 64 bits become 32 without a word."""
    if type(x) in _NUMBERS and dtype is not None and local.state is None:
        return _constant(repr(x), x, jax_dtype(dtype))
    array = x if type(x) is np.ndarray and dtype is None else dtypes.array_of(x, dtype)
    if array.dtype.kind in "OUS":
        raise TypeError(f"The jax backend has no tensors of {array.dtype}: strings and objects stay NumPy arrays.")
    return jnp.asarray(array.astype(jax_dtype(array.dtype.name), copy=False))


@functools.lru_cache(maxsize=1024)
def _constant(name: str, x: Any, dtype: np.dtype) -> jax.Array:
    """A number as a tensor, kept: eager code meets the same few again and again. (In traced code it is a literal.)

    Its name tells it from equal numbers: True from 1, -0.0 from 0.0.
    """
    with jax.ensure_compile_time_eval():
        return jnp.asarray(np.asarray(x).astype(dtype))


def _import(owner: Any, x: Any) -> Any:
    """Another framework's tensor; shares its memory where both can."""
    x = x.detach() if hasattr(x, "detach") else x
    dtype = owner.dtype(x)
    if dtype == jax_dtype(dtype).name and dtype != "bool":
        try:
            return jnp.from_dlpack(x)
        except Exception:  # noqa: BLE001 - what stands in the way differs by framework, device and layout
            pass
    return owner.to_numpy(x)


def find_device(name: str) -> Any:
    """The device of a name such as `cpu:0` or `gpu`.

    Raises:
        ValueError: there is none.
    """
    platform, _, index = name.lower().partition(":")
    platform = {"cuda": "gpu"}.get(platform, platform)
    found = [d for d in jax.local_devices() if d.platform == platform]
    if not found and platform == "cpu":
        found = jax.local_devices(backend="cpu")
    if not found or (index and int(index) >= len(found)):
        names = ", ".join(f"{d.platform}:{d.id}" for d in jax.local_devices())
        raise ValueError(f"JAX has no device {name!r}. Devices here: {names}.")
    return found[int(index or 0)]
