"""Capture: a function that reads and assigns Variables becomes one flat graph of ATen operators, without Dynamo.

It runs once on fake tensors under `make_fx`. Variables are lifted into the graph's first inputs; what is assigned to
them is written back in place at the graph's end. What no graph can hold (reading a tensor's value, `backward()`) raises
there, so nothing is baked in silently.
"""

from __future__ import annotations

import itertools
import math
import pathlib
import traceback
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch._dynamo.source import ConstantSource
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx
from torch.fx.experimental.symbolic_shapes import DimDynamic, ShapeEnv, StatelessSymbolicContext

from triceras.backends.torch.compiler import graph
from triceras.core import tree
from triceras.core.scope import setting
from triceras.core.state import StatelessScope

ATTEMPTS = 3  # traces that may bring up more Variables
COUNTABLE = 2**31 - 1  # elements of a tensor that compiled kernels count in 32 bits
_OWN, _TORCH = (str(pathlib.Path(module.__file__).parent) for module in (tree, torch))
_OWN = str(pathlib.Path(_OWN).parent)


class NotCapturable(Exception):
    """A function can't be one graph; says why and where."""


class Slot(NamedTuple):
    """Where a tensor stands in a tree."""

    index: int


class Batch(NamedTuple):
    """The batch sizes that a graph is for: the sizes of the first dimension of its inputs.

    Args:
        size: the one that it was captured with.
        limit: the largest: beyond it tensors have more elements than compiled kernels count.
        conditions: what the function's Python code found to be so; others' conditions show when it is tried.
    """

    size: int
    limit: int
    conditions: list[Callable[[int], bool]]

    def takes(self, size: int | None) -> bool:
        """Whether the graph may be tried with another size."""
        return size is not None and 1 < size <= self.limit and all(holds(size) for holds in self.conditions)


class Captured(NamedTuple):
    """A function's graph.

    Args:
        module: takes the values of `variables`, `constants` and the tensors among the arguments, all flat; gives the
            tensors of the result, and writes the Variables' new values into the old ones.
        variables: the Variables that it uses.
        constants: tensors that the function made of Python data.
        template: the tree of the result, with slots for its tensors.
        batch: the batch sizes that it is for; None: only those of the inputs that it was captured with.
    """

    module: torch.fx.GraphModule
    variables: list[Any]
    constants: list[torch.Tensor]
    template: Any
    batch: Batch | None


def capture(
    backend: Any, call: Callable, variables: Sequence[Any], inputs: Sequence[torch.Tensor], batch: int | None = None
) -> Captured:
    """The graph of a function.

    Args:
        backend: the torch backend.
        call: takes the list of input tensors.
        variables: the Variables that it is known to use; others are found.
        inputs: contiguous tensors as the function is going to get.
        batch: the size that may be another one at other calls, where it is that of an input's first dimension.

    Raises:
        NotCapturable: there is no such graph.
    """
    variables = list(variables)
    for _ in range(ATTEMPTS):
        found, more = _trace(backend, call, variables, inputs, batch)
        if found is not None:
            return found
        variables += more
    raise NotCapturable(f"it makes new Variables each time it runs ({variables[-1].path})")


def _trace(
    backend: Any, call: Callable, variables: list[Any], inputs: Sequence[Any], batch: int | None
) -> tuple[Any, list[Any]]:
    """The graph, or else Variables that came up and aren't among the given ones."""
    count, kept = len(variables), {}
    mode = FakeTensorMode(shape_env=ShapeEnv(), allow_non_fake_inputs=False)
    fakes = [_fake(mode, v.native, None) for v in variables] + [_fake(mode, x, batch) for x in inputs]

    def flat(*given: torch.Tensor) -> list[torch.Tensor]:
        with setting(backend=backend), StatelessScope() as scope:
            kept["scope"] = scope
            for variable, value in zip(variables, given[:count], strict=True):
                scope.set(variable, value)
            leaves, kept["template"] = pack(call(list(given[count:])))
        return _written(given[:count], [scope.values[id(v)] for v in variables], leaves)

    error = None
    try:
        with mode, torch.no_grad():
            module = make_fx(flat)(*fakes)
    except Exception as raised:
        error = raised
    more = _unknown(kept.get("scope"), variables)
    if more:
        return None, more
    if error is not None:
        raise NotCapturable(_explained(error)) from error
    if graph.reads_data(module):
        raise NotCapturable("Python reads a tensor's value (float(), int(), .item(), if)")
    constants = graph.lift_constants(module, len(fakes) - len(inputs))
    graph.tidy(module)
    sizes = _batch(module, mode.shape_env, batch)
    graph.forget(module)
    return Captured(module, variables, constants, kept["template"], sizes), []


