"""Transforms of functions that read and assign Variables: the Variables are lifted into arguments and results.

A function runs inside a `StatelessScope` that gives the Variables traced values and notes what is assigned; the noted
values leave the JAX transform as extra results and are assigned outside. A loop or branch must know what its body
assigns before it is traced: it is traced at first as if nothing were, and again (`Retrace`) if something is.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend.core import jaxpr_as_fun

from triceras.backends.jax.tensor import ARRAY, BCOO, compiled, jax_dtype
from triceras.core import tree
from triceras.core.scope import local, setting
from triceras.core.spec import Spec
from triceras.core.state import StatelessScope
from triceras.transforms import call_gradient_function

ATTEMPTS = 6
UNROLLED = 256  # steps that eager loops take one by one: XLA would compile a loop anew at each call
PROBES = (12, 18)  # sizes put in place of unknown dimensions; what differs between the two is unknown in the result


class Retrace(Exception):
    """Variables came up that the trace under way doesn't carry."""

    def __init__(self, variables: list[Any]):
        super().__init__("New Variables at every call: " + ", ".join(v.path for v in variables))
        self.variables = variables


def lifted(attempt: Callable[[list[Any]], Any], variables: Iterable[Any] = ()) -> Any:
    """`attempt(variables)`, tried again with more Variables as long as it raises `Retrace`.

    Raises:
        RuntimeError: the function makes new Variables each time it runs.
    """
    variables = list(variables)
    for _ in range(ATTEMPTS):
        try:
            return attempt(variables)
        except Retrace as more:
            variables += more.variables
    raise RuntimeError(
        f"A traced function makes new Variables each time it runs ({variables[-1].path}). Make them once, outside or "
        "behind a check whether they exist already."
    )


def current(variable: Any) -> Any:
    """A Variable's value in its own dtype, here and now."""
    return variable.native if local.state is None else local.state.lookup(variable)


def store(variables: Iterable[Any], values: Iterable[Any]) -> None:
    """Assign ready values."""
    state = local.state
    for variable, value in zip(variables, values, strict=True):
        if state is None:
            variable.native = variable.backend.assign(variable.native, value)
        else:
            state.add_update((variable, value))


def carry(fn: Callable, variables: list[Any], values: Iterable[Any], *args: Any) -> tuple[Any, list[Any]]:
    """Run `fn(*args)` with these values of Variables; the result and the values afterwards.

    Raises:
        Retrace: others were assigned.
    """
    with StatelessScope() as scope:
        for variable, value in zip(variables, values, strict=True):
            scope.set(variable, value)
        out = tree.map_structure(lambda x: x.value if hasattr(x, "assign") else x, fn(*args))
    known = set(map(id, variables))
    unknown = [v for key, v in scope.assigned.items() if key not in known]
    if unknown:
        raise Retrace(unknown)
    return out, [scope.values[id(v)] for v in variables]


# --- trees that hold more than tensors --------------------------------------------------------------------------------


class _Slot:
    """Where a tensor was in a tree."""

    __slots__ = ("index",)

    def __init__(self, index: int):
        self.index = index


@jax.tree_util.register_pytree_node_class
class Packed:
    """A tree of results on its way through JAX: tensors travel, all else waits in `template`; comes out as the tree."""

    __slots__ = ("leaves", "template")

    def __init__(self, leaves: list[Any], template: Any):
        self.leaves, self.template = leaves, template

    def tree_flatten(self) -> tuple[list[Any], Any]:
        return self.leaves, self.template

    @classmethod
    def tree_unflatten(cls, template: Any, leaves: Any) -> Any:
        return unpack(template, leaves)


def pack(out: Any) -> Packed:
    """Split a tree into its tensors and the rest."""
    leaves: list[Any] = []

    def place(x: Any) -> Any:
        if hasattr(x, "assign"):
            x = x.value
        if not isinstance(x, (ARRAY, jax.Array, BCOO)):
            return x
        leaves.append(x)
        return _Slot(len(leaves) - 1)

    return Packed(leaves, tree.map_structure(place, out))


