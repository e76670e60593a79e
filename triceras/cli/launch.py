"""Run a script in several processes that work together, on one machine or on several."""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from typing import Any, NamedTuple

from triceras.cli import UserError

GRACE = 10.0  # seconds that the others have to end after one has failed
PORT = 29500  # where several machines meet; the ports after it are TensorFlow's


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--processes", type=int, required=True, metavar="N", help="how many processes on each machine")
    parser.add_argument("--hosts", metavar="A,B,…", help="the machines, the coordinator first; run the same "
                        "command on each")  # fmt: skip
    parser.add_argument(
        "--host-index", type=int, metavar="I", help="which of them this is; found by its name otherwise"
    )
    parser.add_argument("--port", type=int, metavar="P", help=f"where they meet; {PORT}, or a free one on one machine")
    parser.add_argument("--backend", metavar="NAME", help="the backend to start on")
    parser.add_argument("script", metavar="SCRIPT", help="a Python file; it should call distribution.initialize()")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARGUMENTS", help="what the script gets")


class Job(NamedTuple):
    """The processes of a job.

    Args:
        addresses: `host:port` of each process, in order.
        meeting: `host:port` of the coordinator.
        first: the number of this machine's first process.
        here: how many processes this machine has.
    """

    addresses: list[str]
    meeting: str
    first: int
    here: int


def run(options: argparse.Namespace) -> int:
    if options.processes < 1:
        raise UserError(f"--processes must be at least 1, not {options.processes}")
    if not pathlib.Path(options.script).exists():
        raise UserError(f"no such script: {options.script} (looked in {pathlib.Path.cwd()})")
    job = job_of(options)
    backend = ["--backend", options.backend] if options.backend else []
    command = [sys.executable, "-u", "-m", "triceras", "run", *backend, options.script, *options.arguments]
    return watch([start(command, job, i) for i in range(job.here)], job.first)


def job_of(options: argparse.Namespace) -> Job:
    """Who takes part, as the command line says."""
    if not options.hosts:
        ports = (
            [options.port + i for i in range(options.processes + 1)] if options.port else free(options.processes + 1)
        )
        addresses = [f"127.0.0.1:{port}" for port in ports]
        return Job(addresses[1:], addresses[0], 0, options.processes)
    hosts, port = options.hosts.split(","), options.port or PORT
    index = options.host_index if options.host_index is not None else own_place(hosts)
    if not 0 <= index < len(hosts):
        raise UserError(f"--host-index must be from 0 to {len(hosts) - 1}, not {index}")
    addresses = [f"{host}:{port + 1 + i}" for host in hosts for i in range(options.processes)]
    return Job(addresses, f"{hosts[0]}:{port}", index * options.processes, options.processes)


def own_place(hosts: list[str]) -> int:
    """Which of some hosts this machine is."""
    names = {socket.gethostname(), socket.getfqdn()}
    names |= {info[4][0] for name in tuple(names) for info in _lookup(name)}
    found = [i for i, host in enumerate(hosts) if host in names or names & {info[4][0] for info in _lookup(host)}]
    if len(found) != 1:
        raise UserError(
            f"can't tell which of {', '.join(hosts)} this machine ({socket.gethostname()}) is: --host-index"
        )
    return found[0]


def _lookup(name: str) -> list[Any]:
    try:
        return socket.getaddrinfo(name, None)
    except OSError:
        return []


def free(count: int) -> list[int]:
    """Ports that nobody listens at."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def start(command: list[str], job: Job, place: int) -> subprocess.Popen:
    """Start one process with what torch, JAX and TensorFlow look for in the environment."""
    rank, count = job.first + place, len(job.addresses)
    host, _, port = job.meeting.rpartition(":")
    cluster = {"cluster": {"worker": job.addresses}, "task": {"type": "worker", "index": rank}}
    environment = {
        **{"MASTER_ADDR": host, "MASTER_PORT": port, "RANK": rank, "WORLD_SIZE": count},
        **{"LOCAL_RANK": place, "LOCAL_WORLD_SIZE": job.here, "TF_CONFIG": json.dumps(cluster)},
        "KERAS_DISTRIBUTION_JOB_ADDRESSES": job.meeting,
        "KERAS_DISTRIBUTION_NUM_PROCESSES": count,
        "KERAS_DISTRIBUTION_PROCESS_ID": rank,
    }
    return subprocess.Popen(
        command,
        env={**os.environ, **{key: str(value) for key, value in environment.items()}},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,  # signals reach it through us, once
    )


def watch(processes: list[subprocess.Popen], first: int) -> int:
    """Print what they print; end all when one fails or we are told to; the exit status of the first that failed."""
    readers = [threading.Thread(target=_copy, args=(p, first + i), daemon=True) for i, p in enumerate(processes)]
    for reader in readers:
        reader.start()
    told: list[int] = []

    def pass_on(number: int, _: Any) -> None:
        told.append(number)
        _send(processes, number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        status = _until_one_ends(processes, first, told)
    finally:
        _send(processes, signal.SIGKILL)
        for number, handler in before.items():
            signal.signal(number, handler)
    for reader in readers:
        reader.join(GRACE)
    return status


def _until_one_ends(processes: list[subprocess.Popen], first: int, told: list[int]) -> int:
    status, deadline = 0, None
    while any(p.poll() is None for p in processes):
        failed = next((i for i, p in enumerate(processes) if p.poll()), None)
        if deadline is None and (told or failed is not None):
            deadline = time.monotonic() + GRACE
            if failed is not None and not told:
                status = _status(processes[failed].returncode)
                print(f"triceras: process {first + failed} failed (exit status {status}); ending the others",
                      file=sys.stderr, flush=True)  # fmt: skip
                _send(processes, signal.SIGTERM)
        if deadline is not None and time.monotonic() > deadline:
            _send(processes, signal.SIGKILL)
        time.sleep(0.05)
    if told:
        return 128 + told[0]
    return status or next((_status(p.returncode) for p in processes if p.returncode), 0)


def _status(code: int) -> int:
    return 128 - code if code < 0 else code


def _send(processes: list[subprocess.Popen], number: int) -> None:
    for process in processes:
        if process.poll() is None:
            process.send_signal(number)


def _copy(process: subprocess.Popen, rank: int) -> None:
    for line in process.stdout or ():
        sys.stdout.write(f"[{rank}] {line.rstrip()}\n")
        sys.stdout.flush()
