"""What a warm call of a model costs, in counts, and that nothing is forgotten on the short way."""

import collections
import sys

import numpy as np
import pytest

import triceras as keras
from triceras import layers, ops
from triceras.core import masks, tree
from triceras.layers.call import CallContext, convert_inputs
from triceras.ops.op import Op

X = np.linspace(-1, 1, 8, dtype="float32").reshape(2, 4)
FRAMES = {"jax": 60, "torch": 75, "tensorflow": 75}  # calls of our own functions; the frameworks' don't count


def calls_in(function):
    """How often each of our functions is entered, by its code."""
    found = collections.Counter()

    def note(frame, event, argument):
        if event == "call" and "/triceras/" in frame.f_code.co_filename:
            found[frame.f_code] += 1

    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(None)
    return found


def sequential():
    return keras.Sequential(
        [keras.Input((4,)), layers.Dense(8, "relu"), layers.Dense(8, "relu"), layers.Dense(3)], name="model"
    )


def functional():
    x = keras.Input((4,))
    h = layers.Dense(8, "relu")(layers.Dense(8, "relu")(x))
    return keras.Model(x, layers.Dense(3)(h), name="model")


def subclassed():
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.first, self.second, self.third = layers.Dense(8, "relu"), layers.Dense(8, "relu"), layers.Dense(3)

        def call(self, inputs):
            return self.third(self.second(self.first(inputs)))

    return Net()


def warm(model, x):
    for _ in range(3):
        model(x)
    return model


@pytest.mark.parametrize("make", [sequential, functional, subclassed])
def test_a_warm_call_does_little(trainable_backend, make, monkeypatch):
    monkeypatch.setattr(masks, "_masks", {})  # what other tests left alive would lead onto the longer way
    x = ops.convert_to_tensor(X)
    model = warm(make(), x)
    found = calls_in(lambda: model(x))
    assert found[CallContext.__init__.__code__] == 1  # the outermost call alone
    assert found[Op.__call__.__code__] == 5  # for each layer product and bias in one, and two activations
    looked_up = (tree.flatten, tree.map_structure, tree.is_nested, convert_inputs, keras.use_backend.__init__)
    assert not any(found[function.__code__] for function in looked_up)
    assert sum(found.values()) <= FRAMES[trainable_backend], found


def test_arrays_are_converted_once(trainable_backend, monkeypatch):
    model = warm(sequential(), X)
    convert, seen = model.backend.convert, []
    monkeypatch.setattr(model.backend, "convert", lambda *args, **more: seen.append(args) or convert(*args, **more))
    model(X)
    assert sum(args[0] is X for args in seen) == 1


def test_what_changes_after_a_warm_call_counts(backend):
    x = ops.convert_to_tensor(X)
    model = sequential()
    dense, plain = model.layers[0], ops.convert_to_numpy(warm(model, x)(x))
    dense.activation = keras.activations.tanh
    assert not np.allclose(ops.convert_to_numpy(model(x)), plain)
    dense.activity_regularizer = keras.regularizers.L2(0.5)
    model(x)
    assert len(model.losses) == 1
    dense.bias.assign(dense.bias + 1.0)
    assert not np.allclose(ops.convert_to_numpy(dense(x)), ops.convert_to_numpy(ops.tanh(ops.matmul(x, dense.kernel))))
    with pytest.raises(ValueError, match="expected axis -1 of input shape to have value 4"):
        dense(ops.ones((2, 5)))
    dense.dtype_policy = "mixed_float16"
    assert ops.dtype(dense(x)) == "float16" and ops.dtype(dense.kernel.value) == "float32"


def test_training_reaches_warm_layers(backend):
    class Flag(layers.Layer):
        def call(self, inputs, training=None):
            seen.append(training)
            return inputs

    seen = []
    model = warm(keras.Sequential([keras.Input((4,)), Flag(), layers.Dense(2)]), ops.convert_to_tensor(X))
    seen.clear()
    for training in (None, True, False, None):
        model(ops.convert_to_tensor(X), training=training)
    assert [bool(t) for t in seen] == [False, True, False, False]


def test_masks_reach_warm_layers(backend):
    """A layer that was called without a mask gets the mask of the next input."""

    class Masked(layers.Layer):
        def __init__(self):
            super().__init__()
            self.supports_masking = True

        def call(self, inputs, mask=None):
            seen.append(mask is not None)
            return inputs

    seen, layer, embed = [], Masked(), layers.Embedding(5, 4, mask_zero=True)
    warm(layer, ops.ones((1, 3, 4)))
    layer(embed(np.int32([[1, 2, 0]])))
    layer(ops.ones((1, 3, 4)))
    assert seen == [False, False, False, True, False]


def test_a_warm_model_moves(trainable_backend):
    model = warm(sequential(), X)
    before = ops.convert_to_numpy(model(ops.convert_to_tensor(X)))
    with keras.use_backend("numpy"):
        after = warm(model.to_backend("numpy"), X)(ops.convert_to_tensor(X))
    assert isinstance(after, np.ndarray)
    np.testing.assert_allclose(after, before, atol=1e-6)


def test_hooks_and_own_calls_of_warm_layers_run():
    """A torch hook set on an inner layer after the model is warm, and a `__call__` that a subclass overrides."""
    pytest.importorskip("torch")
    seen = []

    class Loud(layers.Dense):
        def __call__(self, *args, **kwargs):
            seen.append("call")
            return super().__call__(*args, **kwargs)

    with keras.use_backend("torch"):
        x = ops.convert_to_tensor(X)
        model = keras.Sequential([keras.Input((4,)), Loud(3), layers.Dense(2)])
        warm(model, x)
        seen.clear()
        handle = model.layers[1].register_forward_hook(lambda module, inputs, output: seen.append(tuple(output.shape)))
        model(x)
        handle.remove()
        model(x)
    assert seen == ["call", (2, 2), "call"]
