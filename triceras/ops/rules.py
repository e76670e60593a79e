"""Rules: how an op's result follows from its inputs, as data that runs on specs and drives the eager coercion.

A rule has three parts: `tensors`, the names of the parameters that are tensors; `dtypes`, a function from the inputs'
dtypes to (the dtypes that they are cast to, the result's dtype); `shape`, a function of all arguments by name, specs in
place of tensors, that gives the result's shape (a list of shapes for several results).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from triceras.core import config
from triceras.core.dtypes import is_inexact, result_type, standardize_dtype
from triceras.core.spec import Spec


class Rule(NamedTuple):
    """How shapes and dtypes of an op work.

    Args:
        shape: function of the bound arguments by keyword → shape, or list of shapes.
        dtypes: function of the inputs' dtypes → (dtypes to cast to, dtype of the result or list of them).
        tensors: names of tensor parameters; one with a leading "*" is a list of tensors, with a trailing "?" optional.
        prepare: changes the other arguments in place, by name, into the form that backends expect (axes non-negative,
            sizes as tuples), and refuses wrong ones.
    """

    shape: Callable[..., Any]
    dtypes: Callable[..., tuple[tuple, Any]]
    tensors: tuple[str, ...] = ("x",)
    prepare: Callable[[dict[str, Any]], None] | None = None

    @property
    def variadic(self) -> bool:
        """Whether some tensor parameter is a list or optional."""
        return _variadic(self.tensors)

    def inputs(self, bound: dict[str, Any]) -> tuple[list[Any], Any]:
        """The tensor arguments in one flat list, and where each came from."""
        if not self.variadic:
            return [bound[name] for name in self.tensors], self.tensors
        found, places = [], []
        for name in self.tensors:
            key = name.strip("*?")
            value = bound[key]
            if name[0] == "*":
                for i, x in enumerate(value):
                    found.append(x)
                    places.append((key, i))
            elif value is not None or name[-1] != "?":
                found.append(value)
                places.append((key, None))
        return found, places

    def put(self, bound: dict[str, Any], places: Any, values: Any) -> None:
        """Put values back where `inputs` found them."""
        if places is self.tensors:
            bound.update(zip(places, values, strict=True))
            return
        bound.update({name[1:]: [] for name in self.tensors if name[0] == "*"})
        for (key, i), value in zip(places, values, strict=True):
            if i is None:
                bound[key] = value
            else:
                bound[key].append(value)

    def replace_tensors(self, bound: dict[str, Any], coerce: Callable[..., list[Any]]) -> tuple:
        """Make the tensor arguments ready, in place; returns the dtypes that they came with."""
        found, places = self.inputs(bound)
        found = [coerce.tensor(x) for x in found]
        self.put(bound, places, coerce(found))
        return tuple(key if isinstance(key, type) else standardize_dtype(key) for key in (coerce.key(x) for x in found))

    def result(self, bound: dict[str, Any], keys: tuple) -> str:
        """The result's dtype where the op has a `dtype` argument."""
        if bound.get("dtype") is not None:
            return standardize_dtype(bound["dtype"])
        dtype = self.dtypes(*keys)[1]
        return dtype if isinstance(dtype, list) else standardize_dtype(dtype)

    def spec(self, op: Any, bound: dict[str, Any]) -> Any:
        """The result's spec, a tuple of specs for several results."""
        from triceras.ops.op import spec_of

        found, places = self.inputs(bound)
        specs = [spec_of(x) for x in found]
        self.put(bound, places, specs)
        if self.prepare is not None:
            self.prepare(bound)
        keys = tuple(s.dtype for s in specs)
        dtype = self.result(bound, keys) if op.takes_dtype else self.dtypes(*keys)[1]
        shape = self.shape(**bound)
        if isinstance(shape, list):
            kinds = dtype if isinstance(dtype, list) else [dtype] * len(shape)
            return tuple(Spec(s, _strong(d)) for s, d in zip(shape, kinds, strict=True))
        return Spec(shape, _strong(dtype))


@functools.cache
def _variadic(tensors: tuple[str, ...]) -> bool:
    return any(name[0] == "*" or name[-1] == "?" for name in tensors)


