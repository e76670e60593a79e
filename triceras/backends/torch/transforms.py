"""Transforms: gradients by `torch.autograd.grad`, loops in Python. Everything here can also run under `make_fx`."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.checkpoint import checkpoint as torch_checkpoint

from triceras.backends.torch import compiler
from triceras.backends.torch.tensor import default_device, to_torch
from triceras.backends.torch.variable import apart
from triceras.core import tree
from triceras.core.scope import local, setting
from triceras.core.spec import Spec
from triceras.core.state import StatelessScope
from triceras.transforms import call_gradient_function

PROBES = (32, 64)  # two sizes for unknown dimensions: what differs between them in a result is unknown there too


class _Depth(threading.local):
    gradients = 0


_depth = _Depth()


def gradient_depth() -> int:
    """How many `value_and_grad` calls are open in this thread: in the second, first derivatives are differentiated."""
    return _depth.gradients


class Transforms:
    """Plain Python functions over tensors and Variables."""

    def jit(
        self, fn: Callable, variables: Any = None, donate: bool = True, jit_compile: Any = None, **options: Any
    ) -> Callable:
        @functools.wraps(fn, updated=())
        def eager(*args: Any, **kwargs: Any) -> Any:
            args, kwargs = self._tensors((args, kwargs))
            return tree.map_structure(apart, fn(*args, **kwargs))

        return compiler.jit(self, eager, fn, jit_compile)

    def compiler_notes(self) -> list[tuple[str, str]]:
        return compiler.diagnosis().notes()

    def settled(self, compiled: Callable) -> bool:
        return all(program.settled for program in getattr(compiled, "programs", {}).values())

    def _tensors(self, arguments: Any) -> Any:
        """A tree with tensors in place of NumPy arrays, so that native operators take them, as on other backends."""

        def ready(x: Any) -> Any:
            return self.convert(x) if isinstance(x, np.ndarray) and x.dtype.kind not in "OSU" else x

        return tree.map_structure(ready, arguments)

    def value_and_grad(self, fn: Callable, variables: Any = None, has_aux: bool = False, argnums: Any = 0) -> Callable:
        def run(*args: Any, **kwargs: Any) -> Any:
            args, kwargs = self._tensors((args, kwargs))
            scope = StatelessScope()
            nested = _depth.gradients > 0
            _depth.gradients += 1
            try:
                with torch.enable_grad(), scope:
                    args, leaves, arrange = self._leaves(scope, variables, args, argnums, nested)
                    result = fn(*args, **kwargs)
                    value, aux = result if has_aux else (result, None)
                    grads = _gradients(value, leaves, nested)
            finally:
                _depth.gradients -= 1
            for variable, new in scope.updates():
                variable.assign(new if nested else new.detach())
            if not nested:
                value, aux = _detached(value), _detached(aux)
            return ((value, aux) if has_aux else value), arrange(grads)

        return run

    def without_gradients(self, fn: Callable) -> Callable:
        return torch.no_grad()(fn)

    def _leaves(
        self, scope: StatelessScope, variables: Any, args: tuple, argnums: Any, nested: bool
    ) -> tuple[tuple, list[torch.Tensor], Callable]:
        """The arguments with leaves where they are differentiated, all leaves, and how to arrange their gradients."""
        if variables is not None:
            leaves = [_leaf(scope.lookup(v), nested) for v in variables]
            for variable, leaf in zip(variables, leaves, strict=True):
                scope.set(variable, leaf)
            return args, leaves, list
        several = isinstance(argnums, Sequence)
        numbers = tuple(argnums) if several else (argnums,)
        fresh, leaves, shapes = list(args), [], []
        for n in numbers:
            fresh[n] = tree.map_structure(lambda x: _leaf(self.convert(x), nested), args[n])
            found = tree.flatten(fresh[n])
            shapes.append((args[n], len(found)))
            leaves += found

        def arrange(grads: list) -> Any:
            parts, rest = [], iter(grads)
            for structure, count in shapes:
                parts.append(tree.pack_sequence_as(structure, [next(rest) for _ in range(count)]))
            return tuple(parts) if several else parts[0]

        return tuple(fresh), leaves, arrange

    def vmap(self, fn: Callable, in_axes: Any = 0, out_axes: Any = 0) -> Callable:
        def body(*args: Any) -> Any:
            return tree.map_structure(self.convert, fn(*args))

        mapped = torch.func.vmap(body, in_dims=in_axes, out_dims=out_axes, randomness="different")
        return lambda *args: mapped(*tree.map_structure(self.convert, args))

    # --- loops and branches ------------------------------------------------------------------------------------------

    def scan(
        self, f: Callable, init: Any, xs: Any = None, length: Any = None, reverse: bool = False, unroll: Any = 1
    ) -> Any:
        carry = tree.map_structure(self._convert_leaf, init)
        leaves = [None if x is None else self.convert(x).unbind(0) for x in tree.flatten(xs)]
        sizes = {len(x) for x in leaves if x is not None} | (set() if length is None else {int(length)})
        if len(sizes) != 1:
            raise ValueError(f"scan: `xs` and `length` must give one number of steps. Received: {sorted(sizes)}")
        count = sizes.pop()
        outputs: list[Any] = [None] * count
        for i in reversed(range(count)) if reverse else range(count):
            row = tree.pack_sequence_as(xs, [None if x is None else x[i] for x in leaves])
            carry, outputs[i] = f(carry, row)
        return carry, self._stack_outputs(outputs)

    def _convert_leaf(self, x: Any) -> Any:
        return None if x is None else self.convert(x)

    def _stack_outputs(self, outputs: list[Any]) -> Any:
        if not outputs:
            return None
        columns = zip(*map(tree.flatten, outputs), strict=True)
        stacked = [None if column[0] is None else torch.stack([self.convert(x) for x in column]) for column in columns]
        return tree.pack_sequence_as(outputs[0], stacked)

    def while_loop(self, cond: Callable, body: Callable, loop_vars: Any, maximum_iterations: Any = None) -> Any:
        several = isinstance(loop_vars, (tuple, list))
        state = tuple(tree.map_structure(self._convert_leaf, v) for v in (loop_vars if several else (loop_vars,)))
        done = 0
        while (maximum_iterations is None or done < maximum_iterations) and cond(*state):
            result = body(*state)
            state = tuple(result) if isinstance(result, (tuple, list)) else (result,)
            done += 1
        return state if several else state[0]

    def fori_loop(self, lower: Any, upper: Any, body_fun: Callable, init_val: Any) -> Any:
        value = tree.map_structure(self._convert_leaf, init_val)
        for i in range(int(lower), int(upper)):
            value = body_fun(i, value)
        return value

    def cond(self, pred: Any, true_fn: Callable, false_fn: Callable) -> Any:
        pred = pred.value if hasattr(pred, "assign") else pred
        if not self.is_traced(pred):
            return true_fn() if pred else false_fn()
        return self._select(pred, true_fn, false_fn)

    def _select(self, pred: torch.Tensor, true_fn: Callable, false_fn: Callable) -> Any:
        """Run both branches and choose values, also those assigned to Variables: a graph can hold that."""
        scopes = StatelessScope(), StatelessScope()
        with scopes[0]:
            yes = true_fn()
        with scopes[1]:
            no = false_fn()
        assigned = {id(v): v for scope in scopes for v, _ in scope.updates()}
        for variable in assigned.values():
            values = (scope.get_current_value(variable) for scope in scopes)
            variable.assign(torch.where(pred, *(_current(variable) if v is None else v for v in values)))

        def choose(a: Any, b: Any) -> Any:
            return a if a is None or a is b else torch.where(pred, self.convert(a), self.convert(b))

        return tree.map_structure(choose, yes, no)

    # --- gradients ---------------------------------------------------------------------------------------------------

    def stop_gradient(self, x: Any) -> Any:
        return x.detach() if isinstance(x, torch.Tensor) else self.convert(x).detach()

    def custom_gradient(self, f: Callable) -> Callable:
        def run(*args: Any, **kwargs: Any) -> Any:
            tensors = [self.convert(x) for x in tree.flatten(args)]
            call = _Call(f, args, kwargs)
            out = _CustomGradient.apply(call, *tensors)
            return out[0] if call.single else tree.pack_sequence_as(call.structure, out)

        return run

    def checkpoint(self, fn: Callable) -> Callable:
        def run(*args: Any, **kwargs: Any) -> Any:
            return torch_checkpoint(_Replay(self, fn), *args, use_reentrant=False, **kwargs)

        return run

    # --- shapes ------------------------------------------------------------------------------------------------------

    def eval_shape(self, fn: Callable, *specs: Any) -> Any:
        unknown = any(None in spec.shape for spec in tree.flatten(specs) if isinstance(spec, Spec))
        first = self._probe(fn, specs, PROBES[0])
        if not unknown:
            return first
        second = self._probe(fn, specs, PROBES[1])
        return tree.map_structure(_merge_specs, first, second)

    def _probe(self, fn: Callable, specs: Any, size: int) -> Any:
        """Specs of what `fn` gives where every unknown dimension has one size."""

        def fake(spec: Any) -> Any:
            if not isinstance(spec, Spec):
                return spec
            shape = [size if d is None else d for d in spec.shape]
            return torch.empty(shape, dtype=to_torch(spec.dtype), device=default_device())

        with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad(), StatelessScope():
            result = fn(*tree.map_structure(fake, specs))
            return tree.map_structure(lambda x: self.spec(x) if isinstance(x, torch.Tensor) else x, result)


def _merge_specs(a: Any, b: Any) -> Any:
    if not isinstance(a, Spec):
        return a
    if len(a.shape) != len(b.shape):
        raise ValueError(f"The number of dimensions depends on a size that isn't known: {a.shape} or {b.shape}.")
    return Spec((m if m == n else None for m, n in zip(a.shape, b.shape, strict=True)), a.dtype)


def _leaf(value: torch.Tensor, nested: bool) -> torch.Tensor:
    """A tensor to differentiate by: the value itself where it can be, else one that starts a new graph."""
    if not (value.is_floating_point() or value.is_complex()):
        raise TypeError(f"Gradients need floating-point tensors; got one of dtype {value.dtype}.")
    if nested and value.requires_grad:
        return value.view_as(value)  # apart from other uses of it, and the outer gradient flows through
    return value.detach().requires_grad_()


def _gradients(value: Any, leaves: list[torch.Tensor], nested: bool) -> list[torch.Tensor]:
    if not isinstance(value, torch.Tensor) or value.numel() != 1:
        got = f"shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else f"a {type(value).__name__}"
        raise ValueError(f"value_and_grad: the function must return a scalar (first, with has_aux=True); got {got}.")
    if not leaves or not value.requires_grad:
        return [torch.zeros_like(leaf) for leaf in leaves]
    found = torch.autograd.grad(value.reshape(()), leaves, allow_unused=True, create_graph=nested)
    return [torch.zeros_like(x) if g is None else g for x, g in zip(leaves, found, strict=True)]


def _detached(structure: Any) -> Any:
    return tree.map_structure(lambda x: apart(x).detach() if isinstance(x, torch.Tensor) else x, structure)


class _Call:
    """One call of a function with its own gradient: what it takes and what came out."""

    def __init__(self, f: Callable, args: tuple, kwargs: dict[str, Any]):
        self.f, self.args, self.kwargs = f, args, kwargs
        self.single, self.structure = True, None

    def run(self, tensors: Sequence[torch.Tensor]) -> tuple[tuple, Callable]:
        """The outputs, flat, and the gradient function."""
        result, gradient = self.f(*tree.pack_sequence_as(self.args, list(tensors)), **self.kwargs)
        self.args = tree.map_structure(lambda x: None, self.args)  # the graph keeps what it needs
        self.single, self.structure = not tree.is_nested(result), tree.map_structure(lambda x: None, result)
        return tuple(tree.flatten(result)), gradient


class _CustomGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, call: _Call, *tensors: torch.Tensor) -> tuple:
        outputs, ctx.gradient = call.run(tensors)
        ctx.save_for_backward(*tensors)
        return tuple(x.detach() for x in outputs)  # not what the gradient function closes over: that would be a cycle

    @staticmethod
    def backward(ctx: Any, *upstream: torch.Tensor) -> tuple:
        found = call_gradient_function(ctx.gradient, ctx.saved_tensors, upstream if len(upstream) > 1 else upstream[0])
        return None, *(tree.flatten(found) if isinstance(found, (tuple, list)) else (found,))


class _Replay:
    """A function that is run again in the backward pass with the Variables as they were at the first run.

    The second run may happen in another thread, so it brings the settings of the first one along.
    """

    def __init__(self, backend: Any, fn: Callable):
        self.backend, self.fn, self.before = backend, fn, None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._first(args, kwargs) if self.before is None else self._again(args, kwargs)

    def _again(self, args: tuple, kwargs: dict[str, Any]) -> Any:
        with setting(backend=self.backend, state=None, **self.settings), StatelessScope() as scope:
            for variable, value in self.before:
                scope.set(variable, value)
            return self.fn(*args, **kwargs)

    def _first(self, args: tuple, kwargs: dict[str, Any]) -> Any:
        self.settings = {"autocast": local.autocast, "call": local.call}
        with StatelessScope() as scope:
            result = self.fn(*args, **kwargs)
            read = {**scope.read, **scope.assigned}
        before = []
        for key, variable in read.items():
            value = _current(variable)
            before.append((variable, value.clone() if key in scope.assigned and local.state is None else value))
        self.before = before
        for variable, value in scope.updates():
            variable.assign(value)
        return result


def _current(variable: Any) -> torch.Tensor:
    return variable.native if local.state is None else local.state.lookup(variable)
