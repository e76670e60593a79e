"""`Case`: what a test of an op needs: a NumPy reference and samples. Sample arguments are NumPy arrays, which the suite
turns into tensors, and whatever else goes in as it is."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from triceras.core import tree

CASES: dict[str, Case] = {}


class Sample(NamedTuple):
    """The arguments of one call."""

    args: tuple
    kwargs: dict[str, Any]

    @property
    def arrays(self) -> list[np.ndarray]:
        """The arrays among the arguments."""
        return [x for x in tree.flatten((list(self.args), self.kwargs)) if isinstance(x, np.ndarray)]

    @property
    def differentiable(self) -> bool:
        """Whether an array is float32 and has elements."""
        return any(x.dtype == np.float32 and x.size for x in self.arrays)

    def filled(self, values: list[Any]) -> Sample:
        """The same call with other values in place of the arrays."""
        rest = iter(values)
        structure = (list(self.args), self.kwargs)
        args, kwargs = tree.map_structure(lambda x: next(rest) if isinstance(x, np.ndarray) else x, structure)
        return Sample(tuple(args), kwargs)

    def __str__(self) -> str:
        shown = [
            f"{x.dtype}{list(x.shape)}" if isinstance(x, np.ndarray) else repr(x) for x in tree.flatten(list(self.args))
        ]
        return f"({', '.join(shown)}, {self.kwargs})"


class Case(NamedTuple):
    """What is known of an op.

    Args:
        reference: function of the same arguments, as arrays, that gives the results.
        samples: the calls.
        tolerance: relative and absolute.
        gradient: whether it has a gradient that equals the reference's slope.
        jit: whether it works in compiled code.
        static: whether shapes follow from shapes.
        same_body: whether the body must give what a backend's own function gives.
        gradients: how many of the samples are tried for gradients.
    """

    reference: Callable
    samples: tuple[Sample, ...]
    tolerance: float = 2e-5
    gradient: bool = True
    jit: bool = True
    static: bool = True
    same_body: bool = True
    gradients: int = 2


def call(*args: Any, **kwargs: Any) -> Sample:
    """The arguments of one call."""
    return Sample(args, kwargs)


def case(name: str, reference: Callable, *samples: Any, **more: Any) -> None:
    """Enter the samples of an op; a tuple or a single array stands for positional arguments."""
    calls = [s if isinstance(s, Sample) else Sample(s if type(s) is tuple else (s,), {}) for s in samples]
    CASES[name] = Case(reference, tuple(calls), **more)


_generator = np.random.Generator(np.random.Philox(7))


def draw(*shape: int, dtype: str = "float32", low: float = -2, high: float = 2) -> np.ndarray:
    """Numbers between two bounds, none near another's neighbour by design of chance alone."""
    if dtype == "bool":
        return _generator.random(shape) < 0.5
    if dtype.startswith(("int", "uint")):
        low = max(low, 0) if dtype.startswith("u") else low
        return np.asarray(_generator.integers(math.ceil(low), math.floor(high) + 1, shape)).astype(dtype)
    return np.asarray(_generator.uniform(low, high, shape)).astype(dtype)
