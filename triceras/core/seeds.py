"""Randomness: seeds, the host's generator for initial weights and data order, and `SeedGenerator` for in-graph draws.

What is drawn on the host comes from NumPy's counter-based Philox, so a seed gives the same weights and the same batch
order on every backend. What is drawn in the graph comes from a key that a `SeedGenerator` counts up.
"""

from __future__ import annotations

import random as python_random
import threading
from typing import Any

import numpy as np

from triceras.core import naming, registry
from triceras.core.variable import Variable

_lock = threading.Lock()


class _Host:
    """The process's stream of seeds."""

    def __init__(self, seed: int | None):
        self.generator = np.random.Generator(np.random.Philox(seed))

    def draw(self) -> int:
        with _lock:
            return int(self.generator.integers(0, 2**31 - 1))


_host = _Host(None)


def set_random_seed(seed: int) -> None:
    """Seed everything: Python, NumPy, our own streams, and the frameworks that are loaded (none is imported).

    Initial weights and batch order are then the same on every backend, bit for bit.

    Args:
        seed: a non-negative integer.

    Raises:
        ValueError: it isn't one.
    """
    global _host
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ValueError(f"Expected `seed` argument to be a non-negative integer. Received: seed={seed}")
    _host = _Host(int(seed))
    _generators.clear()
    python_random.seed(int(seed))
    np.random.seed(int(seed) % 2**32)
    for name in registry.loaded():
        registry.get(name).seed_framework(int(seed))


def make_default_seed() -> int:
    """The next seed of the process's stream, for what wasn't given one."""
    return _host.draw()


def host_generator(seed: Any = None) -> np.random.Generator:
    """A generator on the host.

    Args:
        seed: an int; a `SeedGenerator`, which advances; None draws from the process's stream.
    """
    if isinstance(seed, SeedGenerator):
        words = [int(w) for w in np.asarray(seed.next_on_host()).ravel()]
        return np.random.Generator(np.random.Philox(np.random.SeedSequence(words)))
    return np.random.Generator(np.random.Philox(make_default_seed() if seed is None else int(seed)))


class SeedGenerator:
    """Gives a fresh key at every call, from a state that is a Variable: saved with the model, traced in compiled steps.

    Args:
        seed: a non-negative integer; None draws one.
        name: `seed_generator` by default.

    Example:
        >>> import triceras
        >>> seed = triceras.random.SeedGenerator(1)
        >>> a, b = (triceras.random.uniform((2,), seed=seed) for _ in range(2))
        >>> bool(triceras.ops.all(a == b))
        False
    """

    def __init__(self, seed: int | None = None, name: str | None = None, **kwargs: Any):
        if seed is None:
            seed = make_default_seed()
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
            raise ValueError(f"Argument `seed` must be a non-negative integer. Received: seed={seed}")
        self.name = name or naming.auto_name(type(self).__name__)
        self._initial_seed = int(seed)
        with naming.name_scope(self.name):
            self.state = Variable(
                np.array([seed % 2**32, 0], np.uint32),
                dtype=registry.current().seed_dtype,
                trainable=False,
                autocast=False,
                name="seed_generator_state",
            )

    @property
    def backend(self) -> Any:
        """The backend that it lives on."""
        return self.state.backend

    @property
    def variables(self) -> list[Variable]:
        """The state."""
        return [self.state]

    def next(self, ordered: bool = True) -> Any:
        """A key of two words; the state counts up."""
        from triceras import distribution, ops

        self.state.assign(key := ops.add(self.state.value, np.array([0, 1], self.state.dtype)))
        return distribution.replicas.own_key(key, self.backend)

    def next_on_host(self) -> np.ndarray:
        """`next()` for use outside graphs: the key as a NumPy array."""
        self.state.assign(self.state.numpy() + np.array([0, 1], self.state.dtype))
        return self.state.numpy().copy()

    def to_backend(self, name: Any) -> SeedGenerator:
        """Move to another backend, in place."""
        target = registry.get(name)
        self.state.dtype = target.seed_dtype
        self.state.to_backend(target)
        return self

    def get_config(self) -> dict[str, Any]:
        """The seed and the name."""
        return {"seed": self._initial_seed, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        """Make one from its config."""
        return cls(**config)


_generators: dict[str, SeedGenerator] = {}  # by backend


def global_seed_generator() -> SeedGenerator:
    """The generator of the current backend that serves draws without a seed."""
    backend = registry.current()
    if backend.name not in _generators:
        _generators[backend.name] = SeedGenerator(make_default_seed(), name="global_seed_generator")
    return _generators[backend.name]


def draw_key(seed: Any) -> Any:
    """The key for one draw.

    Args:
        seed: a `SeedGenerator`, which advances; an int, which gives the same key every time; None: the global
            generator.
    """
    if isinstance(seed, SeedGenerator):
        return seed.next()
    if isinstance(seed, (int, np.integer)) and not isinstance(seed, bool):
        return np.array([int(seed) % 2**32, 0], np.uint32)
    if seed is None:
        return global_seed_generator().next()
    raise ValueError(f"Argument `seed` must be an integer, a SeedGenerator or None. Received: seed={seed!r}")