def _strong(dtype: Any) -> str:
    return dtype if isinstance(dtype, str) else standardize_dtype(dtype)


def rule(
    dtypes: Callable, tensors: tuple[str, ...] = ("x",), prepare: Callable | None = None
) -> Callable[[Callable], Rule]:
    """Make a rule of a hand-written shape function: `@rule(float_)`."""
    return lambda shape: Rule(shape, dtypes, tensors, prepare)


# --- dtypes: (inputs' dtypes) -> (dtypes to cast to, the result's dtype) ----------------------------------------------


def same(*dtypes: Any) -> tuple[tuple, Any]:
    """Every input stays as it is; the result has the first one's dtype."""
    return dtypes, dtypes[0] if dtypes else None


def promote(*dtypes: Any) -> tuple[tuple, Any]:
    """All inputs meet in one dtype, and the result has it."""
    common = result_type(*dtypes)
    return (common,) * len(dtypes), common


def numeric(*dtypes: Any) -> tuple[tuple, Any]:
    """Promoted, and bool becomes int32."""
    common = result_type(*dtypes)
    common = "int32" if common == "bool" else common
    return (common,) * len(dtypes), common


def float_(*dtypes: Any) -> tuple[tuple, Any]:
    """Promoted, and integers become `floatx`."""
    common = result_type(*dtypes)
    if not is_inexact(common):
        common = config.floatx()
    return (common,) * len(dtypes), common


def weak_float(*dtypes: Any) -> tuple[tuple, Any]:
    """Promoted as if a Python float took part: integers become `floatx`, 64-bit ones too."""
    common = result_type(*dtypes, float)
    return (common,) * len(dtypes), common


def compare(*dtypes: Any) -> tuple[tuple, Any]:
    """Promoted for comparing; the result is bool."""
    return (result_type(*dtypes),) * len(dtypes), "bool"


def boolean(*dtypes: Any) -> tuple[tuple, Any]:
    """Inputs are read as truth values; the result is bool."""
    return ("bool",) * len(dtypes), "bool"


def to_bool(*dtypes: Any) -> tuple[tuple, Any]:
    """Inputs stay; the result is bool."""
    return dtypes, "bool"


def index(*dtypes: Any) -> tuple[tuple, Any]:
    """Inputs stay; the result counts or points: int32."""
    return dtypes, "int32"


def summed(dtype: Any) -> tuple[tuple, Any]:
    """What sums and products are kept in: at least 32 bits for integers and bool."""
    wide = {"bool": "int32", "int8": "int32", "int16": "int32", "uint8": "uint32", "uint16": "uint32"}
    common = wide.get(result_type(dtype), result_type(dtype))
    return (common,), common


def select(condition: Any, *dtypes: Any) -> tuple[tuple, Any]:
    """A condition read as bool, then inputs that are promoted."""
    common = result_type(*dtypes)
    return ("bool", *(common,) * len(dtypes)), common


def first_then_int(first: Any, *rest: Any) -> tuple[tuple, Any]:
    """The first input stays and gives the result's dtype; the others are indices, int32 unless they are wider ints."""
    return (first, *("int32" if d in (int, "bool") or is_inexact(d) else d for d in rest)), first


def real(*dtypes: Any) -> tuple[tuple, Any]:
    """As `float_`; a complex input gives a real result."""
    cast, common = float_(*dtypes)
    return cast, {"complex64": "float32", "complex128": "float64"}.get(common, common)


def matmul_(*dtypes: Any) -> tuple[tuple, Any]:
    """Promoted; products of int8 matrices are kept in int32."""
    if dtypes[:2] == ("int8", "int8"):
        return dtypes, result_type("int32", *dtypes[2:])
    return promote(*dtypes)


# --- shapes -----------------------------------------------------------------------------------------------------------


