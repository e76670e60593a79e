"""Ops on sparse tensors: one more backend beside each that has such tensors, reached when an argument is one.

So dense calls never ask. Which results are sparse is data, `KEEPS`, the same for tensors and for symbolic tensors;
every other op makes its sparse arguments dense and runs as always. What a framework supplies is `SparseBackend`'s
abstract methods; most ops need no more than values and their places.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Callable
from typing import Any

from triceras.core import registry, tree
from triceras.core.abstract import _Direct
from triceras.core.scope import use_backend
from triceras.core.spec import SparseSpec, Spec
from triceras.ops.op import OPS, ready, within

# Zeros stay zeros, so the op runs on the values alone. (Of `digitize` that is said, as in Keras: places without a value
# stay without.)
ON_VALUES = frozenset(
    """absolute arcsin arcsinh arctan arctanh cast ceil conjugate copy deg2rad digitize erf expm1 fabs floor imag
    log1p negative rad2deg real round sign signbit sin sinh sqrt square tan tanh trunc""".split()
)
STRUCTURE = frozenset("abs conj expand_dims mean rearrange reshape squeeze sum transpose".split())
TOGETHER = frozenset("add subtract maximum minimum".split())  # zero where both are
PRODUCTS = frozenset("multiply".split())  # zero where one is
QUOTIENTS = frozenset("divide true_divide divide_no_nan".split())  # zero where the first is
BODIES = frozenset("abs affine conj rearrange".split())  # sparse as far as the ops are of which their bodies are made


def _first_alone(flags: list[bool]) -> bool:
    return flags[0] and not any(flags[1:])


# For each op that may give a sparse tensor: whether it does, by which of its tensor arguments are sparse.
KEEPS: dict[str, Callable[[list[bool]], bool]] = {
    **dict.fromkeys(ON_VALUES, _first_alone),
    **dict.fromkeys(STRUCTURE, any),
    "bincount": lambda flags: flags[0],
    **dict.fromkeys(QUOTIENTS, _first_alone),
    **dict.fromkeys(PRODUCTS, any),
    **dict.fromkeys((*TOGETHER, "concatenate", "matmul"), all),
}


class SparseBackend(abc.ABC):
    """How ops run on the sparse tensors of a backend.

    `functions` maps names of ops to functions that get ready arguments, as a backend's own functions do; they return
    NotImplemented for what is better done with dense tensors.

    Args:
        home: the backend.
    """

    rank = 0.5
    tensor_types: tuple[type, ...]
    functions: dict[str, Callable]

    def __init__(self, home: Any):
        self.home, self.name = home, home.name
        self.impls = _Direct(self)

    def find(self, name: str) -> Callable:
        """What runs an op some of whose arguments are sparse."""
        op, home = OPS[name], self.home
        if name in BODIES:
            return within(home, op.body)
        if name in ON_VALUES:
            function: Any = self._on_values(op)
        elif name in TOGETHER | PRODUCTS | QUOTIENTS:
            function = ready(op, home, self._on_pairs(op))
        elif name in self.functions:
            function = ready(op, home, self.functions[name])
        else:
            return self._on_dense(name)
        dense = self._on_dense(name)

        def run(*args: Any, **kwargs: Any) -> Any:
            result = function(*args, **kwargs)
            return dense(*args, **kwargs) if result is NotImplemented else result

        return run

    def is_sparse(self, x: Any) -> bool:
        """Whether something is a sparse tensor of this backend."""
        return isinstance(x, self.tensor_types)

    def _on_dense(self, name: str) -> Callable:
        def run(*args: Any, **kwargs: Any) -> Any:
            args, kwargs = tree.map_structure(lambda x: self.densify(x) if self.is_sparse(x) else x, (args, kwargs))
            return self.home.impls[name](*args, **kwargs)

        return run

    def _on_values(self, op: Any) -> Callable:
        first, *others = op.rule.tensors

        def run(*args: Any, **kwargs: Any) -> Any:
            bound = op.bind(args, kwargs)
            if not self.is_sparse(bound[first]) or any(self.is_sparse(bound[name]) for name in others):
                return NotImplemented
            values, rebuild = self.values(bound[first])
            return rebuild(self.home.impls[op.name](**{**bound, first: values}))

        return run

    def _on_pairs(self, op: Any) -> Callable:
        def run(x1: Any, x2: Any) -> Any:
            function, sparse = self.home.impls[op.name], (self.is_sparse(x1), self.is_sparse(x2))
            if all(sparse):
                pair = None if op.name in QUOTIENTS or tuple(x1.shape) != tuple(x2.shape) else self.align(x1, x2)
                return NotImplemented if pair is None else pair[2](function(*pair[:2]))
            x, other = (x1, x2) if sparse[0] else (x2, x1)
            if op.name in TOGETHER or (op.name in QUOTIENTS and x is x2) or not self.reaches(x, other):
                return NotImplemented
            values, rebuild = self.values(x)
            there = self.at(other, x)
            return rebuild(function(values, there) if x is x1 else function(there, values))

        return run

    def reaches(self, x: Any, dense: Any) -> bool:
        """Whether a dense tensor broadcasts to a sparse one, which itself stays in its shape."""
        sizes, wanted = tuple(dense.shape), tuple(x.shape)
        pairs = zip(reversed(sizes), reversed(wanted), strict=False)
        return len(sizes) <= len(wanted) and all(a == 1 or a == b or (b != 1 and None in (a, b)) for a, b in pairs)

    def mean(self, x: Any, axis: tuple[int, ...], keepdims: bool = False) -> Any:
        """The function of `ops.mean`: the sum, divided."""
        total = self.functions["sum"](x, axis, keepdims)
        if total is NotImplemented:
            return total
        sizes = [self.sizes(x)[i] for i in axis]
        values, rebuild = self.values(total)
        return rebuild(self.home.impls["divide"](values, self.home.convert(math.prod(sizes), self.home.dtype(values))))

    @abc.abstractmethod
    def sizes(self, x: Any) -> tuple[Any, ...]:
        """The shape, with scalar tensors where only the running graph knows."""

    @abc.abstractmethod
    def densify(self, x: Any) -> Any:
        """A dense tensor with the same elements."""

    @abc.abstractmethod
    def values(self, x: Any) -> tuple[Any, Callable[[Any], Any]]:
        """The values, one for each place, and a function that puts others in their places."""

    @abc.abstractmethod
    def align(self, x1: Any, x2: Any) -> tuple[Any, Any, Callable[[Any], Any]] | None:
        """The values of two tensors at every place that one of them has, and what puts values there; None: can't do."""

    @abc.abstractmethod
    def at(self, dense: Any, x: Any) -> Any:
        """The elements of a dense tensor, broadcast, at the places of `x`."""

    @abc.abstractmethod
    def make(self, indices: Any, values: Any, shape: Any) -> Any:
        """A sparse tensor.

        Args:
            indices: integers of shape `(n, rank)`, in any order.
            values: of shape `(n,)`.
            shape: sizes.
        """

    @abc.abstractmethod
    def take_apart(self, x: Any) -> tuple[Any, Any, tuple[int, ...]]:
        """The inverse of `make`, as NumPy arrays; indices sorted."""


