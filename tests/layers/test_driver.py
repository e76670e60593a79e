"""`triceras.testing.check_layer` for every class of layers, on every backend."""

import pytest

import triceras
from tests.layers import running
from tests.layers.cases import ONE_EACH, inputs_of
from tests.layers.cases.example import example
from triceras.testing import check_layer

MASKS = {"softmax": {"mask": example("2,4,3:bool")}}  # of the input's own shape, not of its steps


@pytest.fixture(autouse=True)
def _capturing(monkeypatch, tmp_path):
    """On torch, steps are captured at the second call and never given to a compiler."""
    monkeypatch.setenv("TRICERAS_TORCH_COMPILE", "eager")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.mark.parametrize("case", ONE_EACH, ids=[name for name, *_ in ONE_EACH])
def test_layer(backend, case):
    name, expression, shapes, options = case
    options = {k: v for k, v in options.items() if k != "training"} | MASKS.get(name, {})
    check_layer(lambda: running.made(triceras, expression), *inputs_of(shapes), **options)
