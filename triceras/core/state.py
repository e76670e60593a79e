"""`StatelessScope`: Variables read and assigned inside it live in a mapping; the real ones stay untouched.

Every transform that must see a step as a pure function runs it inside such a scope, and so can a user.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from triceras.core.scope import local


class StatelessScope:
    """Give Variables other values for a while and collect what is assigned to them.

    Args:
        state_mapping: pairs (variable, value) that the variables have inside.
        collect_losses: whether `add_loss` collects into this scope.
        initialize_variables: kept for compatibility; new variables are always initialized.

    Example:
        >>> import triceras
        >>> v = triceras.Variable(1.0)
        >>> with triceras.StatelessScope([(v, triceras.ops.ones(()))]) as scope:
        ...     v.assign(v + 1)
        >>> float(v.numpy()), float(triceras.ops.convert_to_numpy(scope.get_current_value(v)))
        (1.0, 2.0)
    """

    def __init__(
        self, state_mapping: Iterable | None = None, collect_losses: bool = False, initialize_variables: bool = True
    ):
        self.collect_losses = collect_losses
        self.initialize_variables = initialize_variables
        self.losses: list[Any] = []
        self.values: dict[int, Any] = {}
        self.variables: dict[int, Any] = {}  # keeps what `values` names alive
        self.read: dict[int, Any] = {}  # variables read that nobody mapped
        self.used: set[int] = set()  # which of the mapped ones were read
        self.assigned: dict[int, Any] = {}
        self.outer: StatelessScope | None = None
        for variable, value in state_mapping or ():
            self.set(variable, variable.backend.convert(value, variable.dtype))

    def set(self, variable: Any, value: Any) -> None:
        """Give a variable a value that doesn't count as assigned."""
        self.variables[id(variable)] = variable
        self.values[id(variable)] = value

    def add_update(self, update: tuple[Any, Any]) -> None:
        """Take note of an assignment: a pair (variable, value)."""
        variable, value = update
        self.set(variable, value)
        self.assigned[id(variable)] = variable

    def add_loss(self, loss: Any) -> None:
        """Collect a loss."""
        self.losses.append(loss)

    def get_current_value(self, variable: Any) -> Any:
        """The value that a variable has inside, or None where the scope holds none."""
        return self.values.get(id(variable))

    def lookup(self, variable: Any) -> Any:
        """The value of a variable here or in the scopes around, else its real one."""
        scope, key = self, id(variable)
        while scope is not None:
            if key in scope.values:
                scope.used.add(key)
                return scope.values[key]
            scope.read[key] = variable
            scope = scope.outer
        return variable.native

    def updates(self) -> list[tuple[Any, Any]]:
        """What was assigned inside: pairs (variable, value)."""
        return [(variable, self.values[key]) for key, variable in self.assigned.items()]

    def __enter__(self) -> StatelessScope:
        self.outer = local.state
        local.state = self
        return self

    def __exit__(self, *exc: object) -> None:
        local.state = self.outer
        self.outer = None


def in_stateless_scope() -> bool:
    """Whether variables are read and assigned through a scope just now."""
    return local.state is not None
