"""A graph is tried on copies before it is used: does it what the call does that comes next?"""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Sequence

import torch

from triceras.backends.torch.compiler.capture import Captured

OUTPUTS = 1e-3  # how far results may be off, relatively, before a graph counts as wrong
UPDATES = 0.1  # how far the change of all Variables together may be off: noise in gradients of 0 is amplified by Adam
MEMORY = 0.5  # share of the free memory that copies may take


class Rehearsal:
    """A graph's run on copies of the Variables, with the random numbers of the call that comes next.

    Args:
        captured: the graph.
        run: it, or what a compiler made of it.
        leaves: the tensors among the arguments.
    """

    def __init__(self, captured: Captured, run: Callable, leaves: Sequence[torch.Tensor]):
        self.variables, self.problem = captured.variables, None
        random = _random_state()
        try:
            with torch.no_grad():
                self.copies = _copies([v.native for v in self.variables])
                self.outputs = run(*self.copies, *captured.constants, *[x.detach().clone() for x in leaves])
                self.changed = sum(_squares(a, v.native) for a, v in zip(self.copies, self.variables, strict=True))
        except Exception as error:
            self.problem = f"its graph can't be tried ({type(error).__name__}: {error})"
            self.copies = self.outputs = None
        finally:
            _set_random_state(random)

    def difference(self, outputs: Sequence[torch.Tensor]) -> str | None:
        """What the graph made otherwise than the call that took place since then; None where it is the same.

        Args:
            outputs: the tensors that the call gave.
        """
        found = self.problem or self._difference(outputs)
        self.copies = self.outputs = None
        return found

    def _difference(self, outputs: Sequence[torch.Tensor]) -> str | None:
        if len(outputs) != len(self.outputs) or not all(map(_close, self.outputs, outputs)):
            return _other("results differ")
        distance = 0.0
        for variable, got in zip(self.variables, self.copies, strict=True):
            want = variable.native.detach()
            if not want.is_floating_point() and not torch.equal(got, want):
                return _other(f"{variable.path} differs")
            distance += _squares(got, want)
        return None if distance <= UPDATES**2 * self.changed + 1e-12 else _other("the Variables differ")


def _other(what: str) -> str:
    return f"its graph gives other results ({what}): it uses more than its Variables"


def _copies(values: list[torch.Tensor]) -> list[torch.Tensor]:
    """Copies; where accelerators have no room, allocating them raises."""
    if sum(x.nbytes for x in values if x.device.type == "cpu") > MEMORY * free_memory():
        raise MemoryError("too little memory for copies of its Variables")
    return [x.detach().clone() for x in values]


def free_memory() -> float:
    """Bytes of the computer's memory that nobody needs, where the system tells."""
    try:
        lines = pathlib.Path("/proc/meminfo").read_text().splitlines()
        return next(1024.0 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return float("inf")


def _random_state() -> tuple:
    return torch.get_rng_state(), torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None


def _set_random_state(state: tuple) -> None:
    torch.set_rng_state(state[0])
    if state[1] is not None:
        torch.cuda.set_rng_state_all(state[1])


def _close(got: torch.Tensor, want: torch.Tensor) -> bool:
    if got.shape != want.shape or got.dtype is not want.dtype:
        return False
    if not got.is_floating_point() and not got.is_complex():
        return torch.equal(got, want)
    return torch.allclose(got, want.detach(), rtol=OUTPUTS, atol=OUTPUTS, equal_nan=True)


def _squares(a: torch.Tensor, b: torch.Tensor) -> float:
    """The squared distance of two tensors; where one isn't finite, the other mustn't be either."""
    if not a.is_floating_point():
        return 0.0
    if not torch.equal(a.isfinite(), b.isfinite()):
        return float("inf")
    return float(torch.nan_to_num((a - b).float(), nan=0.0, posinf=0.0, neginf=0.0).square().sum())
