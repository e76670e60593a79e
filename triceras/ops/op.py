"""The op table: an op is declared once, and every backend runs its own function for it, or else the op's body.

A *primitive* has a rule and no body: every backend must supply a function. A *composite* has a body written with other
ops, and maybe a rule; a backend may supply a faster function. The rule is used twice: on specs it gives the result's
shape and dtype, and before a backend's function runs it makes the inputs ready (tensors of the backend, promoted).
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from triceras.core import registry
from triceras.core.dtypes import standardize_dtype
from triceras.core.registry import BY_TYPE, NO_VOTE
from triceras.core.spec import Spec
from triceras.ops.rules import Rule

OPS: dict[str, Op] = {}


class Op:
    """One operation: callable on tensors of any backend, on Variables, specs and `KerasTensor`s.

    Args:
        fn: the declaration; its name, signature and docstring become the op's.
        rule: how shapes and dtypes work, or None.
        body: the definition by other ops, or None for a primitive.
    """

    def __init__(self, fn: Callable, rule: Rule | None, body: Callable | None):
        functools.update_wrapper(self, fn)
        self.name, self.rule, self.body = fn.__name__, rule, body
        self.signature = inspect.signature(fn)
        self.takes_dtype = "dtype" in self.signature.parameters
        if self.name in OPS:
            raise ValueError(f"Op {self.name!r} is declared twice.")
        OPS[self.name] = self

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        found = None
        for x in args:
            vote = BY_TYPE.get(type(x), BY_TYPE)
            if vote is not NO_VOTE and vote is not found:
                found = registry.backend_of(*args, *kwargs.values())
                break
        else:
            if kwargs:
                found = registry.backend_of(*kwargs.values())
        return (found or registry.current()).impls[self.name](*args, **kwargs)

    def spec(self, *args: Any, **kwargs: Any) -> Any:
        """The result's spec, or a tree of specs: from the rule, else by running the body on specs."""
        if self.rule is None:
            return self.body(*args, **kwargs)
        return self.rule.spec(self, self.bind(args, kwargs))

    def bind(self, args: tuple, kwargs: dict[str, Any]) -> dict[str, Any]:
        """All arguments by name, defaults included."""
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"ops.{self.name}{self.signature}: {error}.") from None
        bound.apply_defaults()
        return bound.arguments

    def __repr__(self) -> str:
        return f"<{'composite' if self.body else 'primitive'} op {self.name}{self.signature}>"

    def __reduce__(self) -> str | tuple:
        return _lookup, (self.name,)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self  # an op kept as a class attribute isn't a method


def _lookup(name: str) -> Op:
    return OPS[name]


def primitive(rule: Rule) -> Callable[[Callable], Op]:
    """Declare an op that every backend supplies."""
    return lambda fn: Op(fn, rule, None)


def composite(rule: Any = None) -> Any:
    """Declare an op by a body of other ops; with a rule, backends that override it get ready inputs."""
    if rule is None or isinstance(rule, Rule):
        return lambda fn: Op(fn, rule, fn)
    return Op(rule, None, rule)


def primitives() -> list[str]:
    """The names of all primitives, sorted."""
    return sorted(name for name, op in OPS.items() if op.body is None)


class Implementations(dict):
    """What one backend runs for each op, resolved at first use."""

    def __init__(self, backend: Any):
        super().__init__()
        self.backend = backend

    def __missing__(self, name: str) -> Callable:
        op = OPS[name]
        function = self.backend.find(name)
        if function is not None:
            function = ready(op, self.backend, function) if op.rule is not None else function
        elif op.body is not None:
            function = op.body
        else:
            raise NotImplementedError(f"Backend {self.backend.name!r} lacks the primitive {name!r}.")
        return self.setdefault(name, function)


def ready(op: Op, backend: Any, function: Callable) -> Callable:
    """A backend's function behind the coercion that the op's rule asks for."""
    if getattr(function, "takes_anything", False):
        return function
    if op.takes_dtype:
        return _with_dtype(op, backend, function)
    if op.rule.variadic or len(op.rule.tensors) > 2 or not op.rule.tensors:
        return _by_name(op, backend, function)
    return _leading(op, backend, function)


def anything(function: Callable) -> Callable:
    """Mark a backend's function that does its own conversion of inputs."""
    function.takes_anything = True
    return function