def unpack(template: Any, leaves: Any) -> Any:
    """Put tensors back into their places."""
    kind = type(template)
    if kind is _Slot:
        return leaves[template.index]
    if kind is dict:
        return {key: unpack(value, leaves) for key, value in template.items()}
    if kind is tuple or kind is list:
        return kind([unpack(value, leaves) for value in template])
    if tree.is_nested(template):
        return tree.map_structure(lambda x: unpack(x, leaves), template)
    return template


_ATOMS = frozenset((bool, int, float, str, type(None)))
_NO_NUMBERS = "OUSMm"


def split(x: Any, key: list[Any], dynamic: list[Any]) -> None:
    """Collect the tensors and arrays of a tree into `dynamic`, and what else tells it apart into `key`."""
    kind = type(x)
    if kind is ARRAY or (kind is np.ndarray and x.dtype.kind not in _NO_NUMBERS):
        key.append(ARRAY)
        dynamic.append(x)
    elif kind in _ATOMS:
        key.append(kind)
        key.append(x)
    elif kind is tuple or kind is list:
        key.append(kind)
        key.append(len(x))
        for value in x:
            split(value, key, dynamic)
    elif kind is dict:
        key.append(tuple(x))
        for value in x.values():
            split(value, key, dynamic)
    elif _travels(x):
        key.append(BCOO if isinstance(x, BCOO) else ARRAY)
        dynamic.append(x)
    elif tree.is_nested(x):
        key.append((kind, tuple(x) if isinstance(x, Mapping) else len(x)))
        for value in tree.flatten(x):
            split(value, key, dynamic)
    else:
        key.append(_Static(x))


def _travels(x: Any) -> bool:
    is_host = isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind not in _NO_NUMBERS
    return is_host or isinstance(x, (jax.Array, BCOO))


def placeholders(x: Any, count: list[int]) -> Any:
    """The tree with slots for what `split` finds dynamic, numbered in its order."""
    if type(x) is tuple or type(x) is list:
        return type(x)([placeholders(value, count) for value in x])
    if type(x) is dict:
        return {key: placeholders(value, count) for key, value in x.items()}
    if tree.is_nested(x):
        return tree.map_structure(lambda leaf: placeholders(leaf, count), x)
    if not _travels(x):
        return x
    count[0] += 1
    return _Slot(count[0] - 1)


class _Static:
    """A static argument: equal if hashable and equal, else only if it is the same object."""

    __slots__ = ("value", "hash")

    def __init__(self, value: Any):
        self.value = value
        try:
            self.hash = hash(value)
        except TypeError:
            self.hash = id(value)

    def __hash__(self) -> int:
        return self.hash

    def __eq__(self, other: Any) -> bool:
        if not isinstance(other, _Static) or self.hash != other.hash or type(self.value) is not type(other.value):
            return False
        return self.value is other.value or (not hasattr(self.value, "assign") and bool(self.value == other.value))


# --- jit --------------------------------------------------------------------------------------------------------------


def kept(variable: Any, value: Any) -> Any:
    """A Variable's new value in compiled code, laid out over devices as the Variable is."""
    layout = variable.layout
    return value if layout is None else lax.with_sharding_constraint(value, layout.backend_layout)


