"""Control flow that works in compiled code, and gradients' special cases.

Each calls the transform of its name of the backend that its tensors belong to, else of the current one.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

from triceras import ops
from triceras.core import registry, tree
from triceras.ops.op import composite


def _backend(*values: Any) -> Any:
    return registry.backend_of(*values) or registry.current()


@composite
def stop_gradient(variable: Any) -> Any:
    """The same values, through which no gradient flows.

    Args:
        variable: a tensor, Variable, number or array.
    """
    return _backend(variable).stop_gradient(ops.convert_to_tensor(variable))


@composite
def cond(pred: Any, true_fn: Callable, false_fn: Callable) -> Any:
    """What one of two functions gives.

    Args:
        pred: a bool scalar.
        true_fn, false_fn: functions without arguments, with results of the same structure, shapes and dtypes.

    Example:
        >>> float(ops.cond(ops.convert_to_tensor(True), lambda: ops.ones(()), lambda: ops.zeros(())))
        1.0
    """
    return _backend(pred).cond(pred, true_fn, false_fn)


@composite
def switch(index: Any, branches: Any, *operands: Any) -> Any:
    """What one of several functions gives for some operands.

    Args:
        index: an integer scalar, limited to the range of the branches.
        branches: functions with results of the same structure, shapes and dtypes.
        *operands: their arguments.
    """
    if len(branches) == 1:
        return branches[0](*operands)
    middle = len(branches) // 2  # halves: few nested conditions
    low, high = branches[:middle], branches[middle:]
    return cond(
        ops.less(index, middle),
        lambda: switch(index, low, *operands),
        lambda: switch(ops.subtract(index, middle), high, *operands),
    )


@composite
def while_loop(cond: Callable, body: Callable, loop_vars: Any, maximum_iterations: int | None = None) -> Any:
    """Run a body as long as a condition holds.

    Args:
        cond: function of the loop variables that gives a bool scalar.
        body: function of the loop variables that gives new ones, of the same shapes and dtypes.
        loop_vars: a tuple or list of tensors, or just one.
        maximum_iterations: the most rounds.

    Returns:
        The loop variables at the end, in the same structure.
    """
    return _backend(loop_vars).while_loop(cond, body, loop_vars, maximum_iterations)


@composite
def fori_loop(lower: Any, upper: Any, body_fun: Callable, init_val: Any) -> Any:
    """Run `value = body_fun(i, value)` for `i` from `lower` up to and without `upper`.

    Args:
        lower, upper: integer scalars.
        body_fun: function of the counter and the value.
        init_val: a tree of tensors.
    """
    return _backend(init_val, lower, upper).fori_loop(lower, upper, body_fun, init_val)


@composite
def scan(
    f: Callable, init: Any, xs: Any = None, length: int | None = None, reverse: bool = False, unroll: Any = 1
) -> Any:
    """Carry a state along the first axis and collect outputs.

    Args:
        f: function `(carry, x) -> (carry, y)`; the carry keeps its structure, shapes and dtypes.
        init: the first carry, a tree of tensors.
        xs: a tree of tensors with a common first axis, or None.
        length: how many steps; needed where `xs` is None.
        reverse: whether to start at the end.
        unroll: how many steps a compiled loop's round holds (True: all), a hint.

    Returns:
        The last carry, and the outputs stacked along a first axis.

    Example:
        >>> last, sums = ops.scan(lambda c, x: (c + x, c + x), ops.zeros(()), ops.ones((3,)))
        >>> ops.convert_to_numpy(sums).tolist()
        [1.0, 2.0, 3.0]
    """
    if not callable(f):
        raise TypeError(f"ops.scan: argument f must be a function; got {f!r}.")
    if xs is None and length is None:
        raise ValueError("ops.scan: pass xs or length; got neither.")
    init, xs = (tree.map_structure(lambda x: None if x is None else ops.convert_to_tensor(x), t) for t in (init, xs))
    return _backend(init, xs).scan(f, init, xs, length, reverse, unroll)


@composite
def associative_scan(f: Callable, elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """The running results of an associative operation along an axis, in a logarithmic number of steps.

    Args:
        f: function of two trees of tensors, element-wise along the axis and associative.
        elems: a tree of tensors with a common size of that axis.
        reverse: whether to start at the end.
        axis: which axis.

    Returns:
        A tree like `elems`.
    """
    leaves = [ops.moveaxis(x, axis, 0) for x in tree.flatten(elems)]
    leaves = [ops.flip(x, axis=0) for x in leaves] if reverse else leaves

    def combine(first: list[Any], second: list[Any]) -> list[Any]:
        packed = (tree.pack_sequence_as(elems, [ops.moveaxis(x, 0, axis) for x in part]) for part in (first, second))
        return [ops.moveaxis(x, axis, 0) for x in tree.flatten(f(*packed))]

    leaves = _prefixes(combine, leaves, leaves[0].shape[0])
    leaves = [ops.flip(x, axis=0) for x in leaves] if reverse else leaves
    return tree.pack_sequence_as(elems, [ops.moveaxis(x, 0, axis) for x in leaves])


def _prefixes(combine: Callable, leaves: list[Any], size: int) -> list[Any]:
    """Blelloch 1990: combine each element with those 1, 2, 4… places before it."""
    distance = 1
    while distance < size:
        earlier = [ops.get_item(x, builtins.slice(None, size - distance)) for x in leaves]
        later = [ops.get_item(x, builtins.slice(distance, None)) for x in leaves]
        heads = [ops.get_item(x, builtins.slice(None, distance)) for x in leaves]
        combined = combine(earlier, later)
        leaves = [ops.concatenate([head, rest], axis=0) for head, rest in zip(heads, combined, strict=True)]
        distance *= 2
    return leaves


@composite
def map(f: Callable, xs: Any) -> Any:
    """The results of a function for each slice along the first axis, one after the other, stacked.

    Args:
        f: function of a tree of tensors.
        xs: a tree of tensors with a common first axis.
    """
    return scan(lambda carry, x: (carry, f(x)), (), xs)[1]


@composite
def vectorized_map(function: Callable, elements: Any) -> Any:
    """The results of a function for each slice along the first axis, all at once, stacked; arguments as for `map`."""
    elements = tree.map_structure(ops.convert_to_tensor, elements)
    return _backend(elements).vmap(function)(elements)


def custom_gradient(f: Callable) -> Callable:
    """A function with a gradient of its own.

    Args:
        f: function of tensors that gives the result and a function from the result's gradient (`upstream`) to the
            gradients of the arguments.

    Returns:
        A function of the same arguments that gives the result alone.

    Example:
        >>> @ops.custom_gradient
        ... def double(x):
        ...     return x * 2, lambda upstream: upstream * 2
        >>> float(double(ops.ones(())))
        2.0
    """
    wrapped: dict[str, Callable] = {}

    def call(*args: Any, **kwargs: Any) -> Any:
        backend = _backend(args, kwargs)
        if backend.name not in wrapped:
            wrapped[backend.name] = backend.custom_gradient(f)
        return wrapped[backend.name](*args, **kwargs)

    call.__name__, call.__doc__ = getattr(f, "__name__", "custom_gradient"), f.__doc__
    return call


def jvp(fun: Callable, primals: Any, tangents: Any, has_aux: bool = False) -> tuple:
    """A function's value and its directional derivative.

    It is the gradient of a gradient: `u` to `Jᵀu` is linear, and the gradient of `<Jᵀu, v>` by `u` is `Jv`. So it
    takes a backend's `value_and_grad` alone.

    Args:
        fun: function of tensors, or trees of them; with `has_aux` it gives `(value, aux)`.
        primals: a tuple or list of its arguments.
        tangents: as many directions, of the same structure and shapes.
        has_aux: whether `fun` gives something beside its value.

    Returns:
        `(value, derivative)` of the same structure, and `aux` as a third where there is one.

    Raises:
        ValueError: `primals` and `tangents` don't fit.

    Example:
        >>> import triceras
        >>> with triceras.use_backend("jax"):
        ...     value, derivative = ops.jvp(ops.square, (3.0,), (1.0,))
        >>> float(value), float(derivative)
        (9.0, 6.0)
    """
    if not (
        isinstance(primals, (tuple, list)) and isinstance(tangents, (tuple, list)) and len(primals) == len(tangents)
    ):
        raise ValueError(
            f"ops.jvp: primals and tangents must be equally long tuples or lists; got {type(primals).__name__} and "
            f"{type(tangents).__name__}."
        )
    backend = _backend(primals, tangents)
    primals, tangents = (tuple(tree.map_structure(backend.convert, list(t))) for t in (primals, tangents))
    value, aux = fun(*primals) if has_aux else (fun(*primals), None)

    def weighed(values: Any, weights: Any) -> Any:
        return builtins.sum(
            ops.sum(ops.multiply(y, u)) for y, u in zip(tree.flatten(values), tree.flatten(weights), strict=True)
        )

    def pulled_back(weights: Any) -> Any:
        def total(*arguments: Any) -> Any:
            found = fun(*arguments)
            return weighed(found[0] if has_aux else found, weights)

        return weighed(backend.value_and_grad(total, argnums=tuple(range(len(primals))))(*primals)[1], tangents)

    derivative = backend.value_and_grad(pulled_back)(tree.map_structure(ops.zeros_like, value))[1]
    return (value, derivative, aux) if has_aux else (value, derivative)
