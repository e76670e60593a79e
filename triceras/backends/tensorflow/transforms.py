"""`jit` is `tf.function`, gradients are `tf.GradientTape`s, and loops are TensorFlow's where a graph is traced.

AutoGraph is off everywhere, as in Keras 3, whose models raise at a Python `if` on a tensor, too: it rewrites the source
of whatever a traced function calls, so that code runs which nobody wrote. A branch on a tensor is `ops.cond` or
`ops.where`, as on every other backend.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from triceras.backends.tensorflow.compiler import compiled, several_steps
from triceras.backends.tensorflow.tensor import fill, split
from triceras.backends.tensorflow.variable import raw_value
from triceras.core import placement, tree
from triceras.core.dtypes import standardize_dtype
from triceras.core.scope import local
from triceras.core.spec import Spec
from triceras.core.state import StatelessScope
from triceras.transforms import call_gradient_function


class Loops:
    """`scan`, `while_loop`, `fori_loop` and `cond`."""

    def cond(self, pred: Any, true_fn: Callable, false_fn: Callable) -> Any:
        if hasattr(pred, "assign") and hasattr(pred, "backend"):
            pred = pred.value
        if not isinstance(pred, self.tensor_types) or not self.is_traced(pred):
            return true_fn() if bool(pred) else false_fn()
        pred = tf.cast(tf.reshape(tf.convert_to_tensor(pred), ()), tf.bool)
        variables = list(dict.fromkeys([*self._assigned(true_fn), *self._assigned(false_fn)]))
        made: list[Any] = []

        def branch(fn: Callable) -> Callable:
            def run() -> list[Any]:
                found = _passing(fn, variables)(self._values(variables))
                made.append(tree.map_structure(lambda x: x if x is None else self.convert(x), found))
                return _present(made[-1])

            return run

        leaves = tf.cond(pred, branch(true_fn), branch(false_fn))
        tree.assert_same_structure(*made[:2])
        result, values = _refill(made[0], leaves)
        _assign_all(variables, values)
        return result

    def _assigned(self, fn: Callable, *specs: Any) -> list[Any]:
        """The Variables that `fn` assigns, as far as that must not happen for real: they travel with a loop's state."""
        if local.state is None:
            return []
        with tf.__internal__.FuncGraph("trial").as_default(), StatelessScope() as scope:
            fn(*tree.map_structure(_placeholder, specs))
        return [variable for variable, _ in scope.updates()]

    def _values(self, variables: list[Any]) -> list[Any]:
        return [self.convert(raw_value(variable)) for variable in variables]

    def while_loop(self, cond: Callable, body: Callable, loop_vars: Any, maximum_iterations: Any = None) -> Any:
        several = isinstance(loop_vars, (tuple, list))
        state = tree.map_structure(self.convert, tuple(loop_vars) if several else (loop_vars,))

        def step(*state: Any) -> tuple:
            new = body(*state)
            new = tuple(new) if several else (new,)
            return tree.map_structure(lambda old, x: self.convert(x, self.dtype(old)), state, new)

        if tf.executing_eagerly():
            done = 0
            while bool(cond(*state)) and (maximum_iterations is None or done < maximum_iterations):
                state = step(*state)
                done += 1
        else:
            state = self._traced_while(cond, step, state, maximum_iterations)
        return (list(state) if isinstance(loop_vars, list) else state) if several else state[0]

    def _traced_while(self, cond: Callable, step: Callable, state: tuple, maximum_iterations: Any = None) -> tuple:
        """The loop over flat tensors; a dimension that the body changes is left open."""
        variables = self._assigned(step, *tree.map_structure(self.spec, state))
        state = (self._values(variables), *state)
        cond, step = _passing(cond, variables), _passing(step, variables)

        def run(*leaves: Any) -> list[Any]:
            new, values = step(*tree.pack_sequence_as(state, leaves))
            return tree.flatten((values, new))

        flat = tree.flatten(state)
        leaves = tf.while_loop(
            lambda *leaves: tf.reshape(
                tf.cast(self.convert(cond(*tree.pack_sequence_as(state, leaves))[0]), tf.bool), ()
            ),
            run,
            flat,
            shape_invariants=_invariants(flat, self.eval_shape(run, *map(self.spec, flat))),
            maximum_iterations=maximum_iterations,
        )
        values, *state = tree.pack_sequence_as(state, leaves)
        _assign_all(variables, values)
        return tuple(state)

    def fori_loop(self, lower: Any, upper: Any, body_fun: Callable, init_val: Any) -> Any:
        lower, upper = self.convert(lower, "int32"), self.convert(upper, "int32")
        state = (lower, init_val)
        return self.while_loop(lambda i, _: i < upper, lambda i, value: (i + 1, body_fun(i, value)), state)[1]

    def scan(
        self, f: Callable, init: Any, xs: Any = None, length: Any = None, reverse: bool = False, unroll: Any = 1
    ) -> Any:
        init, xs = (tree.map_structure(lambda x: x if x is None else self.convert(x), t) for t in (init, xs))
        count = _count(xs, length)
        known = tf.get_static_value(count)
        if known is not None and (tf.executing_eagerly() or unroll is True or known <= unroll):
            return self._unrolled_scan(f, init, xs, int(known), reverse)
        variables = self._assigned(f, *tree.map_structure(_spec_or_none, (init, _row_specs(xs))))
        passing = _passing(f, variables)

        def step(carry: tuple, x: Any) -> tuple:
            (new, out), values = passing(carry[0], carry[1], x)
            return (values, new), out

        (values, carry), outputs = self._traced_scan(step, (self._values(variables), init), xs, count, reverse)
        _assign_all(variables, values)
        return carry, outputs

    def _unrolled_scan(self, f: Callable, init: Any, xs: Any, count: int, reverse: bool) -> Any:
        rows = tree.map_structure(lambda x: x if x is None else tf.unstack(x, num=count), xs)
        carry, outputs = init, [None] * count
        for i in reversed(range(count)) if reverse else range(count):
            carry, outputs[i] = f(carry, tree.map_structure_up_to(xs, lambda r, i=i: None if r is None else r[i], rows))
        if count:
            return carry, tree.map_structure(lambda *ys: None if ys[0] is None else tf.stack(ys), *outputs)
        spec = self.eval_shape(f, *tree.map_structure(_spec_or_none, (init, _row_specs(xs))))[1]
        return init, tree.map_structure(lambda s: None if s is None else tf.zeros((0, *s.shape), s.dtype), spec)

    def _traced_scan(self, f: Callable, init: Any, xs: Any, count: Any, reverse: bool) -> Any:
        specs = self.eval_shape(f, *tree.map_structure(_spec_or_none, (init, _row_specs(xs))))
        out_specs = [s for s in tree.flatten(specs[1]) if s is not None]
        known = tf.get_static_value(count)
        arrays = [tf.TensorArray(s.dtype, size=count, element_shape=s.shape) for s in out_specs]
        flat = _present(init)
        # Rows of an array, since the gradient of a lookup into a tensor is as large as the tensor, at each step.
        rows = [tf.TensorArray(x.dtype, size=count).unstack(x) for x in _present(xs)]

        def step(i: Any, leaves: Any, arrays: Any) -> tuple:
            at = count - 1 - i if reverse else i
            carry, out = f(_refill(init, leaves), _refill(xs, [row.read(at) for row in rows]))
            new = [self.convert(x, self.dtype(old)) for x, old in zip(_present(carry), leaves, strict=True)]
            return i + 1, new, [a.write(at, self.convert(y)) for a, y in zip(arrays, _present(out), strict=True)]

        after = [s for s in tree.flatten(specs[0]) if s is not None]
        _, leaves, arrays = tf.while_loop(
            lambda i, *_: i < count,
            step,
            (tf.constant(0), flat, arrays),
            shape_invariants=(tf.TensorShape(()), _invariants(flat, after), [tf.TensorShape(None)] * len(arrays)),
            maximum_iterations=count if known is None else int(known),
        )
        outs = [tf.ensure_shape(a.stack(), (known, *s.shape)) for a, s in zip(arrays, out_specs, strict=True)]
        return _refill(init, leaves), _refill(specs[1], outs)