class Program:
    """A function compiled for one structure of arguments.

    Args:
        backend: the JAX backend.
        call: takes the list of dynamic arguments.
        variables: Variables that it is known to use.
        donate: whether the arrays of assigned Variables may be overwritten.
    """

    def __init__(self, backend: Any, call: Callable[[list[Any]], Any], variables: list[Any], donate: bool):
        self.backend, self.call, self.variables, self.donate = backend, call, variables, donate
        self.written: list[Any] = []
        self.read: list[Any] = []
        self.compiled: Callable | None = None
        self.first: tuple | None = None

    def __call__(self, dynamic: list[Any]) -> Any:
        if self.compiled is None:
            lifted(lambda variables: self.prepare(variables, dynamic), self.variables)
        state = local.state
        try:
            if state is None:
                values = [v.native for v in self.written], [v.native for v in self.read]
                out, new = self.compiled(*values, dynamic)
                for variable, value in zip(self.written, new):  # noqa: B905 - same length
                    variable.native = value
            else:
                values = [state.lookup(v) for v in self.written], [state.lookup(v) for v in self.read]
                out, new = self.compiled(*values, dynamic)
                for variable, value in zip(self.written, new):  # noqa: B905 - same length
                    state.add_update((variable, value))
        except Retrace as more:  # other shapes lead to other Variables: nothing has run yet
            known = set(map(id, self.variables))
            self.variables = [*self.variables, *(v for v in more.variables if id(v) not in known)]
            self.compiled = None
            return self(dynamic)
        return out

    def pure(
        self, variables: list[Any], values: list[Any], dynamic: list[Any]
    ) -> tuple[Packed, dict[int, Any], set[int]]:
        """Run the function on traced values: its result, the new values of what it assigned, and what it used."""
        with setting(backend=self.backend), StatelessScope() as scope:
            for variable, value in zip(variables, values, strict=True):
                scope.set(variable, value)
            out = pack(self.call(dynamic))
        known = set(map(id, variables))
        unknown = {key: v for key, v in {**scope.read, **scope.assigned}.items() if key not in known}
        for variable in unknown.values():
            if variable.backend is not self.backend:
                raise TypeError(
                    f"A function compiled by {self.backend.name} uses the Variable {variable.path} of "
                    f"{variable.backend.name}. Give `variables` to jit, or call it inside "
                    f"`use_backend({variable.backend.name!r})`."
                )
        if unknown:
            raise Retrace(list(unknown.values()))
        return out, {key: scope.values[key] for key in scope.assigned}, scope.used | scope.assigned.keys()

    def prepare(self, variables: list[Any], dynamic: list[Any]) -> None:
        """Trace once with every Variable lifted; then compile for those in use; the assigned ones are donated."""
        found: dict[str, Any] = {"variables": variables}

        def flat(values: list[Any], dynamic: list[Any]) -> list[Any]:
            found["avals"] = list(map(jax.typeof, jax.tree.leaves((values, dynamic))))
            out, new, found["used"] = self.pure(variables, values, dynamic)
            leaves, found["leaves"] = jax.tree.flatten(out.leaves)
            found["template"], found["assigned"] = out.template, new.keys()
            return [*leaves, *new.values()]

        jaxpr = jax.make_jaxpr(flat)([current(v) for v in variables], dynamic)
        written = {*map(id, self.written), *found["assigned"]}  # also what calls of other shapes assign
        read = {*map(id, self.read), *found["used"]} - written
        self.written = [v for v in variables if id(v) in written]
        self.read = [v for v in variables if id(v) in read]
        self.variables = [*self.written, *self.read]
        self.first = (jaxpr, found)
        body = weakref.WeakMethod(self.run)  # a cycle would keep the Variables until the garbage collector runs
        self.compiled = jax.jit(lambda *values: body()(*values), donate_argnums=(0,) if self.donate else ())

    def run(self, written: list[Any], read: list[Any], dynamic: list[Any]) -> tuple[Any, list[Any]]:
        """What JAX compiles; the trace that `prepare` made serves the first time."""
        values = [*written, *read]
        new = self.replayed(values, dynamic) or self.pure(self.variables, values, dynamic)
        if new[1].keys() - set(map(id, self.written)):
            raise Retrace([])
        after = [kept(v, new[1].get(id(v), x)) for v, x in zip(self.written, written, strict=True)]
        return self.apart(values, dynamic, new[0], after)

    def replayed(self, values: list[Any], dynamic: list[Any]) -> tuple[Packed, dict[int, Any]] | None:
        """What `pure` gives, from the trace that is there; None if it doesn't fit."""
        first, self.first = self.first, None
        if first is None:
            return None
        jaxpr, found = first
        known = dict(zip(map(id, self.variables), values, strict=True))
        values = [known.get(id(v), v.native) for v in found["variables"]]
        leaves = jax.tree.leaves((values, dynamic))
        if found["avals"] != list(map(jax.typeof, leaves)):
            return None
        results = jaxpr_as_fun(jaxpr)(*leaves)
        count = len(results) - len(found["assigned"])
        new = dict(zip(found["assigned"], results[count:], strict=True))
        return Packed(found["leaves"].unflatten(results[:count]), found["template"]), new

    def apart(self, values: list[Any], dynamic: list[Any], out: Packed, new: list[Any]) -> tuple[Any, list[Any]]:
        """Copy what would leave as one array with two owners: a Variable's is overwritten by the next call."""
        owned = set(map(id, (*values, *dynamic)))
        for i, x in enumerate(new):
            if id(x) in owned:
                new[i] = jnp.copy(x)
            owned.add(id(x))
        owned = set(map(id, (*values, *new)))
        leaves = [jnp.copy(x) if id(x) in owned else x for x in out.leaves]
        alone = type(out.template) is _Slot  # JAX builds that by itself, which is faster
        return leaves[0] if alone else Packed(leaves, out.template), new


