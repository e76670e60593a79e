"""Dtype names and promotion: JAX's lattice with weak Python scalars, `floatx` where JAX would say float64."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from triceras.core import config

INTEGERS = ("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64")
FLOATS = ("float16", "bfloat16", "float32", "float64")
FLOATS8 = ("float8_e4m3fn", "float8_e5m2")
COMPLEX = ("complex64", "complex128")
ALL = frozenset(("bool", "string", *INTEGERS, *FLOATS, *FLOATS8, *COMPLEX))

# The promotion lattice of the JAX documentation ("Type promotion semantics"); int, float, complex are its weak types.
_PARENTS = {
    "bool": (int,),
    int: ("uint8", "int8"),
    "uint8": ("uint16", "int16"),
    "uint16": ("uint32", "int32"),
    "uint32": ("uint64", "int64"),
    "uint64": (float,),
    "int8": ("int16",),
    "int16": ("int32",),
    "int32": ("int64",),
    "int64": (float,),
    float: ("bfloat16", "float16", complex, *FLOATS8),
    "float8_e4m3fn": ("bfloat16", "float16"),
    "float8_e5m2": ("bfloat16", "float16"),
    "bfloat16": ("float32",),
    "float16": ("float32",),
    "float32": ("float64", "complex64"),
    "float64": ("complex128",),
    complex: ("complex64",),
    "complex64": ("complex128",),
    "complex128": (),
}


@functools.cache
def _ancestors(dtype: Any) -> frozenset:
    return frozenset((dtype,)).union(*(_ancestors(parent) for parent in _PARENTS[dtype]))


@functools.lru_cache(maxsize=4096)
def _least_upper_bound(dtypes: frozenset) -> Any:
    common = frozenset.intersection(*(_ancestors(d) for d in dtypes))
    return max((d for d in _PARENTS if d in common), key=lambda d: len(_ancestors(d)))  # a set's order varies by run


@functools.lru_cache(maxsize=256)
def _name(dtype: Any) -> str | None:
    """The standard name of a hashable dtype object, or None."""
    if isinstance(dtype, str):
        name = dtype
    elif isinstance(dtype, type) and dtype in (bool, int, float, complex, str):
        return {bool: "bool", int: "int32", float: None, complex: "complex64", str: "string"}[dtype]
    else:
        try:
            name = getattr(dtype, "name", None) or np.dtype(dtype).name
        except TypeError:
            name = getattr(dtype, "__name__", None) or str(dtype).rpartition(".")[2]  # "framework.float32"
    if name and name.startswith("str"):
        return "string"
    return {"int": "int32", "bool_": "bool"}.get(name, name)


def standardize_dtype(dtype: Any) -> str:
    """The standard name of a dtype.

    Args:
        dtype: a name, a Python, NumPy or framework dtype; None means `config.floatx()`.

    Returns:
        A name such as `"float32"`.

    Raises:
        ValueError: it is no dtype that is known here.

    Example:
        >>> import numpy as np
        >>> standardize_dtype(np.dtype("int8"))
        'int8'
    """
    if dtype is None or dtype is float or (isinstance(dtype, str) and dtype == "float"):
        return config.floatx()
    try:
        name = _name(dtype)
    except TypeError:
        name = None
    if name not in ALL:
        raise ValueError(f"Invalid dtype: {dtype!r}. Known dtypes: {', '.join(sorted(ALL))}.")
    return name


def result_type(*dtypes: Any) -> str:
    """The dtype of an operation on arguments of these dtypes.

    Args:
        *dtypes: dtypes; the Python types `int`, `float` and `complex` (or their values' types) are weak, that is, they
            don't widen a tensor's dtype.

    Returns:
        A standard name. No arguments give `config.floatx()`.

    Example:
        >>> result_type("int32", "float16"), result_type("float16", float), result_type("int8", "uint8")
        ('float16', 'float16', 'int16')
    """
    if not dtypes:
        return config.floatx()
    keys = frozenset(d if isinstance(d, type) and d in (int, float, complex) else standardize_dtype(d) for d in dtypes)
    bound = next(iter(keys)) if len(keys) == 1 else _least_upper_bound(keys)
    if bound is int:
        return "int32"
    if bound is float:
        return config.floatx()
    return "complex64" if bound is complex else bound


def is_float(dtype: Any) -> bool:
    """Whether a dtype is a real floating-point one (also `bfloat16` and the 8-bit ones)."""
    return dtype is float or standardize_dtype(dtype) in (*FLOATS, *FLOATS8)


def is_int(dtype: Any) -> bool:
    """Whether a dtype is an integer one; `bool` isn't."""
    return dtype is int or standardize_dtype(dtype) in INTEGERS


def is_complex(dtype: Any) -> bool:
    """Whether a dtype is a complex one."""
    return dtype is complex or standardize_dtype(dtype) in COMPLEX


def is_inexact(dtype: Any) -> bool:
    """Whether a dtype is floating-point or complex."""
    return is_float(dtype) or is_complex(dtype)


@functools.cache
def to_numpy_dtype(name: str) -> np.dtype:
    """The NumPy dtype of a standard name; `ml_dtypes` supplies those that NumPy lacks."""
    if name == "string":
        return np.dtype(object)
    if name == "bfloat16" or name.startswith("float8"):
        import ml_dtypes

        return np.dtype(getattr(ml_dtypes, name))
    return np.dtype(name)


def largest(dtype: Any) -> int | float:
    """The largest finite number of an integer or floating dtype, as a Python number."""
    kind = to_numpy_dtype(standardize_dtype(dtype))
    if kind.kind in "iu":
        return int(np.iinfo(kind).max)
    if kind.kind in "fc":
        return float(np.finfo(kind).max)
    import ml_dtypes

    return float(ml_dtypes.finfo(kind).max)


def machine_epsilon(dtype: Any) -> float:
    """The distance from 1 to the next larger number of a floating or complex dtype."""
    kind = to_numpy_dtype(standardize_dtype(dtype))
    if kind.kind in "fc":
        return float(np.finfo(kind).eps)
    import ml_dtypes

    return float(ml_dtypes.finfo(kind).eps)


def itemsize(name: str) -> int:
    """Bytes of one element."""
    return to_numpy_dtype(name).itemsize


def array_of(x: Any, dtype: str | None = None) -> np.ndarray:
    """A NumPy array of Python numbers, nested lists or arrays, with Keras's defaults for what is pure Python.

    Args:
        x: numbers, nested lists of them, or anything with `__array__`.
        dtype: standard name, or None to infer: Python ints are int32, floats `floatx`; arrays keep theirs.
    """
    if dtype is not None:
        return np.asarray(x, dtype=to_numpy_dtype(dtype))
    array = np.asarray(x)
    if not hasattr(x, "dtype"):
        if array.dtype == np.float64:
            return array.astype(to_numpy_dtype(config.floatx()))
        if array.dtype == np.int64 and (array.size == 0 or -(2**31) <= array.min() and array.max() < 2**31):
            return array.astype(np.int32) if array.size or isinstance(x, int) else array.astype(config.floatx())
    return array
