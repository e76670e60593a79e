"""Whole trainings next to real Keras: histories and what is printed."""

import re

import numpy as np
import pytest

import triceras as keras
from tests.oracle import run_keras
from tests.training.helpers import LABELS, X, Y

ONE_HOT = np.eye(3, dtype="float32")[LABELS]
WEIGHTS = [
    np.random.RandomState(i).normal(size=s).astype("float32") * 0.5 for i, s in enumerate([(4, 6), (6,), (6, 3), (3,)])
]

RUN = """
import contextlib, io

def train(keras, X, C, W, weights, compiled, fitted):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(6, "tanh", kernel_regularizer="l2"),
                              keras.layers.Dense(3, "softmax")])
    model.set_weights([np.asarray(w) for w in weights])
    model.compile(loss="categorical_crossentropy", metrics=["accuracy", "mae"], **compiled)
    fitted = dict(fitted)
    if fitted.pop("weigh", False):
        fitted["sample_weight"] = W
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        history = model.fit(X, C, shuffle=False, **fitted)
    found = {"history": history.history, "keys": list(history.history), "epoch": history.epoch}
    return {**found, "params": history.params, "printed": out.getvalue(), "weights": model.get_weights()}

CASES = [
    (dict(optimizer="adam"), dict(batch_size=6, epochs=3, validation_split=0.2, verbose=2)),
    (dict(optimizer="sgd", weighted_metrics=["mse"]), dict(batch_size=8, epochs=2, weigh=True, verbose=1)),
    (dict(optimizer="rmsprop"), dict(batch_size=5, epochs=3, steps_per_epoch=2, verbose=0)),
    (dict(optimizer="adam", steps_per_execution=2),
     dict(epochs=2, batch_size=4, class_weight={0: 2.0, 2: 0.5}, verbose=2)),
    (dict(optimizer="sgd"),
     dict(batch_size=20, epochs=4, initial_epoch=1, validation_split=0.5, validation_freq=2, verbose=2)),
]
"""


@pytest.fixture(scope="module")
def expected():
    code = RUN + "\nresult = [train(keras, X, C, W, weights, *case) for case in CASES]"
    return run_keras(code, backend="jax", X=X, C=ONE_HOT, W=abs(Y[:, 0]), weights=WEIGHTS)


def without_times(text):
    """Printed lines: the last state of each bar, without colours and times."""
    lines = [re.split("\b\r?|\r", line.rstrip())[-1] for line in text.split("\n")]
    return [re.sub(r"\d+(us|ms|s)(/step)?", "T", re.sub("\x1b\\[\\d+m", "", line)).rstrip() for line in lines]


@pytest.mark.oracle
@pytest.mark.parametrize("case", range(5))
def test_trainings_are_those_of_keras(trainable_backend, expected, case):
    scope = {"np": np}
    exec(RUN, scope)
    found = scope["train"](keras, X, ONE_HOT, abs(Y[:, 0]), WEIGHTS, *scope["CASES"][case])
    wanted = expected[case]
    assert found["keys"] == wanted["keys"] and found["epoch"] == wanted["epoch"] and found["params"] == wanted["params"]
    for name, values in wanted["history"].items():
        np.testing.assert_allclose(found["history"][name], values, rtol=1e-4, atol=1e-6, err_msg=name)
    for ours, theirs in zip(found["weights"], wanted["weights"], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)
    assert without_times(found["printed"]) == without_times(wanted["printed"])
