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
