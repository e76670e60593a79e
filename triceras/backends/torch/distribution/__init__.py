"""PyTorch over several processes: `torch.distributed`, one device a process, each with all variables."""

from __future__ import annotations

import atexit
import os
import zlib
from typing import Any

import numpy as np
import torch
from torch import distributed

from triceras.backends.torch.distribution.collectives import summed
from triceras.core import seeds, tree
from triceras.distribution.engine import Engine

GOLDEN = 0x9E3779B9  # 2**32 over the golden ratio: far apart for neighbouring numbers


class TorchEngine(Engine):
    """Every process runs the step on its part of a batch; what they must agree on is averaged."""

    splits_variables = False

    def __init__(self, backend: Any):
        super().__init__(backend)
        self._control: Any = None  # the group in which processes talk about what they do
        self._divided = False

    # --- processes ---------------------------------------------------------------------------------------------------

    @property
    def per_replica(self) -> bool:  # type: ignore[override]
        return self.process_count() > 1

    def devices(self, kind: str | None = None) -> list[str]:
        own = "cpu" if (found := _accelerator()) is None else {"cuda": "gpu"}.get(found.type, found.type)
        return [f"{kind or own}:{i}" for i in range(self.process_count())] if kind in (None, own, "cpu") else []

    def initialize(self, addresses: str | None, num_processes: int | None, process_id: int | None) -> None:
        if not distributed.is_initialized():
            _start(addresses, num_processes, process_id)
        self._join()

    def _join(self) -> None:
        """Once: take the first process's stream of seeds, so that weights and the order of data are the same."""
        if self._control is not None or not distributed.is_initialized():
            return
        self._control = distributed.new_group(backend="gloo")  # nothing waits for an accelerator there
        atexit.register(self._leave)
        stream = [seeds._host.generator]
        distributed.broadcast_object_list(stream, src=0, group=self._control)
        (seeds._host.generator,) = stream

    def _leave(self) -> None:
        """End the threads of gloo's groups: they abort a program that ends before them. (NCCL might wait for peers.)"""
        if distributed.is_initialized() and "nccl" not in distributed.get_backend():
            self._control = None
            distributed.destroy_process_group()

    def process_index(self) -> int:
        return distributed.get_rank() if distributed.is_initialized() else 0

    def process_count(self) -> int:
        return distributed.get_world_size() if distributed.is_initialized() else 1

    # --- layouts: everything whole, in every process -----------------------------------------------------------------

    def mesh(self, mesh: Any) -> Any:
        if mesh.devices.size != self.process_count() or mesh.devices.shape[0] != mesh.devices.size:
            raise ValueError(
                f"On torch a mesh has one device of each process along its first axis, {self.process_count()} in all. "
                f"Received: {mesh}. Start as many processes as you have devices: `triceras launch`, or torchrun, and "
                "`distribution.initialize()`."
            )
        return mesh

    def layout(self, layout: Any) -> Any:
        _ = layout.device_mesh.backend_mesh
        if any(layout.axes):
            raise NotImplementedError(f"On torch tensors can't be split over devices. Received: layout={layout}")
        return None

    def place(self, native: Any, layout: Any, path: str) -> Any:
        _ = layout.backend_layout
        return native

    def relaid(self, tensor: Any, layout: Any) -> Any:
        _ = layout.backend_layout
        return tensor

    def batch(self, batch: Any, distribution: Any) -> Any:
        parts, place = self.process_count(), self.process_index()
        if not distribution.auto_shard_dataset:
            self._divided = True
            return batch
        sizes = {x.shape[0] for x in tree.flatten(batch) if np.ndim(x)}
        self._divided = all(size % parts == 0 for size in sizes)
        if not self._divided:
            return batch  # all compute all of it

        def part(x: Any) -> Any:
            if x is None or not np.ndim(x):
                return x
            size = x.shape[0] // parts
            return x[place * size : (place + 1) * size]

        return tree.map_structure(part, batch)

    # --- what replicas agree on --------------------------------------------------------------------------------------

    def mean(self, tensors: list[Any]) -> list[Any]:
        return self.sum([x / self.process_count() for x in tensors])

    def sum(self, tensors: list[Any]) -> list[Any]:
        return summed(tensors)

    def replica(self) -> int:
        return self.process_index()

    def own_key(self, key: torch.Tensor) -> torch.Tensor:
        other = torch.tensor([self.process_index() * GOLDEN % 2**32, 0], dtype=key.dtype, device=key.device)
        return (key + other) % 2**32

    def begin(self, model: Any) -> None:
        self._join()
        variables = [*model.variables, *model.metrics_variables, *model._optimizer_variables]
        described = [(v.path, tuple(v.shape), v.dtype) for v in variables]
        self._agree(f"a model of {len(variables)} variables", described)
        for variable in variables:
            value = variable.native.detach().clone(memory_format=torch.contiguous_format)
            distributed.broadcast(value.reshape(-1).view(torch.uint8), src=0)  # of whatever dtype
            variable.assign(value)

    def agree(self, what: str, batch: Any = None) -> None:
        self._agree(what, [tuple(x.shape) for x in tree.flatten(batch) if hasattr(x, "shape")])

    def _agree(self, what: str, details: list[Any]) -> None:
        self._join()
        own = torch.tensor([zlib.crc32(repr((what, details)).encode())])
        sums = [torch.empty_like(own) for _ in range(self.process_count())]
        try:
            distributed.all_gather(sums, own, group=self._control)
        except RuntimeError as error:
            raise RuntimeError(
                f"Process {self.process_index()} of {self.process_count()} has lost the others before: {what}. One has "
                f"failed, or has ended before this one; look at its output. ({_first_line(error)})"
            ) from error
        if any(other != own for other in sums):
            found: list[Any] = [None] * self.process_count()
            distributed.all_gather_object(found, (what, details), group=self._control)
            raise RuntimeError(_difference(found))

    def stepped(self, step: Any, variables: list[Any], data: Any) -> Any:
        before = [v.value.clone() for v in variables]
        logs = step(data)
        with torch.no_grad():
            leaves = tree.flatten(logs)
            scalars = [i for i, x in enumerate(leaves) if isinstance(x, torch.Tensor) and x.is_floating_point()]
            parts = [*(v.value - b for v, b in zip(variables, before, strict=True)), *(leaves[i] for i in scalars)]
            sums = self.sum(parts)
            changes, averages = sums[: len(variables)], [x / self.process_count() for x in sums[len(variables) :]]
            for variable, old, change in zip(variables, before, changes, strict=True):
                variable.assign(old + (change if self._divided else self._each(change)))
        for i, average in zip(scalars, averages, strict=True):
            leaves[i] = average
        return tree.pack_sequence_as(logs, leaves)

    def _each(self, total: torch.Tensor) -> torch.Tensor:
        """What each process had, if all had the same."""
        count = self.process_count()
        return total / count if total.is_floating_point() else total // count

    def whole(self, outputs: Any) -> Any:
        return tree.map_structure(self._rows, outputs) if self._divided else outputs

    def _rows(self, x: Any) -> Any:
        if not isinstance(x, torch.Tensor) or not x.ndim:
            return x
        parts = [torch.empty_like(x, memory_format=torch.contiguous_format) for _ in range(self.process_count())]
        distributed.all_gather(parts, x.contiguous())
        return torch.cat(parts)


