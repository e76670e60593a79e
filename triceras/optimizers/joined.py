"""Small weights joined into one tensor, so that an eager update takes few large operations, not many small ones."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from triceras.core.scope import local
from triceras.core.variable import Variable

SMALL = 2**14  # elements; what is larger keeps the machine busy by itself


class Joined(Variable):
    """Some Variables of one dtype in the place of one, with the slots that go with them.

    Args:
        variables: the Variables.
        join: makes one tensor of several.
        slots: by name, what their update finds as slots.
    """

    def __init__(self, variables: list[Variable], join: Callable[[list[Any]], Any], slots: dict[str, Joined]):
        self.parts, self.slots, self.autocast = variables, slots, False
        self.backend, self.dtype = variables[0].backend, variables[0].dtype
        self.native = join([v.native for v in variables])
        self.shape = tuple(self.native.shape)
        self.name = self.path = "+".join([v.path for v in variables])

    def assign(self, value: Any) -> None:
        """Replace the value."""
        self.native = self.backend.convert(value, self.dtype)

    def assign_add(self, value: Any) -> None:
        """Add to the value."""
        self.assign(self.native + value)

    def assign_sub(self, value: Any) -> None:
        """Subtract from the value."""
        self.assign(self.native - value)

    def write_back(self, write: Callable[[Any, list[Any]], list[Any]]) -> None:
        """Give the Variables their parts of the value."""
        natives = write(self.native, [v.native for v in self.parts])
        for variable, native in zip(self.parts, natives, strict=True):
            variable.native = native


def update(
    pairs: list[tuple[Any, Variable]],
    kind_of: Callable[[Variable], Any],
    slots_of: Callable[[list[Variable]], dict[str, list[Variable]]],
    step: Callable[[Any, Variable], None],
) -> list[tuple[Any, Variable]]:
    """Update small weights together, where the backend's eager operations gain from it.

    Args:
        pairs: gradients and weights.
        kind_of: what must be the same in weights that are joined.
        slots_of: the slots of some weights by name.
        step: the update of a gradient and a weight.

    Returns:
        The pairs that are left.
    """
    backend = pairs[0][1].backend
    join, write = backend.find("join_tensors"), backend.find("write_parts")
    if join is None or local.state is not None or any(backend.is_traced(g) for g, _ in pairs):
        return pairs
    groups = defaultdict(list)
    for gradient, variable in pairs:
        small = math.prod(variable.shape) <= SMALL
        groups[variable.dtype, kind_of(variable), small].append((gradient, variable))
    left: list[tuple[Any, Variable]] = []

    def run() -> None:
        for (*_, small), group in groups.items():
            if not small or len(group) == 1:
                left.extend(group)
                continue
            variables = [v for _, v in group]
            slots = {name: Joined(found, join, {}) for name, found in slots_of(variables).items()}
            joined = Joined(variables, join, slots)
            step(join([g for g, _ in group]), joined)
            for one in (joined, *slots.values()):
                one.write_back(write)

    backend.without_gradients(run)()
    return left
