"""Real Keras as an oracle: runs code that imports `keras` in a process of its own and brings back what it returns.

    found = run_keras("result = {'y': keras.ops.relu(x)}", backend="torch", x=np.ones(3))
    found["y"]          # array([1., 1., 1.], dtype=float32)

The code sees `keras`, `np`, `json`, `os` and every keyword argument (arrays, numbers, strings, lists, dicts, paths).
It assigns `result`: numbers, strings, None, lists, tuples, dicts, NumPy arrays and Keras tensors in any nesting.
Arrays travel in an .npz and the rest as JSON, without pickle. Start few processes: a module's cases fit in one call.
"""

import json
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest

_RUNNER = """
import json, os, sys
import numpy as np
import keras
folder = sys.argv[1]
arrays = dict(np.load(os.path.join(folder, "in.npz"), allow_pickle=False))
def unpack(x):
    if isinstance(x, dict):
        return arrays[x["__array__"]] if set(x) == {"__array__"} else {k: unpack(v) for k, v in x.items()}
    return [unpack(v) for v in x] if isinstance(x, list) else x
with open(os.path.join(folder, "in.json")) as f:
    scope = unpack(json.load(f))
scope |= {"keras": keras, "np": np, "json": json, "os": os, "__name__": "__main__"}
with open(os.path.join(folder, "oracle_code.py")) as f:
    exec(compile(f.read(), "oracle_code", "exec"), scope)
found = {}
def pack(x):
    if isinstance(x, dict):
        return {str(k): pack(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return [pack(v) for v in x]
    if x is None or isinstance(x, (str, bool, int, float)):
        return x
    array = x if isinstance(x, (np.ndarray, np.generic)) else keras.ops.convert_to_numpy(x)
    array = np.asarray(array)
    if array.dtype.kind not in "biufcSU":
        array = array.astype("float32")  # bfloat16 and float8 have no .npz form
    key = f"a{len(found)}"
    found[key] = array
    return {"__array__": key}
tree = pack(scope.get("result"))
np.savez(os.path.join(folder, "out.npz"), **found)
with open(os.path.join(folder, "out.json"), "w") as f:
    json.dump(tree, f)
"""


@cache
def keras_is_installed() -> bool:
    from importlib.util import find_spec

    return find_spec("keras") is not None


def run_keras(code: str, backend: str = "tensorflow", timeout: float = 300, **inputs):
    """Runs `code` with real Keras on `backend` in a new process and returns what it assigned to `result`.

    Skips the test where Keras isn't installed; a failing process fails the test with its output.
    """
    if not keras_is_installed():
        pytest.skip("real keras is not installed")
    with tempfile.TemporaryDirectory(prefix="oracle_") as name:
        folder = Path(name)
        arrays: dict[str, np.ndarray] = {}
        (folder / "in.json").write_text(json.dumps(_pack(inputs, arrays)))
        np.savez(folder / "in.npz", **arrays)
        (folder / "oracle_code.py").write_text(code)
        (folder / "run.py").write_text(_RUNNER)
        _run(folder, backend, timeout)
        with np.load(folder / "out.npz", allow_pickle=False) as found:
            arrays = {key: found[key] for key in found.files}
        return _unpack(json.loads((folder / "out.json").read_text()), arrays)


def _run(folder: Path, backend: str, timeout: float) -> None:
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    env |= {"KERAS_BACKEND": backend, "KERAS_HOME": str(folder), "CUDA_VISIBLE_DEVICES": ""}
    env |= {"TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, str(folder / "run.py"), str(folder)]
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, timeout=timeout)
    if done.returncode:
        raise AssertionError(f"real Keras ({backend}) failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")


def _pack(value, arrays: dict):
    if isinstance(value, dict):
        return {key: _pack(item, arrays) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_pack(item, arrays) for item in value]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, np.ndarray | np.generic):
        key = f"a{len(arrays)}"
        arrays[key] = np.asarray(value)
        return {"__array__": key}
    return value


def _unpack(value, arrays: dict):
    if isinstance(value, dict):
        return (
            arrays[value["__array__"]]
            if set(value) == {"__array__"}
            else {k: _unpack(v, arrays) for k, v in value.items()}
        )
    return [_unpack(item, arrays) for item in value] if isinstance(value, list) else value
