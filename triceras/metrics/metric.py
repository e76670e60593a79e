"""`Metric`: a value gathered over many batches. Its state is Variables, so that updates can be compiled."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from triceras import initializers, ops
from triceras.core import config, naming, registry, tree
from triceras.core.scope import use_backend
from triceras.core.state import StatelessScope
from triceras.core.variable import Variable
from triceras.losses.loss import compute_dtype


def _at_home(method: Callable) -> Callable:
    """A metric's method with the metric's backend as the current one."""

    @functools.wraps(method)
    def run(self: Metric, *args: Any, **kwargs: Any) -> Any:
        backend = registry.get(self._backend)
        if registry.current() is backend:
            return method(self, *args, **kwargs)
        with use_backend(backend):
            return method(self, *args, **kwargs)

    return run


class Metric:
    """Base of all metrics.

    It lives on the backend that was current when it was made. A subclass makes its state with `add_variable`, and
    defines `update_state(...)` and `result()`.

    Args:
        dtype: that it computes in, or a dtype policy; `config.floatx()` by default.
        name: its name; the class's in snake case by default.

    Example:
        >>> from triceras import metrics, ops
        >>> class Largest(metrics.Metric):
        ...     def __init__(self, name="largest"):
        ...         super().__init__(name=name)
        ...         self.seen = self.add_variable((), "zeros", name="seen")
        ...     def update_state(self, values):
        ...         self.seen.assign(ops.maximum(self.seen, ops.max(values)))
        ...     def result(self):
        ...         return self.seen
        >>> largest = Largest()
        >>> float(largest([1.0, 5.0])), float(largest([2.0, 3.0]))
        (5.0, 5.0)
    """

    _direction: str | None = None  # "up" or "down": which is better

    def __init__(self, dtype: Any = None, name: str | None = None):
        self.name = name or naming.auto_name(type(self).__name__)
        self._dtype = config.floatx() if dtype is None else compute_dtype(dtype)
        self._backend = registry.current().name
        self._variables: list[Variable] = []

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        for name in ("update_state", "result", "reset_state"):
            if name in cls.__dict__:
                setattr(cls, name, _at_home(cls.__dict__[name]))

    # --- for subclasses ----------------------------------------------------------------------------------------------

    def add_variable(
        self,
        shape: Any,
        initializer: Any,
        dtype: Any = None,
        aggregation: str = "sum",
        layout: Any = None,
        name: str | None = None,
    ) -> Variable:
        """A new Variable of the metric's state.

        Args:
            shape: its shape.
            initializer: name, instance or function.
            dtype: the metric's by default.
            aggregation, layout: see `Variable`.
            name: its name.
        """
        with use_backend(self._backend), naming.name_scope(self.name):
            variable = Variable(
                initializers.get(initializer),
                shape,
                dtype or self.dtype,
                trainable=False,
                aggregation=aggregation,
                layout=layout,
                name=name,
            )
        self._variables.append(variable)
        return variable

    def add_weight(
        self,
        shape: Any = (),
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str = "sum",
        layout: Any = None,
        name: str | None = None,
    ) -> Variable:
        """`add_variable`, with defaults for all arguments."""
        return self.add_variable(shape, initializer or "zeros", dtype, aggregation, layout, name)

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Take in a batch."""
        raise NotImplementedError(f"{type(self).__name__} must define `update_state(...)`.")

    def result(self) -> Any:
        """The value now: a scalar tensor, or a dict of them."""
        raise NotImplementedError(f"{type(self).__name__} must define `result()`.")

    # --- for users ---------------------------------------------------------------------------------------------------

    @property
    def dtype(self) -> str:
        """The dtype that it computes in."""
        return self._dtype

    @property
    def backend(self) -> Any:
        """The backend that it lives on."""
        return registry.get(self._backend)

    @property
    def variables(self) -> list[Variable]:
        """Its state, and that of the metrics that are its attributes."""
        own = list(self._variables)
        own += [v for v in vars(self).values() if isinstance(v, Variable) and not any(v is k for k in own)]
        return own + [v for metric in self._inner() for v in metric.variables]

    def _inner(self) -> Iterator[Metric]:
        for value in vars(self).values():
            if isinstance(value, Metric):
                yield value
            elif isinstance(value, (list, tuple, dict)):
                yield from (v for v in tree.flatten(value) if isinstance(v, Metric))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Take in a batch and give the value so far."""
        self.update_state(*args, **kwargs)
        return self.result()

    def reset_state(self) -> None:
        """Begin anew: all state becomes zero."""
        for variable in self.variables:
            variable.assign(ops.zeros(variable.shape, variable.dtype))

    def to_backend(self, name: Any) -> Metric:
        """Move to another backend, in place.

        Args:
            name: a backend's name.
        """
        self._backend = registry.get(name).name
        for metric in self._inner():
            metric.to_backend(name)
        for variable in self.variables:
            variable.to_backend(name)
        return self

    def stateless_update_state(self, metric_variables: Sequence[Any], *args: Any, **kwargs: Any) -> list[Any]:
        """`update_state` as a pure function: takes values of `variables`, gives new ones."""
        with self._stateless(metric_variables) as scope:
            self.update_state(*args, **kwargs)
        return [_value(scope, v) for v in self.variables]

    def stateless_result(self, metric_variables: Sequence[Any]) -> Any:
        """`result` as a pure function of values of `variables`."""
        with self._stateless(metric_variables):
            found = self.result()
            return tree.map_structure(lambda x: x.value if isinstance(x, Variable) else x, found)

    def stateless_reset_state(self) -> list[Any]:
        """The values that `reset_state` gives to `variables`."""
        with StatelessScope() as scope:
            self.reset_state()
        return [_value(scope, v) for v in self.variables]

    def _stateless(self, values: Sequence[Any]) -> StatelessScope:
        mine = self.variables
        if len(values) != len(mine):
            raise ValueError(
                "Argument `metric_variables` must be a list of tensors corresponding 1:1 to "
                f"{type(self).__name__}().variables. Received list with length {len(values)}, but expected {len(mine)} "
                "variables."
            )
        return StatelessScope(zip(mine, values, strict=True))

    def get_config(self) -> dict[str, Any]:
        """The arguments it was made with."""
        return {"name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Metric:
        """Make one from its config."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


Metric.reset_state = _at_home(Metric.reset_state)


def _value(scope: StatelessScope, variable: Variable) -> Any:
    value = scope.get_current_value(variable)
    return variable.value if value is None else value
