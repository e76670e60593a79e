"""The op table: an op is declared once, and every backend runs its own function for it, or else the op's body.

A *primitive* has a rule and no body: every backend must supply a function. A *composite* has a body written with other
ops, and maybe a rule; a backend may supply a faster function. The rule is used twice: on specs it gives the result's
shape and dtype, and before a backend's function runs it makes the inputs ready (tensors of the backend, promoted).
"""

from __future__ import annotations

import functools
import inspect
import operator
from collections.abc import Callable
from typing import Any

from triceras.core import registry
from triceras.core.dtypes import standardize_dtype
from triceras.core.registry import BY_TYPES
from triceras.core.scope import use_backend
from triceras.core.spec import SparseSpec, Spec
from triceras.core.variable import Variable
from triceras.ops.rules import Rule

OPS: dict[str, Op] = {}
_UNKNOWN: tuple[None, tuple] = (None, ())
_DTYPE = operator.attrgetter("dtype")


class Op:
    """One operation: callable on tensors of any backend, on Variables, specs and `KerasTensor`s.

    Args:
        fn: the declaration; its name, signature and docstring become the op's.
        rule: how shapes and dtypes work, or None.
        body: the definition by other ops, or None for a primitive.
    """

    namespace = "ops"  # where its name is public

    def __init__(self, fn: Callable, rule: Rule | None, body: Callable | None):
        functools.update_wrapper(self, fn)
        self.name, self.rule, self.body = fn.__name__, rule, body
        self.signature = inspect.signature(fn)
        self.takes_dtype = "dtype" in self.signature.parameters
        self.bind_arguments = _binder(self.name, self.signature)
        if self.name in OPS:
            raise ValueError(f"Op {self.name!r} is declared twice.")
        OPS[self.name] = self

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        values = (*args, *kwargs.values()) if kwargs else args
        types = tuple(map(type, values))
        backend, bound = BY_TYPES.get(types, _UNKNOWN)
        for i in bound:
            if values[i].backend is not backend:
                backend = None
        if backend is None:
            backend = registry.backend_for(types, values)
        return backend.impls[self.name](*args, **kwargs)

    def spec(self, *args: Any, **kwargs: Any) -> Any:
        """The result's spec, or a tree of specs: from the rule, else by running the body on specs."""
        if self.rule is None:
            return self.body(*args, **kwargs)
        bound = self.bind(args, kwargs)
        try:
            found = self.rule.spec(self, dict(bound))
        except (ValueError, TypeError) as error:
            raise explained(self, error, bound) from None
        return SparseSpec(found.shape, found.dtype) if bound.get("sparse") else found

    def bind(self, args: tuple, kwargs: dict[str, Any]) -> dict[str, Any]:
        """All arguments by name, defaults included."""
        try:
            return self.bind_arguments(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self.namespace}.{self.usage()}: {error}.") from None

    def usage(self) -> str:
        """The op's name and parameters, such as `sum(x, axis=None, keepdims=False)`."""
        bare = [p.replace(annotation=inspect.Parameter.empty) for p in self.signature.parameters.values()]
        return f"{self.name}{inspect.Signature(bare)}"

    def __repr__(self) -> str:
        return f"<{'composite' if self.body else 'primitive'} op {self.usage()}>"

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


METHODS = frozenset(("cast",))  # primitives that `Backend` itself has as methods


class Implementations(dict):
    """What one backend runs for each op, resolved at first use."""

    def __init__(self, backend: Any):
        super().__init__()
        self.backend = backend

    def __missing__(self, name: str) -> Callable:
        op, backend = OPS[name], self.backend
        function = getattr(backend, name) if name in METHODS else backend.find(name)
        if function is None and op.body is None:
            raise NotImplementedError(f"Backend {backend.name!r} lacks the primitive {name!r}.")
        if function is None:
            function = within(backend, op.body)
        return self.setdefault(name, function if op.rule is None else ready(op, backend, function))


def within(backend: Any, body: Callable) -> Callable:
    """A composite's body with its tensors' backend as the current one, so that what it creates is at home there."""

    def run(*args: Any, **kwargs: Any) -> Any:
        if registry.current() is backend:
            return body(*args, **kwargs)
        with use_backend(backend):
            return body(*args, **kwargs)

    return run


