"""Unmodified Keras scripts: by `triceras run`, by `KERAS_BACKEND`, and with the alias installed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = str(Path(__file__).parents[2])
SCRIPT = """
import os
import sys
import numpy as np
import keras
from keras import layers
from keras import ops
from keras.layers import Dense, Dropout
from keras.models import Sequential, load_model
from keras.callbacks import EarlyStopping
from keras.utils import to_categorical, set_random_seed
import keras.backend as K

set_random_seed(7)
rng = np.random.default_rng(0)
x = rng.normal(size=(40, 4)).astype("float32")
y = to_categorical((x.sum(1) > 0).astype("int32"), 2)
model = Sequential([layers.Input(shape=(4,)), Dense(8, activation="relu"), Dropout(0.1), Dense(2, "softmax")])
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
history = model.fit(x, y, epochs=2, batch_size=10, verbose=2, callbacks=[EarlyStopping(monitor="loss", patience=3)])
score = model.evaluate(x, y, verbose=0)
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "model.keras")
model.save(path)
same = np.allclose(load_model(path).predict(x, verbose=0), model.predict(x, verbose=0))
frameworks = sorted({"jax", "torch", "tensorflow"} & set(sys.modules))
print("RESULT", keras.backend.backend(), K.epsilon(), len(history.history["loss"]), same, sys.argv[1:], frameworks)
print("KERAS", keras.__name__, keras.config.backend())
"""


def run(arguments, folder, **environment):
    env = {**os.environ, "PYTHONPATH": ROOT, "KERAS_HOME": str(folder), "OMP_NUM_THREADS": "1", **environment}
    env.pop("KERAS_BACKEND", None) if "KERAS_BACKEND" not in environment else None
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments], env=env, cwd=folder, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "train.py"
    path.write_text(SCRIPT)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("name, loaded", [("jax", "jax"), ("torch", "torch")])
def test_triceras_run_with_a_backend(name, loaded, script, tmp_path):
    pytest.importorskip(name)
    out = run(["-m", "triceras", "run", "--backend", name, str(script), "--epochs", "3"], tmp_path)
    assert f"RESULT {name} 1e-07 2 True ['--epochs', '3'] ['{loaded}']" in out
    assert f"KERAS triceras {name}" in out
    assert "Epoch 1/2" in out and "4/4 - " in out


@pytest.mark.slow
def test_the_environment_chooses_the_backend(script, tmp_path):
    pytest.importorskip("torch")
    script.write_text("import triceras\ntriceras.install_as_keras()\n" + SCRIPT)
    out = run([str(script)], tmp_path, KERAS_BACKEND="torch")
    assert "RESULT torch 1e-07 2 True [] ['torch']" in out
