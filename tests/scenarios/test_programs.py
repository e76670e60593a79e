"""Whole Keras programs, unchanged, on every backend: their numbers are real Keras's, and the trained model moves."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

import triceras
from tests.oracle import run_keras
from tests.scenarios import programs_models, programs_training
from tests.scenarios.common import outcome
from triceras.core import tree

PROGRAMS = programs_models.PROGRAMS + programs_training.PROGRAMS
ROOT = Path(__file__).parents[2]


def close(found, expected, where):
    """Two trees of numbers agree to rounding."""
    assert type(found) is type(expected) or not isinstance(expected, dict), where
    if isinstance(expected, dict):
        assert sorted(found) == sorted(expected), where
        for key, value in expected.items():
            close(found[key], value, f"{where}.{key}")
    elif isinstance(expected, list | tuple):
        assert len(found) == len(expected), where
        for number, (one, other) in enumerate(zip(found, expected, strict=True)):
            close(one, other, f"{where}[{number}]")
    elif isinstance(expected, str):
        assert found == expected, where
    else:
        np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=1e-3, atol=1e-5, err_msg=where)


@pytest.fixture(scope="module")
def real_keras(tmp_path_factory):
    """What every program gives with real Keras."""
    code = """
import sys
sys.path.insert(0, root)
from tests.scenarios import programs_models, programs_training
from tests.scenarios.common import outcome
result = {}
for program in programs_models.PROGRAMS + programs_training.PROGRAMS:
    keras.utils.clear_session()
    result[program.__name__] = outcome(program, keras, folder)[0]
"""
    return run_keras(code, backend="torch", root=str(ROOT), folder=str(tmp_path_factory.mktemp("real")))


@cache
def ours(program, backend, folder):
    with triceras.use_backend(backend):
        triceras.utils.clear_session()
        return outcome(program, triceras, folder)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return cache(lambda name: str(tmp_path_factory.mktemp(name)))


@pytest.mark.oracle
@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_the_numbers_are_those_of_real_keras(program, trainable_backend, real_keras, folders):
    found, _, _ = ours(program, trainable_backend, folders(trainable_backend))
    close(found, real_keras[program.__name__], program.__name__)


@pytest.mark.parametrize("program", programs_models.PROGRAMS, ids=lambda program: program.__name__)
def test_the_trained_model_predicts_on_numpy(program, folders):
    found, model, inputs = ours(program, "torch", folders("torch"))
    try:
        predicted = model.to_backend("numpy").predict(inputs, batch_size=5, verbose=0)
    finally:
        model.to_backend("torch")
    tree.map_structure(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), predicted, found["predictions"]
    )
