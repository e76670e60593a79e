"""Transforms that need no gradient, in plain Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from triceras.core import dtypes, tree
from triceras.core.spec import Spec

NO_GRADIENTS = (
    'The numpy backend has no gradients. Train on jax, torch or tensorflow: `model.to_backend("jax")` moves a model.'
)

PROBES = (12, 18)  # sizes put in place of unknown dimensions; what differs between the two is unknown in the result


class Transforms:
    """`jit` and `checkpoint` are identities here; loops run in Python."""

    def jit(self, fn: Callable, variables: Any = None, donate: bool = True, **options: Any) -> Callable:
        return fn

    def value_and_grad(self, fn: Callable, variables: Any = None, has_aux: bool = False, argnums: Any = 0) -> Callable:
        raise NotImplementedError(NO_GRADIENTS)

    def vmap(self, fn: Callable, in_axes: Any = 0, out_axes: Any = 0) -> Callable:
        def mapped(*args: Any) -> Any:
            axes = in_axes if isinstance(in_axes, (tuple, list)) else (in_axes,) * len(args)
            size = next(tree.flatten(x)[0].shape[a] for x, a in zip(args, axes, strict=True) if a is not None)

            def row(x: Any, axis: int | None, i: int) -> Any:
                return x if axis is None else tree.map_structure(lambda leaf: np.take(leaf, i, axis=axis), x)

            results = [fn(*(row(x, a, i) for x, a in zip(args, axes, strict=True))) for i in range(size)]
            return tree.map_structure(lambda *leaves: np.stack(leaves, axis=out_axes), *results)

        return mapped

    def scan(
        self, f: Callable, init: Any, xs: Any = None, length: Any = None, reverse: bool = False, unroll: Any = 1
    ) -> Any:
        count = length if xs is None else len(tree.flatten(xs)[0])
        outputs: list[Any] = [None] * count
        carry = init
        for i in reversed(range(count)) if reverse else range(count):
            carry, outputs[i] = f(carry, None if xs is None else tree.map_structure(lambda x, i=i: x[i], xs))
        if not outputs or outputs[0] is None:
            return carry, None
        return carry, tree.map_structure(lambda *leaves: None if leaves[0] is None else np.stack(leaves), *outputs)

    def while_loop(self, cond: Callable, body: Callable, loop_vars: Any, maximum_iterations: Any = None) -> Any:
        several = isinstance(loop_vars, (tuple, list))
        state = tuple(loop_vars) if several else (loop_vars,)
        done = 0
        while cond(*state) and (maximum_iterations is None or done < maximum_iterations):
            result = body(*state)
            state = tuple(result) if isinstance(result, (tuple, list)) else (result,)
            done += 1
        return state if several else state[0]

    def fori_loop(self, lower: Any, upper: Any, body_fun: Callable, init_val: Any) -> Any:
        value = init_val
        for i in range(int(lower), int(upper)):
            value = body_fun(np.asarray(i, np.int32), value)
        return value

    def cond(self, pred: Any, true_fn: Callable, false_fn: Callable) -> Any:
        return true_fn() if pred else false_fn()

    def stop_gradient(self, x: Any) -> Any:
        return x

    def custom_gradient(self, f: Callable) -> Callable:
        return lambda *args, **kwargs: f(*args, **kwargs)[0]

    def checkpoint(self, fn: Callable) -> Callable:
        return fn

    def eval_shape(self, fn: Callable, *specs: Any) -> Any:
        first, second = (self._shapes(fn, specs, unknown) for unknown in PROBES)
        return tree.map_structure(_merged, first, second)

    def _shapes(self, fn: Callable, specs: tuple, unknown: int) -> Any:
        def zeros(s: Any) -> Any:
            sizes = [unknown if d is None else d for d in s.shape] if isinstance(s, Spec) else None
            return s if sizes is None else np.zeros(sizes, dtypes.to_numpy_dtype(s.dtype))

        outputs = fn(*tree.map_structure(zeros, specs))
        return tree.map_structure(lambda x: Spec(x.shape, self.dtype(x)) if isinstance(x, np.ndarray) else x, outputs)


def _merged(a: Any, b: Any) -> Any:
    if not isinstance(a, Spec):
        return a
    return Spec([m if m == n else None for m, n in zip(a.shape, b.shape, strict=True)], a.dtype)
