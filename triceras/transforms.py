"""Transforms of plain Python functions that read and assign Variables: one custom training loop for every backend.

Each runs on the backend of the Variables it is given, else of the tensors in the call, else on the current one, and
makes that backend current while the function runs.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from triceras.core import masks, registry, tree
from triceras.core.scope import local, setting


def _backend(variables: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
    return registry.backend_of(*(variables or ())) or registry.backend_of(args, kwargs) or registry.current()


def _on_demand(fn: Callable, variables: Any, transform: Callable[[Any], Callable]) -> Callable:
    """A function that is transformed by the backend that its first call (on each backend) shows."""
    made: dict[Any, Callable] = {}
    variables = None if variables is None else list(variables)

    @functools.wraps(fn, updated=())
    def run(*args: Any, **kwargs: Any) -> Any:
        backend = _backend(variables, args, kwargs)
        transformed = made.get(backend)
        if transformed is None:
            transformed = made[backend] = transform(backend)
        if local.backend is backend:
            return transformed(*args, **kwargs)
        with setting(backend=backend):
            return transformed(*args, **kwargs)

    return run


def jit(fn: Callable, variables: Any = None, donate: bool = True) -> Callable:
    """Compile a function that may read and assign Variables.

    It is traced at the first call and again for other shapes, dtypes and non-tensor arguments. Tensors and NumPy arrays
    among its arguments (also inside lists, tuples and dicts) vary from call to call; everything else (numbers, strings,
    None, objects) is part of what is compiled for. Python side effects happen only while it is traced; results that are
    no tensors are those of the trace. On torch it runs eagerly until a graph pays, and for ever where no graph does the
    same; results that are to be differentiated are always eager there. On NumPy the function is returned unchanged.

    Args:
        fn: the function.
        variables: the Variables that it uses; by default a first trace finds them. Those that it makes while it is
            traced are found in any case.
        donate: whether the memory of Variables that it assigns may be used for their new values. Tensors that were
            taken from `variable.value` before the call are then gone after it on some backends; copy what you keep.

    Returns:
        A function with the same signature.

    Raises:
        RuntimeError: `fn` makes new Variables at every call.

    Example:
        >>> import triceras
        >>> from triceras import ops
        >>> count = triceras.Variable(0.0)
        >>> @triceras.jit
        ... def step(x):
        ...     count.assign_add(1.0)
        ...     return ops.multiply(x, 2.0)
        >>> ops.convert_to_numpy(step(ops.ones((2,)))).tolist(), float(count.numpy())
        ([2.0, 2.0], 1.0)
    """
    return _on_demand(fn, variables, lambda backend: backend.jit(fn, variables=variables, donate=donate))


def value_and_grad(fn: Callable, variables: Any = None, has_aux: bool = False, argnums: Any = 0) -> Callable:
    """A function that gives the value of `fn` and its gradient.

    Args:
        fn: returns a scalar tensor; with `has_aux` a pair (scalar, anything).
        variables: Variables to differentiate by. None: differentiate by arguments.
        has_aux: whether `fn` returns something beside the scalar, which passes through.
        argnums: without `variables`, the position, or positions, of the arguments to differentiate by.

    Returns:
        A function with the arguments of `fn` that returns `(value, gradients)`, or `((value, aux), gradients)`. With
        `variables` the gradients are a list in their order; what the value doesn't depend on has a gradient of zeros,
        on each backend. Other Variables that `fn` assigns (moving averages, seeds) are assigned once.

    Raises:
        ValueError: the value isn't a scalar.
        NotImplementedError: the backend has no gradients (NumPy).

    Example:
        >>> import triceras
        >>> from triceras import ops
        >>> w = triceras.Variable([1.0, 2.0])
        >>> loss = lambda x: ops.sum(w * w * x)
        >>> value, (grad,) = triceras.value_and_grad(loss, [w])(ops.ones((2,)))
        >>> float(value), ops.convert_to_numpy(grad).tolist()
        (5.0, [2.0, 4.0])
    """
    if has_aux:
        return _on_demand(fn, variables, lambda backend: value_aux_and_grad(backend, fn, variables, argnums))
    return _on_demand(fn, variables, lambda backend: backend.value_and_grad(fn, variables, argnums=argnums))


def value_aux_and_grad(backend: Any, fn: Callable, variables: Any = None, argnums: Any = 0) -> Callable:
    """`value_and_grad(…, has_aux=True)` on a backend; the tensors in `aux` keep their masks.

    What leaves a framework's transform may be another tensor than what went in, and masks belong to tensors.
    """

    def with_masks(*args: Any, **kwargs: Any) -> Any:
        value, aux = fn(*args, **kwargs)
        return value, (aux, tree.map_structure(masks.get, aux))

    differentiated = backend.value_and_grad(with_masks, variables, has_aux=True, argnums=argnums)

    def run(*args: Any, **kwargs: Any) -> Any:
        (value, (aux, found)), grads = differentiated(*args, **kwargs)
        if any(mask is not None for mask in tree.flatten(found)):
            tree.map_structure(masks.set, aux, found)
        return (value, aux), grads

    return run


def grad(fn: Callable, variables: Any = None, has_aux: bool = False, argnums: Any = 0) -> Callable:
    """A function that gives the gradient of `fn`: `value_and_grad` without the value.

    Args:
        fn, variables, has_aux, argnums: see `value_and_grad`.

    Returns:
        A function that returns the gradients, or `(gradients, aux)`.

    Example:
        >>> import triceras
        >>> from triceras import ops
        >>> slope = triceras.grad(lambda x: ops.sum(x * x * x))
        >>> ops.convert_to_numpy(slope(ops.convert_to_tensor([1.0, 2.0]))).tolist()
        [3.0, 12.0]
    """
    both = value_and_grad(fn, variables, has_aux=has_aux, argnums=argnums)

    @functools.wraps(fn, updated=())
    def run(*args: Any, **kwargs: Any) -> Any:
        value, gradients = both(*args, **kwargs)
        return (gradients, value[1]) if has_aux else gradients

    return run


def vmap(fn: Callable, in_axes: Any = 0, out_axes: Any = 0) -> Callable:
    """A function that maps `fn` over an axis of its arguments.

    Args:
        fn: takes and returns tensors, or trees of them, without that axis. A Variable may be assigned what doesn't
            depend on the mapped arguments.
        in_axes: the axis of each argument, or one for all; None: the argument isn't mapped.
        out_axes: where the axis is in the results.

    Returns:
        The mapped function.

    Example:
        >>> import triceras
        >>> from triceras import ops
        >>> dots = triceras.vmap(lambda a, b: ops.sum(a * b), in_axes=(0, None))
        >>> ops.convert_to_numpy(dots(ops.ones((3, 2)), ops.ones((2,)))).tolist()
        [2.0, 2.0, 2.0]
    """
    return _on_demand(fn, None, lambda backend: backend.vmap(fn, in_axes=in_axes, out_axes=out_axes))


def checkpoint(fn: Callable) -> Callable:
    """`fn`, whose inner results aren't kept for the gradient but computed again: less memory, more time.

    Args:
        fn: takes and returns anything; may read and assign Variables.

    Returns:
        A function with the same signature and results.

    Example:
        >>> import triceras
        >>> from triceras import ops
        >>> slope = triceras.grad(triceras.checkpoint(lambda x: ops.sum(x * x)))
        >>> ops.convert_to_numpy(slope(ops.convert_to_tensor([3.0]))).tolist()
        [6.0]
    """
    return _on_demand(fn, None, lambda backend: backend.checkpoint(fn))


def custom_gradient(f: Callable) -> Callable:
    """A function with a gradient of its own.

    Args:
        f: takes tensors and returns `(outputs, grad_fn)`; `grad_fn(*args, upstream=...)` gets the arguments and the
            gradients by the outputs, and returns the gradients by the arguments (a tensor where there is one). A
            `grad_fn` without a parameter named `upstream` is called with the gradients by the outputs alone.

    Returns:
        A function that takes what `f` takes and returns the outputs. Variables that `f` reads get no gradient from it.

    Example:
        >>> import triceras
        >>> from triceras import ops
        >>> @triceras.custom_gradient
        ... def clipped(x):
        ...     return x, lambda *args, upstream: ops.clip(upstream, -1.0, 1.0)
        >>> slope = triceras.grad(lambda x: ops.sum(clipped(x) * 5.0))
        >>> ops.convert_to_numpy(slope(ops.convert_to_tensor([2.0]))).tolist()
        [1.0]
    """
    return _on_demand(f, None, lambda backend: backend.custom_gradient(f))


def call_gradient_function(grad_fn: Callable, args: tuple, upstream: Any) -> Any:
    """Call what a function under `custom_gradient` returned, in the way its signature asks for."""
    try:
        parameters = inspect.signature(grad_fn).parameters
    except (TypeError, ValueError):
        return grad_fn(upstream)
    if "upstream" not in parameters:
        return grad_fn(*upstream) if _takes_several(parameters, upstream) else grad_fn(upstream)
    if any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters.values()):
        return grad_fn(*args, upstream=upstream)
    return grad_fn(upstream=upstream)


def _takes_several(parameters: Any, upstream: Any) -> bool:
    if not isinstance(upstream, (tuple, list)):
        return False
    return len(parameters) == len(upstream) or any(
        p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters.values()
    )


def stop_gradient(x: Any) -> Any:
    """The same values, through which no gradient flows.

    Args:
        x: a tensor or Variable.

    Returns:
        A tensor.

    Example:
        >>> import triceras
        >>> from triceras import ops
        >>> slope = triceras.grad(lambda x: ops.sum(x * triceras.stop_gradient(x)))
        >>> ops.convert_to_numpy(slope(ops.convert_to_tensor([3.0]))).tolist()
        [3.0]
    """
    backend = _backend(None, (x,), {})
    return backend.stop_gradient(x.value if hasattr(x, "assign") else backend.convert(x))


def scan(
    f: Callable, init: Any, xs: Any = None, length: int | None = None, reverse: bool = False, unroll: int = 1
) -> Any:
    """Run a function over the leading axis of tensors and carry a state along.

    Args:
        f: `f(carry, x) -> (carry, y)`; the carry keeps its structure, shapes and dtypes. May read and assign Variables.
        init: the first carry, a tree of tensors.
        xs: a tree of tensors to run over; None with `length`.
        length: how many steps.
        reverse: whether to start at the end.
        unroll: steps that a compiled loop takes at once.

    Returns:
        The last carry, and the `y`s stacked (None where `f` gives None).

    Example:
        >>> import triceras
        >>> from triceras import ops
        >>> total, sums = triceras.scan(lambda c, x: (c + x, c + x), ops.zeros(()), ops.ones((3,)))
        >>> float(total), ops.convert_to_numpy(sums).tolist()
        (3.0, [1.0, 2.0, 3.0])
    """
    return _run("scan", (init, xs), f, init, xs=xs, length=length, reverse=reverse, unroll=unroll)


def while_loop(cond: Callable, body: Callable, loop_vars: Any, maximum_iterations: int | None = None) -> Any:
    """Run `body` as long as `cond` holds.

    Args:
        cond: takes the loop variables, returns a boolean scalar.
        body: takes the loop variables, returns the new ones; may read and assign Variables.
        loop_vars: a tensor, or a tuple or list of trees of tensors.
        maximum_iterations: stop after so many steps in any case.

    Returns:
        The last loop variables: a tuple where several went in.

    Example:
        >>> import triceras
        >>> from triceras import ops
        >>> int(triceras.while_loop(lambda i: i < 10, lambda i: i + 3, ops.convert_to_tensor(0)))
        12
    """
    return _run("while_loop", (loop_vars,), cond, body, loop_vars, maximum_iterations=maximum_iterations)


def fori_loop(lower: Any, upper: Any, body_fun: Callable, init_val: Any) -> Any:
    """`for i in range(lower, upper): value = body_fun(i, value)`.

    Args:
        lower, upper: integers or scalar tensors.
        body_fun: takes the index and the value, returns the new value; may read and assign Variables.
        init_val: the first value, a tree of tensors.

    Returns:
        The last value.

    Example:
        >>> import triceras
        >>> from triceras import ops
        >>> int(triceras.fori_loop(0, 5, lambda i, total: total + i, ops.convert_to_tensor(0)))
        10
    """
    return _run("fori_loop", (lower, upper, init_val), lower, upper, body_fun, init_val)


def cond(pred: Any, true_fn: Callable, false_fn: Callable) -> Any:
    """Run one of two functions.

    Args:
        pred: a boolean scalar.
        true_fn, false_fn: take nothing and return trees of tensors of one structure; may read and assign Variables.

    Returns:
        What the chosen function returns.

    Example:
        >>> import triceras
        >>> from triceras import ops
        >>> x = ops.convert_to_tensor(3.0)
        >>> float(triceras.cond(x > 0, lambda: x * 2, lambda: x))
        6.0
    """
    return _run("cond", (pred,), pred, true_fn, false_fn)


def _run(name: str, voters: tuple, *args: Any, **kwargs: Any) -> Any:
    backend = _backend(None, voters, {})
    with setting(backend=backend):
        return getattr(backend, name)(*args, **kwargs)


def convert(x: Any, backend: Any) -> Any:
    """Tensors of one backend as tensors of another; shares their memory where the two can, else copies.

    Args:
        x: a tensor, Variable, array or number, or a tree of them. None stays.
        backend: a backend's name.

    Returns:
        A tensor, or a tree of tensors.

    Raises:
        ValueError: no backend has this name.

    Example:
        >>> import triceras
        >>> with triceras.use_backend("numpy"):
        ...     type(triceras.convert([1, 2], "numpy")).__name__
        'ndarray'
    """
    target = registry.get(backend)
    if isinstance(x, (list, tuple)) and registry.backend_of(x) is None:
        return target.convert(x)
    return tree.map_structure(lambda leaf: None if leaf is None else target.convert(leaf), x)


def device(name: str) -> Any:
    """A context manager: the current backend makes new tensors and Variables on this device.

    Args:
        name: a device such as `"cpu:0"` or `"gpu:0"`.

    Raises:
        ValueError: the backend has no such device.

    Example:
        >>> import triceras
        >>> with triceras.device("cpu:0"):
        ...     v = triceras.Variable(1.0)
    """
    return registry.current().device(name)