def _accelerator() -> torch.device | None:
    return torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None


def _start(addresses: str | None, num_processes: int | None, process_id: int | None) -> None:
    """Start the process group: as the arguments say, else as the environment does."""
    environment = os.environ
    count = num_processes if num_processes is not None else int(environment.get("WORLD_SIZE", 1))
    rank = process_id if process_id is not None else int(environment.get("RANK", 0))
    if addresses is None and "MASTER_ADDR" in environment:
        addresses = f"{environment['MASTER_ADDR']}:{environment.get('MASTER_PORT', 29500)}"
    if addresses is None:
        if count == 1:
            return
        raise ValueError(
            f"{count} processes need an address to meet at: start them by `triceras launch` or torchrun, or pass "
            '`job_addresses="host:port"`.'
        )
    options: dict[str, Any] = {"backend": "gloo"}
    if torch.cuda.is_available():
        here = int(environment.get("LOCAL_RANK", rank))
        own_gpu = int(environment.get("LOCAL_WORLD_SIZE", count)) <= torch.cuda.device_count()
        torch.cuda.set_device(here % torch.cuda.device_count())
        options["backend"] = "cpu:gloo,cuda:nccl" if own_gpu else "gloo"  # NCCL takes no GPU twice
    meeting = addresses.split(",")[0]
    distributed.init_process_group(init_method=f"tcp://{meeting}", world_size=count, rank=rank, **options)


def _difference(found: list[tuple[str, list[Any]]]) -> str:
    """Who does something else than the first process, and where it begins."""
    odd = next(i for i, other in enumerate(found) if other != found[0])
    texts = []
    for what, details in (found[0], found[odd]):
        others = found[odd][1] if details is found[0][1] else found[0][1]
        own = [d for d in details if d not in others][:3]
        texts.append(f"{what} with {', '.join(map(str, own))}" if own else f"{what} with {len(details)} tensors")
    return (
        f"The processes don't do the same. Process 0: {texts[0]}. Process {odd}: {texts[1]}. Each must have the same "
        "model and the same number of batches of the same sizes."
    )


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
