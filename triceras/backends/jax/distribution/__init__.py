"""JAX over many devices and processes: `jax.sharding` lays arrays out, XLA finds the communication (GSPMD)."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from triceras.core import tree
from triceras.distribution.engine import Engine


class JaxEngine(Engine):
    """One program sees all devices; an array's sharding says what is where."""

    def devices(self, kind: str | None = None) -> list[str]:
        return [f"{device.platform}:{device.id}" for device in jax.devices(kind)]

    def initialize(self, addresses: str | None, num_processes: int | None, process_id: int | None) -> None:
        coordinator = addresses.split(",")[0] if addresses else None
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
        jax.distributed.initialize(coordinator, num_processes, process_id)

    def process_index(self) -> int:
        return jax.process_index()

    def process_count(self) -> int:
        return jax.process_count()

    def mesh(self, mesh: Any) -> Mesh:
        names = mesh.devices.flatten()
        known = {f"{d.platform}:{d.id}": d for kind in {name.partition(":")[0] for name in names} for d in _of(kind)}
        missing = [name for name in names if name not in known]
        if missing:
            raise ValueError(f"No such devices: {', '.join(missing)}. There are: {', '.join(self.devices())}.")
        return Mesh(np.vectorize(known.__getitem__, otypes=[object])(mesh.devices), mesh.axis_names)

    def layout(self, layout: Any) -> NamedSharding:
        axes = list(layout.axes)
        while axes and axes[-1] is None:  # as XLA gives them back: another spelling would compile anew
            axes.pop()
        return NamedSharding(layout.device_mesh.backend_mesh, PartitionSpec(*axes))

    def place(self, native: Any, layout: Any, path: str) -> Any:
        for size, axis in zip(native.shape, layout.axes, strict=True):
            parts = layout.device_mesh.size(axis) if axis else 1
            if size % parts:
                raise ValueError(
                    f"Variable {path} of shape {native.shape} can't be laid out as {layout.axes}: {size} isn't a "
                    f"multiple of the {parts} devices along the mesh's axis {axis!r}."
                )
        with jax.ensure_compile_time_eval():
            return _spread(native, layout.backend_layout)

    def relaid(self, tensor: Any, layout: Any) -> Any:
        tensor = self.backend.convert(tensor)
        if isinstance(tensor, jax.core.Tracer):
            return jax.lax.with_sharding_constraint(tensor, layout.backend_layout)
        return _spread(tensor, layout.backend_layout)

    def gathered(self, x: Any) -> np.ndarray:
        """The whole of an array that no process has alone."""
        from jax.experimental import multihost_utils

        return multihost_utils.process_allgather(x, tiled=True)

    def batch(self, batch: Any, distribution: Any) -> Any:
        parts = distribution.num_model_replicas
        return tree.map_structure(lambda x: x if x is None else self._part(x, parts, distribution), batch)

    def _part(self, x: Any, parts: int, distribution: Any) -> Any:
        if not hasattr(x, "shape") or not x.shape:
            return x
        if not distribution.auto_shard_dataset and jax.process_count() > 1:
            sharding = distribution.get_data_layout(x.shape).backend_layout
            return jax.make_array_from_process_local_data(sharding, np.asarray(x))
        layout = distribution.get_data_layout(x.shape)
        if x.shape[0] % parts:
            layout = type(layout)((None,) * len(x.shape), layout.device_mesh)  # all compute all of it
        return _spread(x, layout.backend_layout)


def _of(kind: str) -> list[Any]:
    try:
        return jax.devices(kind)
    except RuntimeError:  # there are none
        return []


def _spread(x: Any, sharding: NamedSharding) -> Any:
    """An array that every process has, over the devices of all; each process sends only to its own."""
    if sharding.is_fully_addressable:
        return jax.device_put(x, sharding)
    array = np.asarray(x)
    return jax.make_array_from_callback(array.shape, sharding, array.__getitem__)