def programs(backend: Any, fn: Callable, variables: Any, donate: bool) -> Callable:
    """`fn` with a `Program` for each structure of arguments."""
    known: dict[Any, Program] = {}

    def program(args: tuple, kwargs: dict[str, Any], free: bool) -> Program:
        template = placeholders([args, kwargs], [0])

        def call(dynamic: list[Any]) -> Any:
            args, kwargs = unpack(template, dynamic)
            return fn(*args, **kwargs)

        call.__name__ = getattr(fn, "__name__", "call")
        return Program(backend, call, list(variables or ()), donate and free)

    def run(*args: Any, **kwargs: Any) -> Any:
        key: list[Any] = [local.state is None, local.autocast]
        dynamic: list[Any] = []
        for x in args:
            split(x, key, dynamic)
        if kwargs:
            split(kwargs, key, dynamic)
        found = known.get(key := tuple(key))
        if found is None:
            found = known[key] = program(args, kwargs, key[0])
        return found(dynamic)

    return run


def uncompiled(backend: Any, fn: Callable) -> Callable:
    """`fn` as it is, with tensors in place of NumPy arrays, as when it is compiled."""

    @functools.wraps(fn, updated=())
    def run(*args: Any, **kwargs: Any) -> Any:
        args, kwargs = tree.map_structure(lambda x: backend.convert(x) if _travels(x) else x, (args, kwargs))
        return fn(*args, **kwargs)

    return run


# --- several steps in one program -------------------------------------------------------------------------------------


def stacked(batches: list[Any]) -> Any:
    """Batches of equal shapes and structure as one tree of tensors with one more axis; None for others, or sparse."""
    keys, rows = [], []
    for batch in batches:
        key, row = [], []
        split(batch, key, row)
        keys.append((key, [(x.shape, x.dtype) for x in row]))
        rows.append(row)
    if any(key != keys[0] for key in keys) or BCOO in keys[0][0]:
        return None
    on_host = all(type(x) is np.ndarray for row in rows for x in row)
    return unpack(placeholders(batches[0], [0]), list(map(np.stack if on_host else jnp.stack, zip(*rows, strict=True))))


def loop_over(step: Callable, only_last: bool) -> Callable[[Any], Any]:
    """A function of stacked batches, for a `Program`: a loop that carries all its Variables and traces `step` once."""

    def run(batches: Any) -> Any:
        variables, changed, columns = list(local.state.variables.values()), set(), []
        split(batches, [], columns)
        template = placeholders(batches, [0])

        def body(values: list[Any], row: list[Any]) -> tuple[list[Any], Packed]:
            out, new = carry(step, variables, values, unpack(template, row))
            changed.update(i for i, value in enumerate(new) if value is not values[i])
            return new, pack(out)

        values, results = lax.scan(body, [current(v) for v in variables], columns)
        store([variables[i] for i in changed], [values[i] for i in changed])
        return tree.map_structure(_last if only_last else _joined, results)

    return run


def _last(x: Any) -> Any:
    return x[-1] if isinstance(x, jax.Array) else x


def _joined(x: Any) -> Any:
    return x.reshape(-1, *x.shape[2:]) if isinstance(x, jax.Array) and x.ndim > 1 else x


# --- the backend's methods --------------------------------------------------------------------------------------------


