"""Several optimizers in one, each for its own weights: MultiOptimizer, OptimizerMap."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, MutableMapping, Sequence
from typing import Any

from triceras.core.variable import Variable
from triceras.optimizers.optimizer import Optimizer


class OptimizerMap(MutableMapping):
    """Which optimizer a weight gets, by regular expressions that match its whole path.

    Args:
        default_optimizer: for weights that no expression matches.
        optimizer_map: dict from expressions to optimizers.

    Raises:
        TypeError: `default_optimizer` isn't an optimizer, or `optimizer_map` isn't a dict.
        ValueError: a key that isn't a string or is there already, a value that isn't an optimizer; when asked for a
            path that several expressions match.

    Example:
        >>> from triceras import optimizers
        >>> which = optimizers.OptimizerMap(optimizers.SGD(), {"encoder/.*": optimizers.Adam()})
        >>> type(which["encoder/kernel"]).__name__, type(which["decoder/kernel"]).__name__
        ('Adam', 'SGD')
    """

    def __init__(self, default_optimizer: Optimizer, optimizer_map: dict[str, Optimizer] | None = None):
        if not isinstance(default_optimizer, Optimizer):
            raise TypeError(f"default_optimizer must be an Optimizer instance. Received: {default_optimizer}")
        if optimizer_map is not None and not isinstance(optimizer_map, dict):
            raise TypeError(f"optimizer_map must be a dictionary. Received: {optimizer_map}")
        self._default = default_optimizer
        self._entries: dict[str, Optimizer] = {}
        self.update(optimizer_map or {})

    @property
    def default_optimizer(self) -> Optimizer:
        """The optimizer of weights that no expression matches."""
        return self._default

    def __getitem__(self, key: str) -> Optimizer:
        if key in self._entries:
            return self._entries[key]
        matching = [pattern for pattern in self._entries if re.fullmatch(pattern, key)]
        if len(matching) > 1:
            raise ValueError(f"Multiple optimizers assigned to variable {key}: by the expressions {matching}.")
        return self._entries[matching[0]] if matching else self.default_optimizer

    def __setitem__(self, key: str, value: Optimizer) -> None:
        if not isinstance(key, str):
            raise ValueError(f"key must be a string. Received: {key}")
        if not isinstance(value, Optimizer):
            raise ValueError(f"optimizer must be an Optimizer instance. Received: {value}")
        if key in self._entries:
            raise ValueError(
                f"'{key}' already exists in the OptimizerMap with value {self._entries[key]}. Please make sure to not "
                "use duplicated keys."
            )
        self._entries[key] = value

    def __delitem__(self, key: str) -> None:
        del self._entries[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def get_config(self) -> dict[str, Any]:
        """The arguments it was made with."""
        from triceras.saving import serialization

        serialize = serialization.serialize_keras_object
        entries = {key: serialize(optimizer) for key, optimizer in self._entries.items()}
        return {"default_optimizer": serialize(self.default_optimizer), "optimizer_map": entries}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> OptimizerMap:
        """Make one from its config."""
        from triceras.saving import serialization

        return cls(**{
            key: serialization.deserialize_keras_object(value, custom_objects=custom_objects)
            for key, value in config.items()
        })  # fmt: skip


class MultiOptimizer(Optimizer):
    """Gives each weight to one of several optimizers.

    It has no learning rate; those of `optimizers` do.

    Args:
        optimizer_map: an `OptimizerMap`, or a function from a weight (a `Variable`) to its optimizer.
        loss_scale_factor: what the loss is multiplied by and the gradients divided by, against underflow.
        name: `multi_optimizer` by default.

    Raises:
        TypeError: `optimizer_map` is something else.
        ValueError: an optimizer in it has a `loss_scale_factor` of its own; when built: a weight's optimizer isn't one.

    Example:
        >>> from triceras import Variable, ops, optimizers
        >>> v, w = Variable([1.0], name="kernel"), Variable([1.0], name="bias")
        >>> which = optimizers.OptimizerMap(optimizers.SGD(0.5), {"bias": optimizers.SGD(0.25)})
        >>> optimizers.MultiOptimizer(which).apply([ops.ones(1), ops.ones(1)], [v, w])
        >>> v.numpy().tolist(), w.numpy().tolist()
        ([0.5], [0.75])
    """

    loss_scale_factor: float | None = None

    def __init__(
        self,
        optimizer_map: OptimizerMap | Callable[[Variable], Optimizer],
        loss_scale_factor: float | None = None,
        name: str | None = None,
    ):
        is_map = isinstance(optimizer_map, OptimizerMap)
        if not is_map and (isinstance(optimizer_map, (type, Optimizer)) or not callable(optimizer_map)):
            raise TypeError(
                "`optimizer_map` must be an OptimizerMap, or a function from a weight to its optimizer. "
                f"Received: optimizer_map={optimizer_map}"
            )
        super().__init__(0.0, loss_scale_factor=loss_scale_factor, name=name)
        self.optimizer_map = optimizer_map
        self._owners: list[int] = []  # for each weight the place of its optimizer in `optimizers`
        every = [*optimizer_map.values(), optimizer_map.default_optimizer] if is_map else []
        self._optimizers: list[Optimizer] = []
        for optimizer in every:
            self._place_of(optimizer)

    @property
    def optimizers(self) -> list[Optimizer]:
        """The optimizers, each once."""
        return list(self._optimizers)

    @property
    def variables(self) -> list[Variable]:
        return super().variables + [v for optimizer in self._optimizers for v in optimizer.variables]

    @property
    def learning_rate(self) -> Any:
        """Not here: an AttributeError."""
        raise AttributeError(
            "Learning rate cannot be accessed on a MultiOptimizer. Access the learning rate on the individual "
            "sub-optimizers (`optimizer.optimizers`) instead."
        )

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        raise AttributeError(
            "Learning rate cannot be set on a MultiOptimizer. Set the learning rate on the individual sub-optimizers "
            "(`optimizer.optimizers`) instead."
        )

    def to_backend(self, name: Any) -> Optimizer:
        for optimizer in self._optimizers:
            optimizer.to_backend(name)
        return super().to_backend(name)

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        variables = list(variables)
        self._owners = [self._place_of(self._chosen(variable)) for variable in variables]
        for place, optimizer in enumerate(self._optimizers):
            optimizer.build([v for v, owner in zip(variables, self._owners, strict=True) if owner == place])
        super().build(variables)

    def _chosen(self, variable: Variable) -> Optimizer:
        chosen = self.optimizer_map
        optimizer = chosen[variable.path] if isinstance(chosen, OptimizerMap) else chosen(variable)
        if not isinstance(optimizer, Optimizer):
            raise ValueError(f"Optimizer for variable {variable.path} is not an Optimizer instance: {optimizer}")
        return optimizer

    def _place_of(self, optimizer: Optimizer) -> int:
        for place, known in enumerate(self._optimizers):
            if known is optimizer:
                return place
        if optimizer.loss_scale_factor not in (None, self.loss_scale_factor):
            raise ValueError(
                "`loss_scale_factor` belongs to the MultiOptimizer, not to the optimizers in it. "
                f"Received: loss_scale_factor={optimizer.loss_scale_factor} in {optimizer.name}"
            )
        optimizer.loss_scale_factor = self.loss_scale_factor
        self._optimizers.append(optimizer)
        return len(self._optimizers) - 1

    def _apply(self, grads: list[Any], variables: list[Variable]) -> None:
        owners = [self._owners[self._get_variable_index(v)] for v in variables]
        for place, optimizer in enumerate(self._optimizers):
            mine = [(g, v) for g, v, owner in zip(grads, variables, owners, strict=True) if owner == place]
            if mine:
                optimizer.apply([g for g, _ in mine], [v for _, v in mine])
        self._iterations.assign(self._iterations.value + 1)

    def exclude_from_weight_decay(
        self, var_list: Iterable[Variable] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        exempt, patterns = list(var_list or ()), list(var_names or ())
        for optimizer in self._optimizers:
            optimizer.exclude_from_weight_decay(exempt, patterns)

    def finalize_variable_values(self, var_list: Iterable[Variable]) -> None:
        var_list = list(var_list)
        for place, optimizer in enumerate(self._optimizers):
            mine = [v for v in var_list if self.built and self._owners[self._get_variable_index(v)] == place]
            optimizer.finalize_variable_values(mine)

    def get_config(self) -> dict[str, Any]:
        from triceras.saving import serialization

        return {
            "optimizer_map": serialization.serialize_keras_object(self.optimizer_map),
            "loss_scale_factor": self.loss_scale_factor,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> MultiOptimizer:
        from triceras.saving import serialization

        chosen = serialization.deserialize_keras_object(config["optimizer_map"], custom_objects=custom_objects)
        return cls(**{**config, "optimizer_map": chosen})
