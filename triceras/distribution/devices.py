"""The devices, and the processes that work together."""

from __future__ import annotations

import os

from triceras.core import registry

_KINDS = ("cpu", "gpu", "tpu")


def list_devices(device_type: str | None = None) -> list[str]:
    """The devices of the current backend, of all processes.

    Args:
        device_type: `"cpu"`, `"gpu"` or `"tpu"`; all of the best kind by default.

    Returns:
        Names such as `"cpu:0"`.

    Raises:
        ValueError: another kind.
        NotImplementedError: the backend runs on one device only.
    """
    if device_type is not None and device_type.lower() not in _KINDS:
        raise ValueError(f"`device_type` must be one of {', '.join(_KINDS)}. Received: device_type={device_type!r}")
    return registry.current().engine().devices(device_type and device_type.lower())


def get_device_count(device_type: str | None = None) -> int:
    """How many devices `list_devices` lists."""
    return len(list_devices(device_type))


def initialize(
    job_addresses: str | None = None, num_processes: int | None = None, process_id: int | None = None
) -> None:
    """Join the other processes of a job; call it first, before anything is computed.

    Without arguments it reads what `triceras launch`, torchrun, Slurm or `TF_CONFIG` put into the environment, or
    Keras's `KERAS_DISTRIBUTION_JOB_ADDRESSES`, `KERAS_DISTRIBUTION_NUM_PROCESSES`, `KERAS_DISTRIBUTION_PROCESS_ID`.

    Args:
        job_addresses: the addresses of the processes, separated by commas, `"10.0.0.1:1234,10.0.0.2:2345"`; that of the
            first, the coordinator, will do.
        num_processes: how many there are.
        process_id: which one this is, from 0.

    Raises:
        ValueError: the numbers don't fit each other.
    """
    environment = os.environ.get
    job_addresses = job_addresses or environment("KERAS_DISTRIBUTION_JOB_ADDRESSES")
    if num_processes is None:
        num_processes = _number("KERAS_DISTRIBUTION_NUM_PROCESSES")
    if process_id is None:
        process_id = _number("KERAS_DISTRIBUTION_PROCESS_ID")
    if job_addresses and num_processes is None and "," in job_addresses:
        num_processes = len(job_addresses.split(","))
    if process_id is not None and num_processes is not None and not 0 <= process_id < num_processes:
        raise ValueError(
            f"`process_id` must be from 0 to {num_processes - 1}, for there are {num_processes} processes. Received: "
            f"process_id={process_id}"
        )
    registry.current().engine().initialize(job_addresses, num_processes, process_id)


def _number(name: str) -> int | None:
    value = os.environ.get(name)
    if value and not value.isdecimal():
        raise ValueError(f"The environment variable {name} must be a number. Received: {value!r}")
    return int(value) if value else None
