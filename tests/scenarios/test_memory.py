"""Users build, fit and drop models in a loop: nothing may stay behind."""

import gc
import weakref

import numpy as np
import pytest

import triceras as keras
from tests.scenarios.common import blobs
from triceras import layers

X, Y = blobs()


def resident() -> float:
    """Megabytes that the process holds."""
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * 4096 / 2**20


def build_and_fit():
    inputs = keras.Input((6,))
    big = layers.Dense(50_000, trainable=False, kernel_initializer="zeros")  # 1.3 MB, to be seen if it stays
    model = keras.Model(inputs, [layers.Dense(3)(inputs), big(inputs)])
    model.compile("sgd", [keras.losses.SparseCategoricalCrossentropy(from_logits=True), None])
    model.fit(X, Y, epochs=1, batch_size=12, verbose=0)
    return model


@pytest.mark.slow
def test_building_fitting_and_dropping_models_stays_flat(trainable_backend):
    for _ in range(5):
        build_and_fit()
    gc.collect()
    gc.disable()
    try:
        before, seen = resident(), []
        for _ in range(25):
            model = build_and_fit()
            seen.append(weakref.ref(model))
            del model
            if len(seen) % 5 == 0:
                gc.collect()  # TensorFlow's traced functions are cycles that hold the weights' memory
        alive = sum(ref() is not None for ref in seen)
        grown = resident() - before
    finally:
        gc.enable()
    assert alive == 0 and grown < 20, f"{alive} models alive, {grown:.0f} MB more"


def test_a_model_is_freed_with_its_variables(backend):
    model = keras.Sequential([keras.Input((6,)), layers.Dense(4), layers.Dense(3)])
    assert model.predict(X, verbose=0).shape == (24, 3)
    np.testing.assert_array_equal(model.predict(X, verbose=0), model.predict(X, verbose=0))
    refs = [weakref.ref(v) for v in model.variables] + [weakref.ref(layer) for layer in model.layers]
    del model
    gc.collect()
    assert [r() for r in refs if r() is not None] == []
