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
    h = layers.Dropout(0.1)(layers.Dense(64, activation="relu")(inputs))
    model = keras.Model(inputs, layers.Dense(3)(layers.BatchNormalization()(h)))
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    model.fit(X, Y, epochs=1, batch_size=8, verbose=0)
    model.predict(X, verbose=0)
    return model


@pytest.mark.slow
def test_building_fitting_and_dropping_models_stays_flat(trainable_backend):
    for _ in range(6):
        build_and_fit()
    gc.collect()
    before, seen = resident(), []
    for _ in range(24):
        model = build_and_fit()
        seen.append(weakref.ref(model))
        del model
        gc.collect()
    alive = sum(ref() is not None for ref in seen)
    grown = resident() - before
    assert alive <= 1 and grown < 60, f"{alive} models alive, {grown:.0f} MB more"


def test_steps_leave_nothing_for_the_collector(trainable_backend):
    model = build_and_fit()
    x, y = X[:8], Y[:8]
    for _ in range(20):
        model.train_on_batch(x, y)
    gc.collect()
    gc.disable()
    try:
        before, objects = resident(), len(gc.get_objects())
        for _ in range(300):
            model.train_on_batch(x, y)
        more = len(gc.get_objects()) - objects
        grown = resident() - before
    finally:
        gc.enable()
    assert more < 300 and grown < 10, f"{more} objects and {grown:.1f} MB more after 300 steps"


def test_a_model_is_freed_with_its_variables(backend):
    model = keras.Sequential([keras.Input((6,)), layers.Dense(4), layers.Dense(3)])
    assert model.predict(X, verbose=0).shape == (24, 3)
    np.testing.assert_array_equal(model.predict(X, verbose=0), model.predict(X, verbose=0))
    refs = [weakref.ref(v) for v in model.variables] + [weakref.ref(layer) for layer in model.layers]
    del model
    gc.collect()
    assert [r() for r in refs if r() is not None] == []