def broadcast_shapes(*shapes: Any) -> tuple[int | None, ...]:
    """The shape that shapes broadcast to; an unknown dimension stays unknown unless another decides.

    Raises:
        ValueError: the shapes don't fit.
    """
    rank = max((len(s) for s in shapes), default=0)
    padded = [(1,) * (rank - len(s)) + tuple(s) for s in shapes]
    out = []
    for column in zip(*padded, strict=True):
        sizes = {d for d in column if d not in (1, None)}
        if len(sizes) > 1:
            raise ValueError(f"Cannot broadcast shapes {', '.join(map(str, shapes))}.")
        out.append(sizes.pop() if sizes else None if None in column else 1)
    return tuple(out)


def normalize_axis(axis: int, ndim: int, what: str = "axis") -> int:
    """A non-negative axis.

    Raises:
        ValueError: out of range.
    """
    if not -ndim <= axis < max(ndim, 1):
        raise ValueError(f"{what}={axis} is out of range for a tensor of {ndim} dimensions.")
    return axis % ndim if ndim else 0


def normalize_axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """Non-negative axes of a reduction; None means all."""
    if type(axis) is int and -ndim <= axis < ndim:  # by far the usual case
        return (axis % ndim,)
    if axis is None:
        return tuple(range(ndim))
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    return tuple(normalize_axis(int(a), ndim) for a in axes)


def reduced(shape: Any, axis: Any, keepdims: bool) -> tuple[int | None, ...]:
    """A shape after a reduction over axes."""
    axes = normalize_axes(axis, len(shape))
    return tuple(1 if i in axes else d for i, d in enumerate(shape) if keepdims or i not in axes)


def size_of(shape: Any) -> int | None:
    """How many elements; None if a dimension is unknown."""
    return None if None in shape else math.prod(shape)


def elementwise(dtypes: Callable) -> Rule:
    """One tensor `x`; the result has its shape."""
    return Rule(lambda x, **rest: x.shape, dtypes)


def broadcast(dtypes: Callable, tensors: tuple[str, ...] = ("x1", "x2")) -> Rule:
    """Tensors that broadcast against each other."""
    return Rule(lambda **bound: broadcast_shapes(*(bound[name].shape for name in tensors)), dtypes, tensors)


def all_axes(bound: dict[str, Any]) -> None:
    """`axis` as a tuple of non-negative ints; None means every axis."""
    bound["axis"] = normalize_axes(bound["axis"], len(bound["x"].shape))


def one_axis(bound: dict[str, Any]) -> None:
    """`axis` as a non-negative int, or None as it is."""
    if bound["axis"] is not None:
        bound["axis"] = normalize_axis(bound["axis"], len(bound["x"].shape))


def as_shape(bound: dict[str, Any]) -> None:
    """`shape` as a tuple; a single size stands for one dimension."""
    given = bound["shape"]
    bound["shape"] = tuple(given) if hasattr(given, "__iter__") and getattr(given, "shape", True) != () else (given,)


def static(sizes: Any) -> tuple[int | None, ...]:
    """A shape for a spec: what isn't a plain int is unknown."""
    return tuple(d if type(d) is int else int(d) if isinstance(d, (int, np.integer)) else None for d in sizes)


def one_of(name: str, value: Any, accepted: Any) -> None:
    """Refuse an argument that isn't among those accepted.

    Raises:
        ValueError: it isn't; the message lists what is accepted.
    """
    if value not in accepted:
        raise ValueError(f"argument {name} must be one of {', '.join(map(repr, accepted))}; got {value!r}.")


def reduction(dtypes: Callable) -> Rule:
    """`(x, axis=None, keepdims=False)`: a result without the axes, or with ones in their places.

    Backends get `axis` as a tuple of non-negative ints.
    """
    return Rule(lambda x, axis, keepdims=False, **rest: reduced(x.shape, axis, keepdims), dtypes, ("x",), all_axes)


def along(dtypes: Callable) -> Rule:
    """`(x, axis=-1)`: the same shape as `x`; backends get `axis` as a non-negative int."""
    return Rule(lambda x, **rest: x.shape, dtypes, ("x",), one_axis)


def creation(shape: Callable, prepare: Callable | None = None) -> Rule:
    """No tensor goes in; the result's dtype is the argument `dtype`, else `floatx`."""
    return Rule(shape, lambda: ((), None), (), prepare)