class Coercion:
    """Turns inputs into promoted tensors of one backend; what to cast to is kept by the inputs' dtypes."""

    __slots__ = ("op", "backend", "dtypes", "kept", "types")

    def __init__(self, op: Op, backend: Any):
        self.op, self.backend, self.dtypes = op, backend, op.rule.dtypes
        self.kept: dict[Any, Any] = {}
        self.types = backend.tensor_types

    def key(self, x: Any) -> Any:
        """The dtype that an input votes with: a framework's own object, or a Python type for a weak scalar."""
        return type(x) if isinstance(x, (bool, int, float, complex)) and not hasattr(x, "dtype") else x.dtype

    def plan(self, keys: tuple) -> tuple:
        """For each input the standard dtype to convert to."""
        names = [k if k in (bool, int, float, complex) else standardize_dtype(k) for k in keys]
        names = ["bool" if k is bool else k for k in names]
        wanted, _ = self.dtypes(*names)
        plan = tuple(
            (standardize_dtype(w) if w in (int, float, complex) else w, w != n) for w, n in zip(wanted, names, strict=True)
        )
        self.kept[keys] = plan
        return plan

    def tensor(self, x: Any) -> Any:
        """A native tensor, or a Python scalar as it is."""
        if isinstance(x, self.types):
            return x
        if isinstance(x, (bool, int, float, complex)) and not hasattr(x, "dtype"):
            return x
        if registry.BY_TYPE.get(type(x)) is registry.BOUND:
            x = x.value
            return x if isinstance(x, self.types) else self.backend.convert(x)
        if x is None or isinstance(x, (str, bytes, dict, set)) or callable(x):
            raise TypeError(
                f"ops.{self.op.name}{self.op.signature}: expected a tensor, array or number; got {x!r} of type "
                f"{type(x).__name__}."
            )
        try:
            return self.backend.convert(x)
        except (TypeError, ValueError) as error:
            raise type(error)(f"ops.{self.op.name}: can't make a tensor of a {type(x).__name__}: {error}") from error

    def __call__(self, *inputs: Any) -> list[Any]:
        backend = self.backend
        inputs = [x if type(x) in self.types else self.tensor(x) for x in inputs]
        keys = tuple([self.key(x) for x in inputs])
        plan = self.kept.get(keys) or self.plan(keys)
        out = []
        for x, (dtype, change) in zip(inputs, plan, strict=True):
            if not isinstance(x, self.types):
                x = backend.convert(x, dtype)
            elif change:
                x = backend.cast(x, dtype)
            out.append(x)
        return out


def _leading(op: Op, backend: Any, function: Callable) -> Callable:
    """For one or two tensors that come first, the usual case."""
    coerce, names, count = Coercion(op, backend), op.rule.tensors, len(op.rule.tensors)

    def run(*args: Any, **kwargs: Any) -> Any:
        if len(args) < count:
            bound = op.bind(args, kwargs)
            args = tuple(bound.values())
            kwargs = {}
        return function(*coerce(*args[:count]), *args[count:], **kwargs)

    run.__name__ = op.name
    del names
    return run


def _by_name(op: Op, backend: Any, function: Callable) -> Callable:
    """For tensors anywhere in the signature, optional ones, and lists of tensors."""
    coerce = Coercion(op, backend)

    def run(*args: Any, **kwargs: Any) -> Any:
        bound = op.bind(args, kwargs)
        op.rule.replace_tensors(bound, coerce)
        return function(**bound)

    run.__name__ = op.name
    return run


def _with_dtype(op: Op, backend: Any, function: Callable) -> Callable:
    """For ops with a `dtype` argument: the function gets the result's standard dtype, never None."""
    coerce = Coercion(op, backend)

    def run(*args: Any, **kwargs: Any) -> Any:
        bound = op.bind(args, kwargs)
        keys = op.rule.replace_tensors(bound, coerce)
        bound["dtype"] = backend.canonical_dtype(op.rule.result(bound, keys))
        return function(**bound)

    run.__name__ = op.name
    return run


def spec_of(x: Any) -> Any:
    """The spec of a tensor, array or number; numbers are weak scalars."""
    if isinstance(x, Spec):
        return x
    if isinstance(x, (bool, int, float, complex)) and not hasattr(x, "dtype"):
        return Spec((), "bool" if isinstance(x, bool) else type(x))
    backend = registry.backend_of(x)
    if hasattr(x, "shape") and hasattr(x, "dtype"):
        if backend is not None and not hasattr(x, "assign"):
            return backend.spec(x)
        return Spec(x.shape, standardize_dtype(x.dtype))
    from triceras.core.dtypes import array_of

    array = array_of(x)
    return Spec(array.shape, standardize_dtype(array.dtype))
