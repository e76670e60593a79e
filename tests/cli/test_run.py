"""`triceras run` and `install_as_keras`: an unmodified Keras script runs on Triceras, and real Keras stays out."""

import os
import subprocess
import sys

import pytest

from tools.check_architecture import ROOT
from triceras.cli import main

pytestmark = pytest.mark.slow
SCRIPT = """
import sys
import keras
import keras.layers
from keras import layers, ops
from keras.layers import Dense
from keras.src.layers.core.dense import Dense as PrivateDense
from keras.src.models.functional import Model
from keras.src.trainers.trainer import Trainer
from keras.src.backend.common.variables import KerasVariable
from keras.src import backend
import triceras

assert keras is triceras and keras.layers is triceras.layers and ops is triceras.ops
assert Dense is PrivateDense is triceras.layers.Dense and Model is triceras.Model
assert issubclass(Model, Trainer) and KerasVariable is triceras.Variable
assert backend.standardize_dtype("float32") == "float32"
assert triceras.layers.__spec__.name == "triceras.layers"
files = [getattr(module, "__file__", None) or "" for module in sys.modules.values()]
assert not [file for file in files if "site-packages/keras" in file]
model = keras.Sequential([keras.Input((2,)), layers.Dense(1)])
print(__name__, keras.backend.backend(), model(ops.ones((1, 2))).shape[0], sys.argv[1:])
"""


def run(*words, cwd, **environment):
    env = {**os.environ, "PYTHONPATH": str(ROOT), "KERAS_HOME": str(cwd), **environment}
    command = [sys.executable, "-m", "triceras", *words]
    return subprocess.run(command, capture_output=True, text=True, env=env, cwd=cwd, timeout=300)


@pytest.mark.parametrize("words", [["--backend", "numpy", "script.py"], ["script.py", "--backend=numpy"]])
def test_an_unmodified_script_runs(tmp_path, words):
    (tmp_path / "script.py").write_text(SCRIPT)
    done = run("run", *words, "one", "--epochs", "3", "--", "--backend", "its own", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "__main__ numpy 1 ['one', '--epochs', '3', '--backend', 'its own']\n"


def test_an_error_shows_the_script_only(tmp_path):
    (tmp_path / "script.py").write_text("def f():\n    import keras.nonsense\n\nf()\n")
    done = run("run", "script.py", cwd=tmp_path)
    assert done.returncode == 1
    assert "runpy" not in done.stderr and 'script.py", line 4' in done.stderr
    assert "ModuleNotFoundError: No module named 'keras.nonsense'" in done.stderr
    assert "doesn't have yet" in done.stderr


def test_the_exit_status_is_the_script_s(tmp_path):
    (tmp_path / "script.py").write_text("raise SystemExit(7)")
    assert run("run", "script.py", cwd=tmp_path).returncode == 7


def test_what_the_user_can_mend_is_one_line(tmp_path, capsys):
    (tmp_path / "script.py").write_text("")
    assert main(["run", str(tmp_path / "absent.py")]) == 2
    assert capsys.readouterr().err.startswith("triceras: no such script: ")
    assert main(["run", str(tmp_path / "script.py"), "--backend", "jaxx"]) == 2
    error = capsys.readouterr().err
    assert "Unknown backend 'jaxx'" in error and "'jax'" in error


def test_tensorflow_gets_triceras_for_its_keras(tmp_path):
    pytest.importorskip("tensorflow")
    code = "import triceras; triceras.install_as_keras(); import tensorflow as tf, sys\n"
    code += "assert tf.keras.layers.Dense is triceras.layers.Dense\n"
    code += "assert not [m for m in sys.modules.values() if 'site-packages/keras' in str(getattr(m, '__file__', ''))]"
    (tmp_path / "script.py").write_text(code)
    done = run("run", "script.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_installing_late_warns_and_twice_does_nothing(tmp_path):
    code = """
import sys, types, warnings
sys.modules["keras"] = sys.modules["keras.layers"] = types.ModuleType("keras")
import triceras
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    triceras.install_as_keras()
    triceras.install_as_keras()
import keras.layers
assert keras is triceras and keras.layers is triceras.layers
assert [str(w.message)[:31] for w in caught] == ["Keras itself was imported befor"], caught
"""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "KERAS_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=300)
    assert done.returncode == 0, done.stderr