def _fake(mode: FakeTensorMode, x: torch.Tensor, batch: int | None) -> torch.Tensor:
    """A fake tensor; its first dimension is the one unknown of the graph where it has the batch's size."""
    sizes = [DimDynamic.STATIC] * x.ndim
    if x.ndim and x.shape[0] == batch:
        sizes[0] = DimDynamic.DUCK
    context = StatelessSymbolicContext(sizes)
    return mode.from_tensor(x.detach(), symbolic_context=context, source=ConstantSource(f"input{id(x)}"))


def _batch(module: torch.fx.GraphModule, known: ShapeEnv, size: int | None) -> Batch | None:
    """The batch sizes that a graph is for."""
    values = {node: node.meta["val"] for node in module.graph.nodes if hasattr(node.meta.get("val"), "shape")}
    inputs = [value for node, value in values.items() if node.op == "placeholder"]
    symbols = {d.node.expr for value in inputs for d in value.shape if not isinstance(d, int)}
    symbol = symbols.pop() if len(symbols) == 1 else None
    if size is None or symbol is None or symbol.is_number or symbol in known.replacements:
        return None

    def holds(condition: Any) -> Callable[[int], bool]:
        return lambda size: bool(condition.xreplace({symbol: size}))

    conditions = [holds(g.expr) for g in known.guards if not str(_place(g)).startswith(_TORCH)]
    limit = size * COUNTABLE // max(1, *[math.prod(map(concrete, value.shape)) for value in values.values()])
    return Batch(size, limit, conditions) if size <= limit else None


def concrete(size: int | torch.SymInt) -> int:
    """A dimension at capture; 1 if it depends on data."""
    return size if isinstance(size, int) else size.node.hint if size.node.has_hint() else 1


def _place(guard: Any) -> str:
    """The file whose code needed to know something about a size."""
    return getattr(guard.sloc.framework_loc, "filename", "")


def _unknown(scope: StatelessScope | None, variables: list[Any]) -> list[Any]:
    """The Variables that a trace used although it wasn't given them."""
    known = set(map(id, variables))
    used = {} if scope is None else {**scope.read, **scope.assigned}
    return [v for key, v in used.items() if key not in known and isinstance(v.native, torch.Tensor)]


def _written(old: Sequence[Any], new: list[Any], leaves: list[Any]) -> list[Any]:
    """Write new values into the old tensors; gives the results, apart from what is overwritten."""
    owned = {_memory(x) for x in old}

    def apart(x: Any) -> Any:
        return x.clone() if _memory(x) in owned else x.detach()

    leaves = [apart(x) for x in leaves]
    changed = [(before, apart(after)) for before, after in zip(old, new, strict=True) if before is not after]
    for before, after in changed:
        before.copy_(after)
    return leaves


def _memory(x: torch.Tensor) -> int:
    if not isinstance(x, FakeTensor):
        raise RuntimeError("a tensor from outside is part of its result; keep it in a Variable or pass it in")
    return x.untyped_storage()._cdata


def pack(out: Any) -> tuple[list[torch.Tensor], Any]:
    """The tensors of a tree, and the tree with slots in their places."""
    leaves: list[torch.Tensor] = []

    def place(x: Any) -> Any:
        x = x.value if hasattr(x, "assign") and hasattr(x, "native") else x
        if not isinstance(x, torch.Tensor):
            return x
        leaves.append(x)
        return Slot(len(leaves) - 1)

    return leaves, tree.map_structure(place, out)


def unpack(template: Any, leaves: Sequence[Any]) -> Any:
    """The tree with its tensors back in their places."""
    kind = type(template)
    if kind is Slot:
        return leaves[template.index]
    if kind is dict:
        return {key: unpack(value, leaves) for key, value in template.items()}
    if kind is list or kind is tuple:
        return kind([unpack(value, leaves) for value in template])
    if tree.is_nested(template):
        return tree.map_structure_up_to(template, lambda x: unpack(x, leaves), template)
    return template


def _explained(error: Exception) -> str:
    """What was raised, and where in the user's code, else in ours."""
    frames = traceback.extract_tb(error.__traceback__)
    foreign = [f for f in frames if not f.filename.startswith((_OWN, _TORCH, "<"))]
    own = [f for f in frames if f.filename.startswith(_OWN)]
    reason = next(itertools.chain(filter(str.strip, str(error).splitlines()), [""]))
    if "does not require grad" in reason:
        reason = "it calls `backward()`, which a graph can't hold; `triceras.value_and_grad` can be compiled"
    for place in (*foreign[-1:], *own[-1:]):
        return f"{type(error).__name__}: {reason} ({place.filename}:{place.lineno}, in {place.name})"
    return f"{type(error).__name__}: {reason}"
