"""`Variable`: a tensor with a name that can be assigned. It is bound to one backend and can be moved to another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from triceras.core import dtypes, naming, placement, registry
from triceras.core.operators import Operators
from triceras.core.scope import local, setting


class autocast_scope:  # noqa: N801 - reads as a function
    """Inside, floating variables are read in another dtype (None: in their own)."""

    __slots__ = ("dtype", "before")

    def __init__(self, dtype: str | None):
        self.dtype = dtype

    def __enter__(self) -> None:
        self.before = local.autocast
        local.autocast = self.dtype

    def __exit__(self, *exc: object) -> None:
        local.autocast = self.before


def _native(x: Any) -> Any:
    """Framework code gets the tensors, never our Variables; containers are rebuilt only where they hold one."""
    if isinstance(x, Variable):
        return x.value
    if isinstance(x, (list, tuple)) and any(isinstance(v, (Variable, list, tuple)) for v in x):
        return type(x)(map(_native, x))
    return x


class Variable(Operators):
    """A named tensor that can be assigned, bound to the backend it was made on.

    Args:
        initializer: a number, list or array with the first value; or a function `(shape, dtype) -> array`, such as an
            initializer.
        shape: dimensions; needed with a function.
        dtype: standard name; defaults to `floatx`, or to the dtype of an array that isn't floating.
        trainable: whether optimizers change it.
        autocast: whether a layer of lower compute precision reads it in that precision.
        aggregation: how replicas' values are combined in distributed training: "none", "mean", "sum",
            "only_first_replica".
        synchronization: kept for compatibility.
        name: without "/"; `variable`, `variable_1`… by default.
        layout: how it is laid out over devices (see `distribution`).

    Raises:
        ValueError: a function without a shape, or a shape with unknown dimensions.

    Example:
        >>> import triceras
        >>> v = triceras.Variable([1.0, 2.0], name="v")
        >>> v.assign_add([1.0, 1.0])
        >>> v.numpy().tolist(), v.dtype
        ([2.0, 3.0], 'float32')
    """

    def __init__(
        self,
        initializer: Any,
        shape: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str = "none",
        synchronization: str = "auto",
        name: str | None = None,
        layout: Any = None,
        **kwargs: Any,
    ):
        if name is not None and (not isinstance(name, str) or "/" in name):
            raise ValueError(f"Argument `name` must be a string without '/'. Received: name={name!r}")
        if aggregation not in ("none", "mean", "sum", "only_first_replica"):
            raise ValueError(f"aggregation must be none, mean, sum or only_first_replica; got {aggregation!r}.")
        self.name = name or naming.auto_name(type(self).__name__)
        scope = naming.current_path()
        self.path = f"{scope}/{self.name}" if scope else self.name
        self.autocast, self.aggregation = autocast, aggregation
        self.synchronization, self.layout = synchronization, layout
        self.regularizer = self.constraint = None
        self.overwrite_with_gradient = False
        self._trainable = bool(trainable)
        self.backend = registry.current()
        self.shape, self.dtype, value = _first_value(initializer, shape, dtype, self.path)
        self.native = self.backend.new_value(value, self.dtype, self._trainable)
        placement.place(self)

    # --- value -----------------------------------------------------------------------------------------------------

    @property
    def value(self) -> Any:
        """The tensor: a `jax.Array`, `torch.Tensor`, `tf.Variable` or `ndarray`; inside a transform, the traced one."""
        state = local.state
        value = self.native if state is None else state.lookup(self)
        autocast = local.autocast
        if autocast is not None and self.autocast and autocast != self.dtype and dtypes.is_float(self.dtype):
            return self.backend.cast(value, autocast)
        return value

    def assign(self, value: Any) -> None:
        """Replace the value.

        Args:
            value: a number, array or tensor that has the variable's shape or broadcasts to it.

        Raises:
            ValueError: another shape.
            TypeError: a tensor of another backend.
        """
        backend = self.backend
        if not isinstance(value, backend.tensor_types):
            other = registry.backend_of(value)
            if other is not None and other is not backend:
                registry._stronger(backend, other)
            with setting(autocast=None):
                value = _native(value)
        value = backend.convert(value, self.dtype)
        if backend.shape(value) != self.shape:
            value = self._fit(value)
        state = local.state
        if state is not None:
            state.add_update((self, value))
        else:
            self.native = backend.assign(self.native, value)

    def _fit(self, value: Any) -> Any:
        from triceras import ops

        shape = self.backend.shape(value)
        known = zip(reversed(shape), reversed(self.shape), strict=False)
        if len(shape) <= len(self.shape) and all(d in (1, None, n) for d, n in known):
            return ops.broadcast_to(value, self.shape) if None not in shape else value
        raise ValueError(
            "The shape of the target variable and the shape of the target value in `variable.assign(value)` must "
            f"match. variable.shape={self.shape}, Received: value.shape={shape}. Target variable: {self.path}"
        )

    def assign_add(self, value: Any) -> None:
        """Add to the value."""
        self.assign(self + value)

    def assign_sub(self, value: Any) -> None:
        """Subtract from the value."""
        self.assign(self - value)

    def numpy(self) -> np.ndarray:
        """The value as a NumPy array."""
        return self.backend.to_numpy(self.value)

    @property
    def ndim(self) -> int:
        """How many dimensions there are."""
        return len(self.shape)

    @property
    def trainable(self) -> bool:
        """Whether optimizers change it."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        if bool(value) != self._trainable:
            self._trainable = bool(value)
            self.native = self.backend.set_trainable(self.native, self._trainable)

    # --- moving ----------------------------------------------------------------------------------------------------

    def to_backend(self, name: Any) -> Variable:
        """Move to another backend, in place.

        Args:
            name: a backend's name.

        Returns:
            The variable itself.
        """
        target = registry.get(name)
        if target is not self.backend:
            value = self.backend.to_numpy(self.native)
            self.backend = target
            self.native = target.new_value(value, self.dtype, self._trainable)
            placement.place(self)
        return self

    def __reduce__(self) -> tuple:
        return _rebuild, (type(self), self.backend.name, self.backend.to_numpy(self.native), self._settings())

    def _settings(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key not in ("native", "backend")}

    # --- standing in for a tensor ------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        value = "" if self.backend.is_traced(self.value) else f", value={self.numpy()}"
        return f"<{type(self).__name__} path={self.path}, shape={self.shape}, dtype={self.dtype}{value}>"

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.asarray(self.numpy(), dtype=dtype)

    def __float__(self) -> float:
        return float(self.numpy())

    def __int__(self) -> int:
        return int(self.numpy())

    def __bool__(self) -> bool:
        return bool(self.numpy())

    def __index__(self) -> int:
        return self.numpy().__index__()

    def __jax_array__(self) -> Any:
        return self.value

    def __tf_tensor__(self, dtype: Any = None, name: Any = None) -> Any:
        value = self.backend.convert(self.value)
        return value if dtype is None else self.backend.cast(value, dtypes.standardize_dtype(dtype))

    @classmethod
    def __torch_function__(cls, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        return func(*map(_native, args), **{key: _native(value) for key, value in (kwargs or {}).items()})

    def __getattr__(self, name: str) -> Any:
        backend = self.__dict__.get("backend")
        if backend is None or name == "native":
            raise AttributeError(name)
        try:
            return backend.protocol(self, name)
        except AttributeError:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}") from None