class Transforms:
    """JAX's transforms over functions with Variables."""

    def jit(
        self, fn: Callable, variables: Any = None, donate: bool = True, jit_compile: Any = None, **options: Any
    ) -> Callable:
        return uncompiled(self, fn) if jit_compile is False else programs(self, fn, variables, donate)

    def several_steps(
        self, step: Callable, one: Callable, only_last: bool, variables: Any = None, **options: Any
    ) -> Callable[[list[Any]], list[Any]]:
        if options.get("jit_compile") is False:
            return super().several_steps(step, one, only_last)
        loop = self.jit(loop_over(step, only_last), variables, **options)

        def run(batches: list[Any]) -> list[Any]:
            together = stacked(batches)
            return [one(batch) for batch in batches] if together is None else [loop(together)]

        return run

    def value_and_grad(self, fn: Callable, variables: Any = None, has_aux: bool = False, argnums: Any = 0) -> Callable:
        wanted = None if variables is None else list(variables)
        places = argnums if isinstance(argnums, (tuple, list)) else (argnums,)

        def run(*args: Any, **kwargs: Any) -> Any:
            assigned: list[Any] = []

            def pure(values: list[Any]) -> Any:
                inputs = list(args)
                with StatelessScope() as scope:
                    for variable, value in zip(wanted or (), values, strict=False):
                        scope.set(variable, value)
                    if wanted is None:
                        for place, value in zip(places, values, strict=True):
                            inputs[place] = value
                    out = fn(*inputs, **kwargs)
                    value, aux = out if has_aux else (out, None)
                    aux = pack(aux)
                assigned[:] = scope.assigned.values()
                return self._scalar(value), (aux, [x for _, x in scope.updates()])

            values = [self._tensors(args[i]) for i in places] if wanted is None else [current(v) for v in wanted]
            (value, (aux, new)), grads = jax.value_and_grad(pure, has_aux=True)(values)
            store(assigned, new)
            if wanted is None:
                grads = tuple(grads) if isinstance(argnums, (tuple, list)) else grads[0]
            return (value, aux) if has_aux else value, grads

        return run

    def _scalar(self, value: Any) -> Any:
        value = self.convert(value)
        if value.shape:
            raise ValueError(
                f"value_and_grad: the function must return a scalar; got shape {value.shape}. Reduce it, for example "
                "with ops.mean. If it returns (loss, aux), pass has_aux=True."
            )
        return value

    def _tensors(self, values: Any) -> Any:
        """A tree of tensors; None stays."""
        return tree.map_structure(lambda x: None if x is None else self.convert(x), values)

    def vmap(self, fn: Callable, in_axes: Any = 0, out_axes: Any = 0) -> Callable:
        axes = tuple(in_axes) if isinstance(in_axes, list) else in_axes

        def run(*args: Any) -> Any:
            assigned: list[Any] = []

            def pure(*args: Any) -> Any:
                with StatelessScope() as scope:
                    out = self._tensors(fn(*args))
                assigned[:] = scope.assigned.values()
                return out, [x for _, x in scope.updates()]

            out, new = jax.vmap(pure, axes, (out_axes, None))(*self._tensors(args))
            store(assigned, new)
            return out

        return run

    def scan(
        self, f: Callable, init: Any, xs: Any = None, length: Any = None, reverse: bool = False, unroll: Any = 1
    ) -> Any:
        count = length if xs is None else next(x.shape[0] for x in tree.flatten(xs) if x is not None)
        if 0 < count <= UNROLLED and _is_eager((init, xs)):
            return self._steps(f, self._tensors(init), xs, count, reverse)

        def attempt(variables: list[Any]) -> Any:
            def body(state: Any, x: Any) -> Any:
                (new, out), values = carry(f, variables, state[1], state[0], x)
                return (self._tensors(new), values), self._tensors(out)

            start = self._tensors(init), [current(v) for v in variables]
            (new, values), out = lax.scan(body, start, self._tensors(xs), length, reverse, unroll)
            store(variables, values)
            return new, out

        return lifted(attempt)

    def _steps(self, f: Callable, carry: Any, xs: Any, count: int, reverse: bool) -> Any:
        columns = [None if x is None else _rows(self.convert(x)) for x in tree.flatten(xs)]
        outputs: list[Any] = [None] * count
        for i in reversed(range(count)) if reverse else range(count):
            x = tree.pack_sequence_as(xs, [None if c is None else c[i] for c in columns])
            carry, out = f(carry, x)
            carry, outputs[i] = self._tensors(carry), self._tensors(out)
        return carry, tree.map_structure(lambda *leaves: None if leaves[0] is None else jnp.stack(leaves), *outputs)

    def while_loop(self, cond: Callable, body: Callable, loop_vars: Any, maximum_iterations: Any = None) -> Any:
        several = isinstance(loop_vars, (tuple, list))
        most = None if maximum_iterations is None else jnp.asarray(maximum_iterations, jnp.int32)
        done, loop = 0, self._tensors(tuple(loop_vars) if several else (loop_vars,))
        while done < UNROLLED and _is_eager((loop, maximum_iterations)):
            if (most is not None and done >= most) or not self.convert(cond(*loop)):
                return loop if several else loop[0]
            out = body(*loop)
            loop = self._tensors(tuple(out) if isinstance(out, (tuple, list)) and several else (out,))
            done += 1

        def attempt(variables: list[Any]) -> Any:
            def goes_on(state: Any) -> Any:
                count, loop, values = state
                more, _ = carry(cond, variables, values, *loop)
                more = jnp.asarray(more, bool).reshape(())
                return more if most is None else more & (count < most)

            def step(state: Any) -> Any:
                count, loop, values = state
                out, values = carry(body, variables, values, *loop)
                out = tuple(out) if isinstance(out, (tuple, list)) and several else (out,)
                return count + 1, self._tensors(out), values

            start = jnp.asarray(done, jnp.int32), loop, [current(v) for v in variables]
            _, out, values = lax.while_loop(goes_on, step, start)
            store(variables, values)
            return out if several else out[0]

        return lifted(attempt)

    def fori_loop(self, lower: Any, upper: Any, body_fun: Callable, init_val: Any) -> Any:
        lower, upper = (x.value if hasattr(x, "assign") else x for x in (lower, upper))
        if _is_eager((lower, upper, init_val)) and int(upper) - int(lower) <= UNROLLED:
            value = self._tensors(init_val)
            for i in range(int(lower), int(upper)):
                value = self._tensors(body_fun(jnp.asarray(i, jnp.int32), value))
            return value

        def attempt(variables: list[Any]) -> Any:
            def step(i: Any, state: Any) -> Any:
                out, values = carry(body_fun, variables, state[1], i, state[0])
                return self._tensors(out), values

            start = self._tensors(init_val), [current(v) for v in variables]
            out, values = lax.fori_loop(lower, upper, step, start)
            store(variables, values)
            return out

        return lifted(attempt)

    def cond(self, pred: Any, true_fn: Callable, false_fn: Callable) -> Any:
        pred = self.convert(pred)
        if not isinstance(pred, jax.core.Tracer):
            return true_fn() if pred else false_fn()

        def attempt(variables: list[Any]) -> Any:
            def branch(fn: Callable) -> Callable:
                def run(values: list[Any]) -> Any:
                    out, values = carry(fn, variables, values)
                    return self._tensors(out), values

                return run

            values = [current(v) for v in variables]
            out, values = lax.cond(pred.astype(bool).reshape(()), branch(true_fn), branch(false_fn), values)
            store(variables, values)
            return out

        return lifted(attempt)

    def stop_gradient(self, x: Any) -> Any:
        return lax.stop_gradient(x)

    def custom_gradient(self, f: Callable) -> Callable:
        def run(*args: Any, **kwargs: Any) -> Any:
            dynamic: list[Any] = []
            args = tuple(x.value if hasattr(x, "assign") else x for x in args)
            split(args, [], dynamic)
            template = placeholders(args, [0])

            def attempt(variables: list[Any]) -> Any:
                assigned: list[Any] = []

                @jax.custom_gradient
                def pure(dynamic: list[Any], values: list[Any]) -> Any:
                    inputs = unpack(template, dynamic)
                    with _Probe() as scope:
                        for variable, value in zip(variables, values, strict=True):
                            scope.set(variable, value)
                        out, grad_fn = f(*inputs, **kwargs)
                    if scope.untraced:
                        raise Retrace(scope.untraced)
                    assigned[:] = scope.assigned.values()

                    def backward(upstream: Any) -> Any:
                        with StatelessScope():
                            grads = call_gradient_function(grad_fn, inputs, upstream[0])
                        return cotangents(template, grads, dynamic), [_cotangent(None, x) for x in values]

                    return (self._tensors(out), [x for _, x in scope.updates()]), backward

                out, new = pure([jnp.asarray(x) for x in dynamic], [lax.stop_gradient(current(v)) for v in variables])
                store(assigned, new)
                return out

            return lifted(attempt)

        return run

    def checkpoint(self, fn: Callable) -> Callable:
        def run(*args: Any, **kwargs: Any) -> Any:
            assigned: list[Any] = []

            def pure() -> Any:
                with StatelessScope() as scope:
                    out = pack(fn(*args, **kwargs))
                assigned[:] = scope.assigned.values()
                return out, [x for _, x in scope.updates()]

            out, new = jax.checkpoint(pure)()
            store(assigned, new)
            return out

        return run

    def eval_shape(self, fn: Callable, *specs: Any) -> Any:
        wanted = [s for s in tree.flatten(specs) if isinstance(s, Spec)]
        count = iter(range(len(wanted)))
        template = tree.map_structure(lambda s: _Slot(next(count)) if isinstance(s, Spec) else s, specs)

        def shapes(size: int) -> Any:
            def pure(tensors: list[Any]) -> Packed:
                with setting(backend=self), StatelessScope():
                    return pack(fn(*unpack(template, tensors)))

            return jax.eval_shape(pure, [_abstract(s, size) for s in wanted])

        first = shapes(PROBES[0])
        unknown = any(None in s.shape for s in wanted)
        return tree.map_structure(_merged, first, shapes(PROBES[1]) if unknown else first)


