"""`Engine`: what a backend supplies so that work spreads over devices and processes."""

from __future__ import annotations

import abc
from typing import Any


class Engine(abc.ABC):
    """A framework's own way to many devices, behind the common interface.

    Args:
        backend: the backend that it belongs to.
    """

    per_replica = False  # whether each replica runs the step by itself, on its part of a batch: see `replicas.py`
    in_graph = False  # whether the replicas are parts of one graph, so that all that they agree on belongs into it
    splits_variables = True  # whether a variable may be split over devices; else all are whole on each

    def __init__(self, backend: Any):
        self.backend = backend

    @abc.abstractmethod
    def devices(self, kind: str | None = None) -> list[str]:
        """The devices of all processes, such as `cpu:0`; of one kind (`"cpu"`, `"gpu"`, `"tpu"`) if asked for."""

    @abc.abstractmethod
    def initialize(self, addresses: str | None, num_processes: int | None, process_id: int | None) -> None:
        """Join the other processes; without arguments as the environment says."""

    @abc.abstractmethod
    def process_index(self) -> int:
        """Which of the processes this is; the first, 0, writes files and logs."""

    @abc.abstractmethod
    def process_count(self) -> int:
        """How many processes work together."""

    @abc.abstractmethod
    def mesh(self, mesh: Any) -> Any:
        """The framework's own mesh for a `DeviceMesh`."""

    @abc.abstractmethod
    def layout(self, layout: Any) -> Any:
        """The framework's own layout for a `TensorLayout`."""

    @abc.abstractmethod
    def place(self, native: Any, layout: Any, path: str) -> Any:
        """A Variable's native value, laid out over the devices; errors name `path`."""

    @abc.abstractmethod
    def relaid(self, tensor: Any, layout: Any) -> Any:
        """A tensor in another layout, also in a traced function."""

    @abc.abstractmethod
    def batch(self, batch: Any, distribution: Any) -> Any:
        """A batch of all processes, or this process's part of it if `auto_shard_dataset` is off, over the devices."""

    # --- engines whose replicas run by themselves (`per_replica`): see `replicas.py` ----------------------------------

    def mean(self, tensors: list[Any]) -> list[Any]:
        """The mean over the replicas of each of some native tensors; inside the step, and gradients flow through it."""
        raise NotImplementedError

    def sum(self, tensors: list[Any]) -> list[Any]:
        """The sum over the replicas of each of some native tensors."""
        raise NotImplementedError

    def replica(self) -> Any:
        """The number of the replica that runs: a Python int, or a scalar tensor in a step that all replicas share."""
        raise NotImplementedError

    def own_key(self, key: Any) -> Any:
        """A key for random numbers, mixed with the replica's number."""
        raise NotImplementedError

    def begin(self, model: Any) -> None:
        """Before a model's first step: all replicas must have the same model, and begin with the same weights."""
        return None

    def agree(self, what: str, batch: Any = None) -> None:
        """Fail on all replicas if they don't do the same now: a step on a batch of some shape, or the end of a pass."""
        return None

    def stepped(self, step: Any, variables: list[Any], data: Any) -> Any:
        """What `step(data)` gives, with all scalars averaged; `data` is what `batch` gave.

        The change of each of `variables`, accumulators of metrics, becomes the sum of its changes on all replicas; or
        the mean, where `batch` couldn't divide the batch and all compute the whole of it.
        """
        raise NotImplementedError

    def whole(self, outputs: Any) -> Any:
        """Predictions for the batch that `batch` divided last: the rows of all replicas, in order, on each."""
        raise NotImplementedError
