"""`import triceras` is light, and a backend brings in its own framework and no other."""

import json
import os
import re
import subprocess
import sys

import pytest

import triceras
from tools.check_architecture import ROOT
from triceras.core import registry

FRAMEWORKS = {"jax", "torch", "tensorflow", "keras"}
LOADED = "import json, sys; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
USE = """
import sys
import numpy as np
import triceras as keras

keras.utils.set_random_seed(0)
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation="relu"), keras.layers.Dense(1)])
x, y = np.ones((8, 3), "float32"), np.zeros((8, 1), "float32")
if sys.argv[1] == "fit":
    model.compile(optimizer="adam", loss="mse", metrics=["mae"])
    model.fit(x, y, batch_size=4, epochs=2, verbose=0)
assert model.predict(x, verbose=0).shape == (8, 1)
"""


def loaded_by(code, *arguments, home, **environment):
    """The top-level modules that are loaded after some code has run in a process of its own."""
    env = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    env |= {"PYTHONPATH": str(ROOT), "KERAS_HOME": str(home), **environment}
    command = [sys.executable, "-c", f"{code}\n{LOADED}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=300)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.slow
def test_import_loads_no_framework_and_writes_nothing(tmp_path):
    home = tmp_path / "home"
    loaded = loaded_by("import triceras", home=home)
    assert not loaded & FRAMEWORKS
    assert not loaded & {"h5py", "rich", "matplotlib"}
    assert not home.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "backend, job, strangers",
    [
        ("torch", "fit", {"jax", "tensorflow", "keras"}),
        ("jax", "fit", {"torch", "tensorflow", "keras"}),
        ("tensorflow", "fit", {"torch"}),  # TensorFlow itself imports keras and jax where they are installed
        ("numpy", "predict", FRAMEWORKS),
    ],
)
def test_a_backend_loads_its_own_framework_only(backend, job, strangers, tmp_path):
    if backend not in registry.installed():
        pytest.skip(f"{backend} is not installed")
    loaded = loaded_by(USE, job, home=tmp_path, KERAS_BACKEND=backend)
    assert backend in loaded
    assert not loaded & strangers
    assert list(tmp_path.iterdir()) == []  # a keras.json would choose the backend of the next process


@pytest.mark.slow
def test_import_time_benchmark_prints_the_ratio():
    command = [sys.executable, str(ROOT / "benchmarks/import_time.py"), "--rounds=1"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.stdout.startswith("import triceras / import numpy: "), done.stderr


def test_the_stub_names_what_the_package_gives():
    stub = (ROOT / "triceras/__init__.pyi").read_text(encoding="utf-8")
    assert sorted(re.findall(r"\b(\w+) as \1\b", stub)) == sorted(triceras.__all__)
