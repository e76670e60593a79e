"""The abstract backend: its tensors are `Spec`s, its functions the rules. A layer's `call` run on it gives shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from triceras.core import registry, tree
from triceras.core.backend import Backend
from triceras.core.dtypes import standardize_dtype
from triceras.core.spec import Spec


def _spec(x: Any) -> Any:
    from triceras.ops.op import spec_of

    return None if x is None else spec_of(x)


class AbstractBackend(Backend):
    """Runs ops on shapes and dtypes alone."""

    name = "abstract"
    tensor_types = (Spec,)
    rank = 1
    has_gradients = False

    def find(self, name: str) -> Callable:
        from triceras.ops.op import OPS

        return OPS[name].spec

    def __init__(self) -> None:
        super().__init__()
        self.impls = _Direct(self)

    def convert(self, x: Any, dtype: str | None = None) -> Any:
        spec = _spec(x)
        return Spec(spec.shape, dtype or standardize_dtype(spec.dtype))

    def to_numpy(self, x: Any) -> Any:
        return x.__array__()

    def cast(self, x: Any, dtype: str) -> Any:
        return Spec(x.shape, dtype)

    def dtype(self, x: Any) -> str:
        return x.dtype

    def is_traced(self, x: Any) -> bool:
        return True

    def new_value(self, value: Any, dtype: str, trainable: bool) -> Any:
        raise TypeError("Variables live on a real backend.")

    assign = new_value

    def jit(self, fn: Callable, variables: Any = None, donate: bool = True, **options: Any) -> Callable:
        return fn

    def value_and_grad(self, fn: Callable, variables: Any = None, has_aux: bool = False, argnums: Any = 0) -> Callable:
        raise TypeError("Symbolic tensors have no gradients: call the function on real tensors.")

    def vmap(self, fn: Callable, in_axes: Any = 0, out_axes: Any = 0) -> Callable:
        def mapped(*args: Any) -> Any:
            inner = tree.map_structure(lambda x: Spec(x.shape[1:], x.dtype), args)
            size = tree.flatten(args)[0].shape[0]
            return tree.map_structure(lambda x: Spec((size, *x.shape), x.dtype), fn(*inner))

        return mapped

    def scan(
        self, f: Callable, init: Any, xs: Any = None, length: Any = None, reverse: bool = False, unroll: Any = 1
    ) -> Any:
        steps = length if xs is None else tree.flatten(xs)[0].shape[0]
        step = None if xs is None else tree.map_structure(lambda x: Spec(x.shape[1:], x.dtype), xs)
        carry, out = f(tree.map_structure(_spec, init), step)
        return carry, tree.map_structure(lambda s: None if s is None else Spec((steps, *s.shape), s.dtype), out)

    def while_loop(self, cond: Callable, body: Callable, loop_vars: Any, maximum_iterations: Any = None) -> Any:
        return tree.map_structure(_spec, loop_vars)

    def fori_loop(self, lower: Any, upper: Any, body_fun: Callable, init_val: Any) -> Any:
        return tree.map_structure(_spec, init_val)

    def cond(self, pred: Any, true_fn: Callable, false_fn: Callable) -> Any:
        return true_fn()

    def stop_gradient(self, x: Any) -> Any:
        return x

    def custom_gradient(self, f: Callable) -> Callable:
        return lambda *args, **kwargs: f(*args, **kwargs)[0]

    def checkpoint(self, fn: Callable) -> Callable:
        return fn

    def eval_shape(self, fn: Callable, *specs: Any) -> Any:
        return fn(*specs)

    def device_names(self) -> list[str]:
        return []

    def version(self) -> str:
        return ""


class _Direct(dict):
    """Ops without coercion: a rule takes specs, arrays and numbers alike."""

    def __init__(self, backend: Backend):
        super().__init__()
        self.backend = backend

    def __missing__(self, name: str) -> Callable:
        return self.setdefault(name, self.backend.find(name))


registry.add(AbstractBackend())