def ready(op: Op, backend: Any, function: Callable) -> Callable:
    """A function behind the coercion that the op's rule asks for.

    The function gets promoted tensors of its backend: those that lead the signature by position, everything else by
    name, as the rule's `prepare` leaves it; a `dtype` argument as the standard name of the result's dtype.
    """
    if getattr(function, "takes_anything", False):
        return function
    parameters = list(op.signature.parameters)
    simple = parameters == list(op.rule.tensors) and op.rule.prepare is None and not op.rule.variadic
    return _simple(op, backend, function) if simple else _general(op, backend, function)


def anything(function: Callable) -> Callable:
    """Mark a backend's function that does its own conversion of inputs."""
    function.takes_anything = True
    return function


class Coercion:
    """Turns inputs into promoted tensors of one backend; what to cast to is kept by the inputs' dtypes."""

    __slots__ = ("op", "backend", "dtypes", "kept", "types", "kinds", "steady")

    def __init__(self, op: Op, backend: Any):
        self.op, self.backend, self.dtypes = op, backend, op.rule.dtypes
        self.kept: dict[Any, Any] = {}
        self.types = backend.tensor_types
        self.kinds: set[type] = set()  # exact types of tensors, and dtypes that stay as they are: what needs no work
        self.steady: set[tuple] = set()

    def key(self, x: Any) -> Any:
        """The dtype that an input votes with: a framework's own object, or a Python type for a weak scalar."""
        return type(x) if isinstance(x, (bool, int, float, complex)) and not hasattr(x, "dtype") else x.dtype

    def plan(self, keys: tuple) -> tuple:
        """For each input the standard dtype to convert to."""
        names = [k if isinstance(k, type) else standardize_dtype(k) for k in keys]
        names = ["bool" if k is bool else k for k in names]
        wanted, _ = self.dtypes(*names)
        plan = tuple(
            (standardize_dtype(w) if w in (int, float, complex) else w, w != n)
            for w, n in zip(wanted, names, strict=True)
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
            raise TypeError(f"expected a tensor, array or number; got {_brief(x)} of type {type(x).__name__}.")
        try:
            return self.backend.convert(x)
        except (TypeError, ValueError) as error:
            raise type(error)(f"can't make a tensor of a {type(x).__name__}: {error}") from error

    def __call__(self, inputs: Any) -> Any:
        """The inputs, ready; as they are where types and dtypes are known to need no work."""
        if Variable in map(type, inputs):
            inputs = [x.value if type(x) is Variable else x for x in inputs]
        if self.kinds.issuperset(map(type, inputs)) and tuple(map(_DTYPE, inputs)) in self.steady:
            return inputs
        backend, given = self.backend, inputs
        inputs = [x if type(x) in self.kinds else self.tensor(x) for x in inputs]
        keys = tuple([self.key(x) for x in inputs])
        plan = self.kept.get(keys) or self.plan(keys)
        out = []
        for x, (dtype, change) in zip(inputs, plan, strict=True):
            if not isinstance(x, self.types):
                x = backend.convert(x, dtype)
            elif change:
                x = backend.cast(x, dtype)
            out.append(x)
        if all(x is y for x, y in zip(given, out, strict=True)):
            self.kinds.update(map(type, out))
            self.steady.add(keys)
        return out


def _simple(op: Op, backend: Any, function: Callable) -> Callable:
    """For ops all of whose arguments are tensors: most of the element-wise ones."""
    coerce, count = Coercion(op, backend), len(op.rule.tensors)

    def run(*args: Any, **kwargs: Any) -> Any:
        if kwargs or len(args) != count:
            args = tuple(op.bind(args, kwargs).values())
        try:
            return function(*coerce(args))
        except Exception as error:
            _raise_explained(op, error, dict(zip(op.rule.tensors, args, strict=False)), backend)

    run.__name__ = op.name
    return run


def _raise_explained(op: Op, error: Exception, bound: dict[str, Any], backend: Any) -> None:
    better = explained(op, error, bound, backend)
    if better is error:
        raise
    raise better from error


def _general(op: Op, backend: Any, function: Callable) -> Callable:
    """For every other op: tensors anywhere, optional or in lists, and arguments that the rule prepares."""
    coerce, rule, prepare = Coercion(op, backend), op.rule, op.rule.prepare
    names = list(op.signature.parameters)
    leading = [name for name, tensor in zip(names, rule.tensors, strict=False) if name == tensor]
    starred = [p.name for p in op.signature.parameters.values() if p.kind is p.VAR_POSITIONAL]
    double = [p.name for p in op.signature.parameters.values() if p.kind is p.VAR_KEYWORD]
    if starred:
        leading = names[: names.index(starred[0])]
    fixed = not rule.variadic

    def run(*args: Any, **kwargs: Any) -> Any:
        bound = op.bind(args, kwargs)
        try:
            if fixed and bound.get("dtype", "none taken") is not None:
                keys: tuple = ()  # nobody asks what the inputs came with
                bound.update(zip(rule.tensors, coerce([bound[name] for name in rule.tensors]), strict=True))
            else:
                keys = rule.replace_tensors(bound, coerce)
            if prepare is not None:
                prepare(bound)
            if op.takes_dtype:
                bound["dtype"] = backend.canonical_dtype(rule.result(bound, keys))
            first = [bound.pop(name) for name in leading]
            for name in starred:
                first.extend(bound.pop(name))
            for name in double:
                bound.update(bound.pop(name))
            return function(*first, **bound)
        except Exception as error:
            _raise_explained(op, error, op.bind(args, kwargs), backend)

    run.__name__ = op.name
    return run


def _binder(name: str, signature: inspect.Signature) -> Callable[..., dict[str, Any]]:
    """A function with the given signature that returns its arguments by name; ten times as fast as `bind`."""
    parameters = list(signature.parameters.values())
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    declared = [
        stars.get(p.kind, "") + p.name + ("" if p.default is p.empty else f"=defaults[{p.name!r}]") for p in parameters
    ]
    body = ", ".join(f"{p.name!r}: {p.name}" for p in parameters)
    scope = {"defaults": {p.name: p.default for p in parameters}}
    function = eval(f"lambda {', '.join(declared)}: {{{body}}}", scope)
    function.__qualname__ = name
    return function


_ARGUMENT_ERRORS = (ValueError, TypeError, IndexError, RuntimeError)


def explained(op: Op, error: Exception, bound: dict[str, Any], backend: Any = None) -> Exception:
    """The error to raise where an op failed: with the op's name and arguments, in the rule's words if it has some.

    Errors that aren't about the arguments (out of memory, a tracer's complaints) come back as they are, and so do those
    of an op within this one, unless this one's rule objects too.
    """
    explained_within = hasattr(error, "explained_op")
    about_arguments = type(error) in _ARGUMENT_ERRORS or isinstance(error, getattr(backend, "argument_errors", ()))
    if not about_arguments and not explained_within:
        return error
    better = None if backend is None else _objection(op, bound)
    if explained_within and better is None:
        return error
    error = better or error
    given = ", ".join(f"{name}={_brief(value)}" for name, value in bound.items())
    new = (TypeError if isinstance(error, TypeError) else ValueError)(f"{op.namespace}.{op.name}({given}): {error}")
    new.explained_op = op
    return new


def _objection(op: Op, bound: dict[str, Any]) -> Exception | None:
    """What an op's rule has against some arguments."""
    try:
        op.rule.spec(op, dict(bound))
    except (ValueError, TypeError) as error:
        return error
    except Exception:  # the rule can't read these arguments
        return None
    return None


def _brief(value: Any) -> str:
    if isinstance(value, (list, tuple)) and any(hasattr(v, "shape") for v in value):
        return f"[{', '.join(map(_brief, value))}]"
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"<{standardize_dtype(value.dtype)} {tuple(value.shape)}>"
    text = repr(value)
    return text if len(text) < 80 else f"{text[:76]}..."


def spec_of(x: Any) -> Any:
    """The spec of a tensor, array or number; numbers are weak scalars."""
    if isinstance(x, Spec):
        return x
    if isinstance(x, (bool, int, float, complex)) and not hasattr(x, "dtype"):
        return Spec((), "bool" if isinstance(x, bool) else type(x))
    x = x.value if isinstance(x, Variable) else x  # in the dtype in which it is read
    backend = registry.backend_of(x)
    if hasattr(x, "shape") and hasattr(x, "dtype"):
        if backend is not None and not hasattr(x, "assign"):
            return backend.spec(x)
        return Spec(x.shape, standardize_dtype(x.dtype))
    from triceras.core.dtypes import array_of

    array = array_of(x)
    return Spec(array.shape, standardize_dtype(array.dtype))
