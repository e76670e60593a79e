"""Whole models in miniature learn along the same curve on each backend, also when they move between them half-way."""

import functools

import numpy as np
import pytest

import triceras as keras
from tests.conftest import TRAINABLE
from tests.zoo import fitted, gan

ZOO = {
    "transformer": fitted.transformer,
    "resnet": fitted.resnet,
    "unet": fitted.unet,
    "tagger": fitted.tagger,
    "vae": fitted.vae,
    "gan": gan.gan,
}


@pytest.fixture(autouse=True)
def _portable_numbers():
    """Dropout and noise of the same numbers everywhere."""
    keras.config.set_rng("portable")
    yield
    keras.config.set_rng("native")


@functools.cache
def curve(name, first, second):
    """Losses and metrics of two trainings in a row, each on a backend."""
    fitted.random.seed(5)
    keras.utils.set_random_seed(11)
    with keras.use_backend(first):
        model, train = ZOO[name]()
        before = train()
    model.to_backend(second)
    assert model.backend.name == second
    after = train()
    assert {variable.backend.name for variable in model.variables} == {second}
    return np.concatenate([before, after])


@pytest.mark.parametrize("name", ZOO)
def test_one_curve_on_every_backend(name):
    curves = {backend: curve(name, backend, backend) for backend in TRAINABLE}
    first = curves[TRAINABLE[0]]
    assert np.isfinite(first).all() and len(np.unique(first[:, 0])) == len(first)
    assert name == "gan" or first[-1, 0] < 0.97 * first[0, 0]  # the loss falls, where a loss says how good a model is
    for backend, other in curves.items():
        np.testing.assert_allclose(other, first, rtol=1e-3, atol=1e-4, err_msg=f"{TRAINABLE[0]} and {backend}")


@pytest.mark.parametrize("name", ZOO)
def test_moving_half_way_leaves_the_curve(name):
    """Once around the backends, so that each of them is left and entered."""
    for first, second in zip(TRAINABLE, TRAINABLE[1:] + TRAINABLE[:1], strict=True):
        moved = curve(name, first, second)
        np.testing.assert_allclose(
            moved, curve(name, first, first), rtol=1e-3, atol=1e-4, err_msg=f"{first} to {second}"
        )
