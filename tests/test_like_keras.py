"""Layers and models as Keras's: what the probes beside their tests find out, run by both.

Structure, order, names, errors, summaries, masks, dtypes: see `layers/layer_probes.py` and `models/model_probes.py`.
"""

import functools
from pathlib import Path

import pytest

import triceras
from tests import probes

FILES = [
    Path(__file__).with_name(folder) / name
    for folder, name in (("layers", "layer_probes.py"), ("models", "model_probes.py"))
]
keras_results = functools.cache(probes.of_keras)


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("file", "name"), [pytest.param(f, n, id=f"{f.stem}-{n}") for f in FILES for n in probes.names(f)]
)
def test_like_keras(file, name):
    found = keras_results(file)[name]
    assert not str(found).startswith("failed"), found
    with triceras.use_backend("tensorflow"):
        probes.assert_same(probes.of_ours(file, name), found)