def _rebuild(cls: type, backend: str, value: np.ndarray, settings: dict[str, Any]) -> Variable:
    self = object.__new__(cls)
    self.__dict__.update(settings, backend=registry.get(backend))
    self.native = self.backend.new_value(value, self.dtype, self._trainable)
    return self


def _first_value(initializer: Any, shape: Any, dtype: Any, path: str) -> tuple[tuple[int, ...], str, Any]:
    if callable(initializer) and not hasattr(initializer, "shape"):
        if shape is None:
            raise ValueError(f"Variable {path}: an initializer function needs `shape`. Received: shape=None")
        shape, dtype = standardize_shape(shape, path), dtypes.standardize_dtype(dtype)
        check_allocation(shape, dtype, path)
        draw = getattr(initializer, "draw", initializer)  # initializers draw on the host: no device round trip
        with setting(autocast=None, state=None):
            return shape, dtype, draw(shape, dtype=dtype)
    value = initializer.numpy() if isinstance(initializer, Variable) else initializer
    if registry.backend_of(value) is not None:
        value = registry.backend_of(value).to_numpy(value)
    array = dtypes.array_of(value)
    if dtype is None and array.dtype.kind == "f" and not hasattr(initializer, "dtype"):
        dtype = dtypes.standardize_dtype(None)
    dtype = dtypes.standardize_dtype(dtype if dtype is not None else array.dtype)
    if shape is not None and standardize_shape(shape, path) != array.shape:
        array = np.broadcast_to(array, standardize_shape(shape, path))
    check_allocation(array.shape, dtype, path)
    return array.shape, dtype, array


def standardize_shape(shape: Any, where: str = "shape") -> tuple[int, ...]:
    """A tuple of non-negative ints.

    Raises:
        ValueError: unknown, negative or non-integer dimensions.
    """
    shape = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    for d in shape:
        if not isinstance(d, (int, np.integer)) or isinstance(d, bool) or d < 0:
            raise ValueError(f"{where}: every dimension must be a non-negative integer. Received: shape={shape}")
    return tuple(map(int, shape))


def check_allocation(shape: tuple[int, ...], dtype: str, path: str) -> None:
    """Ask the thread's allocation budget, if there is one, before memory is taken."""
    if local.allocation_budget is not None:
        size = 1
        for d in shape:
            size *= d
        local.allocation_budget(size * dtypes.itemsize(dtype), path)
