"""Models as Keras's: structure, order, names, errors and summaries; the probes of `model_probes.py`, run by both."""

from pathlib import Path

import pytest

import triceras
from tests import probes

FILE = Path(__file__).with_name("model_probes.py")


@pytest.fixture(scope="module")
def keras_results():
    return probes.of_keras(FILE)


@pytest.mark.oracle
@pytest.mark.parametrize("name", probes.names(FILE))
def test_like_keras(keras_results, name):
    with triceras.use_backend("tensorflow"):
        assert not str(keras_results[name]).startswith("failed"), keras_results[name]
        probes.assert_same(probes.of_ours(FILE, name), keras_results[name])