def _passing(fn: Callable, variables: list[Any]) -> Callable:
    """`fn` as a function of some Variables' values too, which gives their new values beside its result."""

    def run(values: list[Any], *args: Any) -> tuple[Any, list[Any]]:
        if not variables:
            return fn(*args), []
        with StatelessScope(zip(variables, values, strict=True)) as scope:
            return fn(*args), [scope.lookup(variable) for variable in variables]

    return run


def _assign_all(variables: list[Any], values: list[Any]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _refill(structure: Any, leaves: Any) -> Any:
    """A tree with tensors in the places of what isn't None."""
    rest = iter(leaves)
    return tree.map_structure(lambda x: x if x is None else next(rest), structure)


def _invariants(before: list[Any], after: list[Any]) -> list[tf.TensorShape]:
    """The shapes of a loop's tensors, with the sizes open that one step changes."""
    return [
        tf.TensorShape(x.shape).most_specific_common_supertype([tf.TensorShape(s.shape)])
        for x, s in zip(before, after, strict=True)
    ]


def _present(structure: Any) -> list[Any]:
    return [x for x in tree.flatten(structure) if x is not None]


def _count(xs: Any, length: Any) -> Any:
    """How many steps a scan has: an int, or a scalar tensor where only the running graph knows."""
    leaves = _present(xs)
    if not leaves:
        if length is None:
            raise ValueError("scan needs `xs` or `length`: without them it doesn't know how many steps to take.")
        return length
    sizes = {x.shape[0] for x in leaves} - {None} | ({length} if isinstance(length, int) else set())
    if len(sizes) > 1:
        raise ValueError(f"scan: the leaves of `xs` (and `length`) must have one size on axis 0; got {sorted(sizes)}.")
    return sizes.pop() if sizes else tf.shape(leaves[0])[0]


def _row_specs(xs: Any) -> Any:
    return tree.map_structure(lambda x: None if x is None else Spec(x.shape.as_list()[1:], x.dtype.name), xs)


def _spec_or_none(x: Any) -> Any:
    return x if x is None or isinstance(x, Spec) else Spec(x.shape.as_list(), x.dtype.name)


class Transforms(Loops):
    """Functions over functions."""

    def jit(
        self, fn: Callable, variables: Any = None, donate: bool = True, jit_compile: Any = None, **options: Any
    ) -> Callable:
        """See `triceras.jit`. With `jit_compile=True` XLA runs the graphs, with False TensorFlow's kernels; with None
        or "auto" it is the kernels at first, later the faster of both, by measurement: see `compiler/xla.py`.
        """
        distribution = placement.in_force(self)
        if distribution is not None and variables is not None:  # a step
            return self.engine().compiled(fn, distribution)
        return compiled(self, fn, _xla(jit_compile))

    def several_steps(
        self,
        step: Callable,
        one: Callable,
        only_last: bool,
        variables: Any = None,
        jit_compile: Any = None,
        **options: Any,
    ) -> Callable[[list[Any]], list[Any]]:
        return several_steps(self, one, only_last, _xla(jit_compile))

    def settled(self, compiled: Callable) -> bool:
        return all(getattr(trace.run, "winner", True) for trace in getattr(compiled, "traces", {}).values())

    # --- gradients -------------------------------------------------------------------------------------------------

    def value_and_grad(self, fn: Callable, variables: Any = None, has_aux: bool = False, argnums: Any = 0) -> Callable:
        @functools.wraps(fn)
        def run(*args: Any, **kwargs: Any) -> Any:
            if variables is None:
                sources, args = self._differentiable(args, argnums)
            else:
                sources = tree.map_structure(raw_value, variables)
            leaves = tree.flatten(sources)
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(leaves)
                result = fn(*args, **kwargs)
                loss = self.convert(result[0] if has_aux else result)
            if loss.shape.rank:
                raise ValueError(f"value_and_grad needs a scalar result; its shape is {self.shape(loss)}.")
            grads = tape.gradient(loss, leaves, unconnected_gradients=tf.UnconnectedGradients.ZERO)
            grads = tree.pack_sequence_as(sources, [_dense(g, x) for g, x in zip(grads, leaves, strict=True)])
            return ((loss, result[1]) if has_aux else loss), grads

        return run

    def _differentiable(self, args: tuple, argnums: Any) -> tuple[Any, tuple]:
        """The arguments of the numbers `argnums` as tensors, and all arguments with these in their places."""
        args = list(args)
        numbers = argnums if isinstance(argnums, (tuple, list)) else (argnums,)
        for i in numbers:
            args[i] = tree.map_structure(lambda x: tf.identity(self.convert(x)), args[i])
        sources = tuple(args[i] for i in numbers)
        return (sources if isinstance(argnums, (tuple, list)) else sources[0]), tuple(args)

    def stop_gradient(self, x: Any) -> Any:
        return tree.map_structure(lambda leaf: tf.stop_gradient(self.convert(leaf)), x)

    def custom_gradient(self, f: Callable) -> Callable:
        @functools.wraps(f)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            @tf.custom_gradient
            def run(*args: Any) -> Any:
                output, gradient = f(*args, **kwargs)

                def backward(*upstream: Any, variables: Any = None) -> Any:
                    found = call_gradient_function(gradient, args, upstream if len(upstream) > 1 else upstream[0])
                    return found if variables is None else (found, [None] * len(variables))

                return output, backward

            return run(*(tree.map_structure(self.convert, arg) for arg in args))

        return wrapped

    def checkpoint(self, fn: Callable) -> Callable:
        @functools.wraps(fn)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            inputs: list[Any] = []
            skeleton = split((args, kwargs), inputs)
            lifted = _values_around()
            kept: dict[str, Any] = {}  # what the first run finds out
            run = _recomputing(fn, skeleton, list(lifted), len(inputs), kept)
            outputs = run(*inputs, *map(tf.convert_to_tensor, lifted.values()))
            for variable, value in zip(kept["assigned"], outputs[kept["count"] :], strict=True):
                variable.assign(value)
            return fill(kept["result"], iter(outputs))

        return wrapped

    # --- the rest --------------------------------------------------------------------------------------------------

    def vmap(self, fn: Callable, in_axes: Any = 0, out_axes: Any = 0) -> Callable:
        @functools.wraps(fn)
        def mapped(*args: Any) -> Any:
            axes = in_axes if isinstance(in_axes, (tuple, list)) else (in_axes,) * len(args)
            if len(axes) != len(args):
                raise ValueError(f"vmap: in_axes={in_axes} names {len(axes)} arguments; the call has {len(args)}.")
            args = [self._axis_first(arg, axis) for arg, axis in zip(args, axes, strict=True)]
            over = [i for i, axis in enumerate(axes) if axis is not None]
            if not over:
                raise ValueError("vmap: at least one argument must have an axis to map over; in_axes are all None.")
            made: list[Any] = []

            def row(leaves: Any) -> Any:
                given = list(args)
                rest = iter(leaves)
                for i in over:
                    given[i] = tree.map_structure(lambda _: next(rest), args[i])
                made.append(tree.map_structure(self.convert, fn(*given)))
                return tuple(tree.flatten(made[-1]))

            leaves = tf.vectorized_map(row, tuple(tree.flatten([args[i] for i in over])))
            move = (lambda leaf: leaf) if out_axes == 0 else (lambda leaf: move_axis(leaf, 0, out_axes))
            return tree.pack_sequence_as(made[-1], [move(leaf) for leaf in leaves])

        return mapped

    def _axis_first(self, arg: Any, axis: int | None) -> Any:
        if axis is None:
            return arg
        return tree.map_structure(lambda x: move_axis(self.convert(x), axis, 0), arg)

    def eval_shape(self, fn: Callable, *specs: Any) -> Any:
        with tf.__internal__.FuncGraph("eval_shape").as_default():
            # Inside a scope, so that variables that are assigned don't keep tensors of this graph.
            with StatelessScope():
                return tree.map_structure(self._spec_of, fn(*tree.map_structure(_placeholder, specs)))

    def _spec_of(self, x: Any) -> Any:
        return None if x is None else self.spec(self.convert(x))


def _xla(jit_compile: Any) -> bool | None:
    return None if jit_compile in (None, "auto") else bool(jit_compile)


def _placeholder(spec: Any) -> Any:
    return tf.compat.v1.placeholder(standardize_dtype(spec.dtype), spec.shape) if isinstance(spec, Spec) else spec


def _values_around() -> dict[Any, Any]:
    """The values that the StatelessScopes around give to variables; gradients must flow to these."""
    found: dict[Any, Any] = {}
    state = local.state
    while state is not None:
        for key, value in state.values.items():
            found.setdefault(state.variables[key], value)
        state = state.outer
    return found


def _recomputing(fn: Callable, skeleton: Any, lifted: list[Any], count: int, kept: dict[str, Any]) -> Callable:
    """`fn` over flat tensors, `count` inputs and the values of `lifted`, with a backward pass that runs it again.

    Variables that `fn` assigns come out as further results, and have in the second run the values that they had before
    the first: a seed that counts up must give the same dropout mask.
    """

    def forward(tensors: Any, before: Any = ()) -> tuple[StatelessScope, Any, list[Any]]:
        values = dict(zip(lifted, tensors[count:], strict=True)) | dict(before)
        with StatelessScope(values.items()) as scope:
            args, kwargs = fill(skeleton, iter(tensors[:count]))
            outputs: list[Any] = []
            result = split(fn(*args, **kwargs), outputs, arrays=False)
        return scope, result, outputs

    @tf.custom_gradient
    def run(*tensors: Any) -> Any:
        scope, kept["result"], outputs = forward(tensors)
        kept["assigned"], kept["count"] = list(scope.assigned.values()), len(outputs)
        known = dict(zip(lifted, tensors[count:], strict=True))
        before = {v: tf.stop_gradient(known.get(v, v.native)) for v in kept["assigned"]}

        def backward(*upstream: Any, variables: Any = None) -> Any:
            with tf.control_dependencies(upstream):  # so that the graph isn't merged with the first run's
                again = [tf.identity(x) for x in tensors]
                with tf.GradientTape() as tape:
                    tape.watch([x for x in again if x.dtype.is_floating or x.dtype.is_complex])
                    if variables:
                        tape.watch(variables)
                    outputs = forward(again, before.items())[2]
                grads = tape.gradient(outputs, [*again, *(variables or ())], upstream[: len(outputs)])
            return grads[: len(again)] if variables is None else (grads[: len(again)], grads[len(again) :])

        return [*outputs, *(tf.stop_gradient(value) for _, value in scope.updates())], backward

    return run


def _dense(gradient: Any, source: Any) -> tf.Tensor:
    """A gradient as a plain tensor: lookups into a table give the rows that were looked up."""
    if isinstance(gradient, tf.IndexedSlices):
        return tf.math.unsorted_segment_sum(gradient.values, gradient.indices, tf.shape(source)[0])
    return gradient


def move_axis(x: tf.Tensor, source: int, target: int) -> tf.Tensor:
    """The tensor with one axis at another place."""
    rank = x.shape.rank
    if source % rank == target % rank:
        return x
    order = [i for i in range(rank) if i != source % rank]
    order.insert(target % rank, source % rank)
    return tf.transpose(x, order)
