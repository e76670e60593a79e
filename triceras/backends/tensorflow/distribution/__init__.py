"""TensorFlow over several devices and processes: `tf.distribute` runs a step on every replica.

A step's graph takes the whole batch and runs the step once for each device, on its rows (`replicated.py`). Variables
have a copy on every device (`copies.py`); the replicas agree on gradients and metrics, so all get the same updates.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import zlib
from typing import Any

import numpy as np
import tensorflow as tf

from triceras.backends.tensorflow.compiler import compiled
from triceras.backends.tensorflow.distribution import copies, replicated
from triceras.backends.tensorflow.distribution.replicated import here
from triceras.backends.tensorflow.tensor import COMPOSITES
from triceras.core import placement, seeds, tree
from triceras.distribution.engine import Engine
from triceras.distribution.mesh import DeviceMesh
from triceras.distribution.strategies import DataParallel

GOLDEN = 0x9E3779B9  # 2**32 over the golden ratio: far apart for neighbouring numbers


class TensorflowEngine(Engine):
    """`MirroredStrategy` over the devices of one process, `MultiWorkerMirroredStrategy` over processes."""

    per_replica = in_graph = True
    splits_variables = False

    def __init__(self, backend: Any):
        super().__init__(backend)
        self.workers: Any = None  # the strategy of several processes
        self._tellers: dict[Any, Any] = {}  # by strategies: see `replicated.teller`
        self.adopted: dict[Any, Any] = {}  # distributions by the user's own strategies

    def devices(self, kind: str | None = None) -> list[str]:
        return list(_devices(kind))

    def initialize(self, addresses: str | None, num_processes: int | None, process_id: int | None) -> None:
        if addresses and "," in addresses:
            cluster = {"worker": addresses.split(",")}
            os.environ["TF_CONFIG"] = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": process_id}})
        elif "TF_CONFIG" not in os.environ and (num_processes or 1) > 1:
            raise ValueError(
                "TensorFlow's processes need the addresses of all of them, separated by commas, or the environment "
                f"variable TF_CONFIG, which `triceras launch` sets. Received: job_addresses={addresses!r}"
            )
        self.workers = tf.distribute.MultiWorkerMirroredStrategy()
        copies.check(self.workers)
        if self.workers.num_replicas_in_sync > 1:  # all take the first one's stream: weights and the order of data
            seed = copies.of_first(np.array(seeds.make_default_seed()), self.workers)
            seeds._host.generator = np.random.Generator(np.random.Philox(int(seed)))

    def process_index(self) -> int:
        strategy = self._strategy()
        return 0 if strategy is None or not copies.over_processes(strategy) else strategy.cluster_resolver.task_id

    def process_count(self) -> int:
        strategy = self._strategy()
        return strategy.num_replicas_in_sync if strategy is not None and copies.over_processes(strategy) else 1

    def _strategy(self) -> Any:
        if (distribution := placement.in_force(self.backend)) is not None:
            return distribution.device_mesh.backend_mesh
        return tf.distribute.get_strategy() if tf.distribute.has_strategy() else self.workers

    # --- what is where -----------------------------------------------------------------------------------------------

    def mesh(self, mesh: Any) -> Any:
        names = mesh.devices.flatten()
        kinds = {name.partition(":")[0] for name in names}
        known = {name: device for kind in kinds for name, device in _devices(kind).items()}
        missing = [name for name in names if name not in known]
        if missing:
            raise ValueError(f"No such devices: {', '.join(missing)}. There are: {', '.join(self.devices())}.")
        if self.workers is None:
            # On CPUs a sum on one of them: the default can't serve two strategies of different sizes in a process.
            ops = tf.distribute.ReductionToOneDevice() if all(name.startswith("cpu") for name in names) else None
            return tf.distribute.MirroredStrategy([known[name] for name in names], ops)
        if len(names) != self.workers.num_replicas_in_sync:
            raise ValueError(
                f"With several processes a distribution is over all of their {self.workers.num_replicas_in_sync} "
                f"devices. Received: {', '.join(names)}"
            )
        return self.workers

    def layout(self, layout: Any) -> Any:
        if any(layout.axes):
            raise NotImplementedError(
                "On tensorflow tensors can't be split, only kept whole on every device; backend jax splits them. "
                f"Received: {layout}"
            )
        return layout.device_mesh.backend_mesh

    def place(self, native: Any, layout: Any, path: str) -> Any:
        strategy = layout.backend_layout
        if copies.strategy_of(native) is strategy:
            return native
        return copies.spread(tf.convert_to_tensor(native), native.trainable, strategy)

    def new_value(self, value: Any, dtype: Any, trainable: bool) -> Any:
        """What a Variable holds that is made in the scope of a user's own strategy."""
        with tf.init_scope():
            return copies.spread(self.backend.convert(value, dtype), trainable, tf.distribute.get_strategy())

    def relaid(self, tensor: Any, layout: Any) -> Any:
        self.layout(layout)  # refuses any but the one that every tensor has
        return tensor

    def batch(self, batch: Any, distribution: Any) -> Any:
        if replicated.replica_context() is None:
            return batch
        leaves = [x for x in tree.flatten(batch) if x is not None and x.shape.rank]
        own = not distribution.auto_shard_dataset and self.process_count() > 1
        sizes, parts = {x.shape[0] for x in leaves}, distribution.num_model_replicas
        if None in sizes and not own:
            raise ValueError("A replica's part of a batch must be known when the step is traced.")
        sparse = any(isinstance(x, COMPOSITES) for x in leaves)
        here.divided = own or (not sparse and all(size % parts == 0 for size in sizes))
        if own or not here.divided:
            return batch  # else all compute all of it

        def part(x: Any) -> Any:
            size, place = x.shape[0] // parts, replicated.number()
            return x[place * size : (place + 1) * size]

        return tree.map_structure(lambda x: part(x) if x is not None and x.shape.rank else x, batch)

    def at_home(self, model: Any) -> Any:
        """A context for what a model does: in it the strategy is in force in whose scope the model was made."""
        if placement.in_force(self.backend) is not None:
            return contextlib.nullcontext()
        found = (copies.strategy_of(v.native) for v in (*model.variables, *model.metrics_variables))
        strategy = next(filter(None, found), None)
        if strategy is None:
            return contextlib.nullcontext()
        if strategy not in self.adopted:
            names = [f"{_kind(strategy)}:{i}" for i in range(strategy.num_replicas_in_sync)]
            mesh = DeviceMesh((len(names),), ("batch",), names)
            mesh.__dict__["backend_mesh"] = strategy
            self.adopted[strategy] = _Adopted(mesh)
        return self.adopted[strategy].scope()

    def compiled(self, step: Any, distribution: Any) -> Any:
        """A compiled step that every replica runs. XLA has no part in it: it can't compile what they exchange."""
        run = compiled(self.backend, replicated.replicated(step, distribution.device_mesh.backend_mesh), False)
        if self.process_count() == 1:
            return run

        def agreed(batch: Any) -> Any:
            self.agree("a step on a batch", batch)
            return run(batch)

        return agreed

    # --- what the replicas agree on ----------------------------------------------------------------------------------

    def mean(self, tensors: list[Any]) -> list[Any]:
        return replicated.reduced(tensors, "MEAN")

    def sum(self, tensors: list[Any]) -> list[Any]:
        return replicated.reduced(tensors, "SUM")

    def replica(self) -> int:
        return replicated.number()

    def own_key(self, key: Any) -> Any:
        number = replicated.number() if here.divided else 0
        return key + np.array([number * GOLDEN % 2**32, 0], key.dtype.as_numpy_dtype) if number else key

    def begin(self, model: Any) -> None:
        variables = [*model.variables, *model.metrics_variables, *model._optimizer_variables]
        self.agree(f"{len(variables)} variables: {[(v.path, tuple(v.shape), v.dtype) for v in variables]}")
        if self.process_count() == 1 or not tf.executing_eagerly():
            return
        values = [v.numpy() for v in variables]
        if len(set(self._told(functools.reduce(lambda code, x: zlib.crc32(x.tobytes(), code), values, 0)))) > 1:
            for variable, value in zip(variables, values, strict=True):
                variable.assign(copies.of_first(value, self._strategy()))

    def _told(self, number: int) -> list[int]:
        """The numbers that all processes tell here."""
        strategy = self._strategy()
        if strategy not in self._tellers:
            self._tellers[strategy] = replicated.teller(strategy)
        return self._tellers[strategy](number)

    def agree(self, what: str, batch: Any = None) -> None:
        if self.process_count() == 1 or not tf.executing_eagerly():
            return
        shapes = [tuple(x.shape) for x in tree.flatten(batch) if hasattr(x, "shape")]
        what, own = f"{what} {shapes or ''}", self.process_index()
        try:
            found = self._told(zlib.crc32(what.encode()))
        except tf.errors.OpError as error:
            raise RuntimeError(
                f"Process {own} of {self.process_count()} has lost the others before {what[:200]}. One has failed, or "
                f"has ended before this one; look at its output. TensorFlow says: {error.message[-300:]}"
            ) from error
        others = [i for i, number in enumerate(found) if number != found[own]]
        if others:
            raise RuntimeError(
                f"The processes don't do the same: process {own} is at {what[:1000]}, but "
                f"{', '.join(map(str, others))} at something else. Each must have the same model and the same number "
                "of batches of the same sizes."
            )

    def stepped(self, step: Any, variables: list[Any], data: Any) -> Any:
        context = replicated.replica_context()
        if context is None:
            return step(data)
        before = [tf.identity(v.native) for v in variables]
        logs = step(data)
        leaves = tree.flatten(logs)
        scalars = [i for i, x in enumerate(leaves) if isinstance(x, tf.Tensor) and x.dtype.is_floating]
        changes = [tf.identity(v.native) - old for v, old in zip(variables, before, strict=True)]
        sums = self.sum([*changes, *(leaves[i] for i in scalars)])
        count, several = context.num_replicas_in_sync, not here.divided
        for variable, old, change in zip(variables, before, sums, strict=False):
            variable.assign(old + (tf.cast(change / count, old.dtype) if several else change))
        for i, total in zip(scalars, sums[len(variables) :], strict=True):
            leaves[i] = total / count
        return tree.pack_sequence_as(logs, leaves)

    def whole(self, outputs: Any) -> Any:
        divided = replicated.replica_context() is not None and here.divided
        return tree.map_structure(replicated.gathered, outputs) if divided else outputs


class _Adopted(DataParallel):
    """Of a user's strategy."""

    def check(self, variables: list[Any]) -> None:
        lost = [v.path for v in variables if copies.strategy_of(v.native) is None]
        if lost:
            raise ValueError(
                f"{len(lost)} variables, such as {lost[0]}, were made outside of the strategy's scope in which others "
                "were made. Make and compile the model inside of `with strategy.scope():`."
            )


def _devices(kind: str | None = None) -> dict[str, str]:
    """TensorFlow's names of the devices of a kind by ours; of the best kind by default."""
    kind = (kind or ("gpu" if tf.config.list_logical_devices("GPU") else "cpu")).lower()
    return {f"{kind}:{i}": device.name for i, device in enumerate(tf.config.list_logical_devices(kind.upper()))}


def _kind(strategy: Any) -> str:
    return tf.DeviceSpec.from_string(strategy.extended.worker_devices[0]).device_type.lower()
