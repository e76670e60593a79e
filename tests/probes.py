"""Probes: files of functions `probe_…()` on `keras`, `layers` and `np`, run by real Keras and by Triceras alike.

A probe returns numbers, strings, lists, dicts and arrays; both must return the same. One process runs a whole file.
"""

from pathlib import Path

import numpy as np

import triceras
from tests.oracle import run_keras
from triceras import ops
from triceras.core import registry, tree

PRELUDE = """
layers, ops = keras.layers, keras.ops
def attempt(f):
    "The error of a call as text, or its result."
    try:
        return f()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
"""
RUN = """
result = {}
for name, f in [(n, f) for n, f in list(globals().items()) if n.startswith("probe_")]:
    keras.utils.clear_session()
    keras.utils.set_random_seed(1)
    try:
        result[name] = f()
    except Exception as error:
        result[name] = f"failed: {type(error).__name__}: {error}"
"""


def names(path: Path) -> list[str]:
    """The probes in a file."""
    return [line[4:].split("(")[0] for line in path.read_text().splitlines() if line.startswith("def probe_")]


def of_keras(path: Path, backend: str = "tensorflow") -> dict:
    """What real Keras gives for each probe."""
    return run_keras(PRELUDE + path.read_text() + RUN, backend)


def of_ours(path: Path, name: str):
    """What we give for one probe."""
    triceras.backend.clear_session(free_memory=False)
    triceras.utils.set_random_seed(1)
    scope = {"keras": triceras, "np": np, "__name__": "__main__"}
    exec(compile(PRELUDE, "prelude", "exec"), scope)
    exec(compile(path.read_text(), str(path), "exec"), scope)
    return tree.map_structure(_plain, scope[name]())


def _plain(x):
    return ops.convert_to_numpy(x) if registry.backend_of(x) is not None else x


def assert_same(ours, theirs, place=""):
    """Equal structure, numbers and texts; numbers within rounding."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        assert list(map(str, ours)) == list(theirs), place
        for (key, mine), value in zip(ours.items(), theirs.values(), strict=True):
            assert_same(mine, value, f"{place}[{key!r}]")
    elif isinstance(theirs, list) and isinstance(ours, (list, tuple)):
        assert len(ours) == len(theirs), f"{place}: {ours} {theirs}"
        for i, (mine, value) in enumerate(zip(ours, theirs, strict=True)):
            assert_same(mine, value, f"{place}[{i}]")
    elif theirs is None or isinstance(theirs, (str, bool)) or isinstance(ours, (str, bool)) or ours is None:
        assert ours == theirs, place
    else:
        assert np.shape(ours) == np.shape(theirs), place
        np.testing.assert_allclose(np.asarray(ours), theirs, rtol=1e-4, atol=1e-5, err_msg=place)
