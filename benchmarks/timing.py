"""Times of functions that are called in turn, and the memory of this process."""

import gc
import statistics
import time
from pathlib import Path
from typing import NamedTuple


class Times(NamedTuple):
    """Medians over calls, in seconds: by the clock, and of the processor in all threads of the process."""

    wall: float
    cpu: float
    calls: int


def now():
    """The times of the clock and of this process's processor, in seconds."""
    return time.perf_counter(), time.process_time()


def since(begun):
    """The seconds since `now` was called, as a part of a record."""
    return {"value": time.perf_counter() - begun[0], "cpu": time.process_time() - begun[1]}


def wait(result):
    """Wait for a result that is still under way; on a CPU only JAX gives such."""
    if hasattr(result, "block_until_ready"):
        result.block_until_ready()


def interleaved(runs, seconds, least=5):
    """Call functions in turn, so that what else the machine does hits all alike.

    Args:
        runs: dict of functions without arguments, warm.
        seconds: how long to go on, altogether.
        least: how often to call each even so.

    Returns:
        A dict of `Times`.
    """
    kept = {name: ([], []) for name in runs}
    gc.collect()
    begun, rounds = time.perf_counter(), 0
    while rounds < least or time.perf_counter() - begun < seconds:
        for name, run in runs.items():
            cpu, wall = time.process_time(), time.perf_counter()
            wait(run())
            kept[name][0].append(time.perf_counter() - wall)
            kept[name][1].append(time.process_time() - cpu)
        rounds += 1
    return {name: Times(statistics.median(wall), statistics.median(cpu), rounds) for name, (wall, cpu) in kept.items()}


def forget_peak():
    """Begin the peak of this process's memory anew, where the system can (Linux)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pass


def memory(kind):
    """This process's memory in MB: `"VmRSS"`, now, or `"VmHWM"`, its peak."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{kind}:"):
            return int(line.split()[1]) / 1024
    raise OSError(f"/proc/self/status has no {kind}")
