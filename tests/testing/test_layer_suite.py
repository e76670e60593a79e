"""`check_layer` tells what is wrong with a layer."""

import numpy as np
import pytest

from triceras import layers, ops
from triceras.testing import check_layer

X = np.linspace(-1, 1, 24, dtype="float32").reshape(2, 4, 3)


class Scale(layers.Layer):
    """A layer that is all right; each class below breaks one thing."""

    def build(self, input_shape):
        self.scale = self.add_weight((input_shape[-1],), initializer="ones", name="scale")

    def call(self, inputs):
        return ops.multiply(inputs, self.scale)


class Random(Scale):
    def build(self, input_shape):
        rng = np.random.default_rng()
        self.scale = self.add_weight((input_shape[-1],), initializer=lambda shape, dtype: rng.random(shape, dtype))


class Remembers(Scale):
    def build(self, input_shape):
        super().build(input_shape)
        self.calls = self.add_weight((), initializer="zeros", trainable=False, name="calls")

    def call(self, inputs):
        self.calls.assign_add(1.0)
        return super().call(inputs)


class SaysAnotherShape(Scale):
    def compute_output_shape(self, input_shape):
        return (*input_shape, 1)


class InFull(Scale):
    def call(self, inputs):
        return ops.cast(super().call(inputs), "float32")


class Forgets(Scale):
    def __init__(self, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return super().call(inputs) * self.factor

    def get_config(self):
        return layers.Layer(name=self.name).get_config()


class Stays(Scale):
    def call(self, inputs):
        return super().call(inputs) * (2.0 if self.backend.name == "numpy" else 1.0)


class Unused(Scale):
    def build(self, input_shape):
        super().build(input_shape)
        self.rest = self.add_weight((2,), name="rest")


class NotANumber(Scale):
    def call(self, inputs):
        return ops.sqrt(ops.subtract(super().call(inputs), inputs))


@pytest.mark.parametrize("name", ["jax", "torch", "tensorflow", "numpy"])
def test_a_good_layer_passes(name):
    pytest.importorskip(name)
    check_layer(Scale, X, backend=name)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Random, "builds: AssertionError: a weight from the same seed, differs"),
        (Remembers, "builds: AssertionError: a variable after a call in inference, differs by 1.0"),
        (SaysAnotherShape, r"symbolic: AssertionError: the symbolic call's shape is \(None, 4, 3, 1\)"),
        (InFull, "half_precision: AssertionError: the output is float32, not bfloat16"),
        (lambda: Forgets(2.0), "comes_back: AssertionError: the output of what the file gave differs"),
        (Stays, "moves: AssertionError: the output on numpy differs"),
        (Unused, "trains: AssertionError: no gradient reaches .*/rest"),
        (NotANumber, "trains: AssertionError: the gradient of .*/scale isn't finite"),
    ],
)
def test_it_finds_what_is_wrong(make, message):
    pytest.importorskip("torch")
    with pytest.raises(AssertionError, match=message):
        check_layer(make, X, backend="torch")


def test_it_finds_code_that_differs_when_compiled():
    class Counts(Scale):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.calls = [0]

        def call(self, inputs, training=False):
            if training:
                self.calls[0] += 1
            return super().call(inputs) * (1.0 + self.calls[0])

    pytest.importorskip("jax")
    with pytest.raises(AssertionError, match="compiled: at step 0"):
        check_layer(Counts, X, backend="jax")
