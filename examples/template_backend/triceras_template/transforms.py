"""The transforms of a framework that runs eagerly and has no gradients: plain Python over `triceras.ops`.

Nothing here knows the framework, so it serves any. Replace what yours does better: `jit` with its compiler,
`value_and_grad` with its derivatives (and drop `has_gradients = False`), loops with those it can compile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from triceras import ops
from triceras.core import tree
from triceras.core.scope import use_backend
from triceras.core.spec import Spec


class Transforms:
    """Compiling and checkpoints change nothing here; loops run in Python."""

    def jit(self, fn: Callable, variables: Any = None, donate: bool = True, **options: Any) -> Callable:
        return fn

    def checkpoint(self, fn: Callable) -> Callable:
        return fn

    def value_and_grad(self, fn: Callable, variables: Any = None, has_aux: bool = False, argnums: Any = 0) -> Callable:
        raise NotImplementedError(
            f'The {self.name} backend has no gradients. Train on another: `model.to_backend("jax")` moves a model.'
        )

    def stop_gradient(self, x: Any) -> Any:
        return x

    def custom_gradient(self, f: Callable) -> Callable:
        return lambda *args, **kwargs: f(*args, **kwargs)[0]

    def cond(self, pred: Any, true_fn: Callable, false_fn: Callable) -> Any:
        return true_fn() if pred else false_fn()

    def while_loop(self, cond: Callable, body: Callable, loop_vars: Any, maximum_iterations: Any = None) -> Any:
        several = isinstance(loop_vars, (tuple, list))
        state, done = tuple(loop_vars) if several else (loop_vars,), 0
        while cond(*state) and (maximum_iterations is None or done < maximum_iterations):
            result = body(*state)
            state, done = tuple(result) if isinstance(result, (tuple, list)) else (result,), done + 1
        return state if several else state[0]

    def fori_loop(self, lower: Any, upper: Any, body_fun: Callable, init_val: Any) -> Any:
        value = init_val
        for i in range(int(lower), int(upper)):
            value = body_fun(self.convert(i), value)
        return value

    def scan(
        self, f: Callable, init: Any, xs: Any = None, length: Any = None, reverse: bool = False, unroll: Any = 1
    ) -> Any:
        count = length if xs is None else tree.flatten(xs)[0].shape[0]
        carry, outputs = init, [None] * count
        for i in reversed(range(count)) if reverse else range(count):
            carry, outputs[i] = f(carry, tree.map_structure(lambda x, i=i: None if x is None else x[i], xs))
        return carry, tree.map_structure(lambda *x: None if x[0] is None else ops.stack(x), *outputs) if count else None

    def vmap(self, fn: Callable, in_axes: Any = 0, out_axes: Any = 0) -> Callable:
        def mapped(*args: Any) -> Any:
            axes = in_axes if isinstance(in_axes, (tuple, list)) else (in_axes,) * len(args)
            size = next(tree.flatten(x)[0].shape[a] for x, a in zip(args, axes, strict=True) if a is not None)

            def row(x: Any, axis: int | None, i: int) -> Any:
                return x if axis is None else tree.map_structure(lambda leaf: ops.take(leaf, i, axis=axis), x)

            rows = [fn(*(row(x, a, i) for x, a in zip(args, axes, strict=True))) for i in range(size)]
            return tree.map_structure(lambda *leaves: ops.stack(leaves, axis=out_axes), *rows)

        return mapped

    def eval_shape(self, fn: Callable, *specs: Any) -> Any:
        """Runs `fn` twice on zeros, with two sizes for each that is unknown: what differs then is unknown too."""

        def zeros(s: Any, size: int) -> Any:
            return ops.zeros([size if d is None else d for d in s.shape], s.dtype) if isinstance(s, Spec) else s

        with use_backend(self):
            first, second = (fn(*tree.map_structure(lambda s, n=n: zeros(s, n), specs)) for n in (12, 18))
            return tree.map_structure(_common, first, second)


def _common(a: Any, b: Any) -> Any:
    if not ops.is_tensor(a):
        return a
    return Spec([m if m == n else None for m, n in zip(a.shape, b.shape, strict=True)], ops.dtype(a))