_rows = compiled(jnp.unstack)


def _is_eager(values: Any) -> bool:
    """Whether a loop may run step by step: nobody traces, as far as one can see."""
    return local.state is None and not any(isinstance(x, jax.core.Tracer) for x in tree.flatten(values))


class _Probe(StatelessScope):
    """Finds Variables whose values are traced outside, where a function with a gradient of its own can't reach."""

    def __init__(self) -> None:
        super().__init__()
        self.untraced: list[Any] = []

    def lookup(self, variable: Any) -> Any:
        value = super().lookup(variable)
        if id(variable) in self.values or not isinstance(value, jax.core.Tracer):
            return value
        self.untraced.append(variable)
        self.set(variable, jnp.zeros(value.shape, value.dtype))
        return self.values[id(variable)]


def cotangents(template: tuple, grads: Any, dynamic: list[Any]) -> list[Any]:
    """One gradient for each dynamic argument, from one for each argument or for each tensor in them."""
    grads = tuple(grads) if isinstance(grads, (tuple, list)) else (grads,)
    if len(grads) == len(template):
        pairs = [pair for part, grad in zip(template, grads, strict=True) for pair in _pairs(part, grad)]
    else:
        pairs = list(zip([s for s in tree.flatten(template) if type(s) is _Slot], tree.flatten(grads), strict=True))
    found: list[Any] = [None] * len(dynamic)
    for slot, grad in pairs:
        found[slot.index] = grad
    return [_cotangent(g, x) for g, x in zip(found, dynamic, strict=True)]


def _pairs(template: Any, grad: Any) -> list[tuple[_Slot, Any]]:
    slots = tree.flatten(template)
    grads = [None] * len(slots) if grad is None else tree.flatten(grad)
    return [(s, g) for s, g in zip(slots, grads, strict=False) if type(s) is _Slot]


def _cotangent(grad: Any, x: Any) -> Any:
    if not jnp.issubdtype(x.dtype, jnp.inexact):
        return np.zeros(x.shape, jax.dtypes.float0)
    if grad is None:
        return jnp.zeros_like(x)
    return jnp.broadcast_to(jnp.asarray(grad, x.dtype), x.shape)


def _abstract(spec: Spec, size: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct([size if d is None else d for d in spec.shape], jax_dtype(spec.dtype))


def _merged(a: Any, b: Any) -> Any:
    if not isinstance(a, jax.ShapeDtypeStruct):
        return a
    return Spec([m if m == n else None for m, n in zip(a.shape, b.shape, strict=True)], a.dtype.name)