class SparseSpecs:
    """How ops run on sparse specs: as their rules say, with `KEEPS` for what is sparse."""

    name = "abstract"
    rank = 1.5
    tensor_types = (SparseSpec,)
    home = property(lambda self: registry.backend_of(Spec(())))

    def __init__(self) -> None:
        self.impls = _Direct(self)

    def find(self, name: str) -> Callable:
        """What foretells an op some of whose arguments are sparse."""
        op, keeps = OPS[name], KEEPS.get(name)
        if name in BODIES:
            return op.body

        def run(*args: Any, **kwargs: Any) -> Any:
            if keeps is None:
                return op.spec(*tree.map_structure(_plain, args), **tree.map_structure(_plain, kwargs))
            found = op.spec(*args, **kwargs)
            inputs = op.rule.inputs(op.bind(args, kwargs))[0]
            fits = name not in TOGETHER | PRODUCTS | QUOTIENTS or _in_shape(inputs, found.shape)
            fits = found.shape and fits and (name != "matmul" or min(len(x.shape) for x in inputs) > 1)
            kept = fits and keeps([getattr(x, "sparse", False) for x in inputs])
            return SparseSpec(found.shape, found.dtype) if kept else _plain(found)

        return run


def _in_shape(inputs: list[Any], shape: tuple) -> bool:
    """Whether the sparse ones among some inputs have a shape, so that none of them is broadcast."""
    return all(tuple(x.shape) == shape for x in inputs if getattr(x, "sparse", False))


def _plain(x: Any) -> Any:
    return Spec(x.shape, x.dtype) if isinstance(x, SparseSpec) else x


def sparse_codes(x: Any, num_classes: int, axis: int, dtype: str) -> Any:
    """What `ops.one_hot` gives with `sparse=True`: a value for each integer, zero for those out of range.

    Raises:
        ValueError: the backend has no sparse tensors.
    """
    from triceras import ops

    backend = registry.backend_of(x) or registry.current()
    if backend.sparse is None:
        raise ValueError(no_sparse(backend))
    with use_backend(backend):
        shape = list(ops.shape(x))
        places = [ops.arange(size, dtype="int32") for size in shape]
        places = list(ops.meshgrid(*places, indexing="ij")) if len(shape) > 1 else places
        places.insert(axis, ops.cast(ops.clip(x, 0, num_classes - 1), "int32"))
        indices = ops.reshape(ops.stack(places, axis=-1), (-1, len(places)))
        inside = ops.cast(ops.logical_and(ops.greater_equal(x, 0), ops.less(x, num_classes)), dtype)
        shape.insert(axis, num_classes)
        return backend.sparse.make(indices, ops.reshape(inside, (-1,)), shape)


def no_sparse(backend: Any) -> str:
    """What errors say where a backend has no sparse tensors."""
    return (
        f"argument sparse=True is not supported by the {backend.name} backend, which has no sparse tensors here; "
        "accepted: False. The tensorflow and jax backends have them."
    )


registry.add(SparseSpecs())
