"""Activations, regularizers and constraints against real Keras, on every backend; their names and errors."""

import re

import numpy as np
import pytest

import triceras
from tests.same_as_keras import assert_same, of_keras, of_ours
from triceras import activations, constraints, ops, regularizers

INPUTS = {
    "x": np.linspace(-4.7, 4.9, 12).astype("float32").reshape(3, 4),
    "w": np.array([[1.0, -2.0, 3.0], [0.5, 0.0, -1.0]], "float32"),
}
PRELUDE = "t = keras.ops.convert_to_tensor"
PLAIN = [name for name in activations.TABLE if name not in ("threshold", "sparsemax")]  # Keras's sparsemax is wrong
RELU = ["0.1, 3.0, 1.0", "0.0, None, 1.0", "0.1, None, -2.0", "0.5, 6.0, 0.0", "0.0, 2.0, 0.0"]
CASES = [
    *(f"keras.activations.{name}(t(x))" for name in PLAIN),
    *(f"keras.activations.relu(t(x), {settings})" for settings in RELU),
    "keras.activations.threshold(t(x), 1.0, 9.0)", "keras.activations.gelu(t(x), approximate=True)",
    "keras.activations.softmax(t(x), axis=0)", "keras.activations.elu(t(x), 0.5)",
    *(f"keras.regularizers.{regularizer}(t(w))" for regularizer in (
        "L1(0.1)", "L2(0.1)", "L1L2(0.1, 0.2)", "L1L2(l2=0.2)", "OrthogonalRegularizer(0.1)",
        "OrthogonalRegularizer(0.1, mode='columns')",
    )),
    *(f"keras.constraints.{constraint}(t(w))" for constraint in (
        "MaxNorm(1.0)", "MaxNorm(1.0, axis=1)", "NonNeg()", "UnitNorm()", "UnitNorm(axis=[0, 1])",
        "MinMaxNorm(0.5, 1.0)", "MinMaxNorm(0.5, 1.0, rate=0.3, axis=1)",
    )),
    *(f"keras.regularizers.{name}().get_config()" for name in ("L1", "L2", "L1L2", "OrthogonalRegularizer")),
    *(f"keras.constraints.{name}().get_config()" for name in ("MaxNorm", "NonNeg", "UnitNorm", "MinMaxNorm")),
    "keras.regularizers.serialize(keras.regularizers.L2(0.5))",
    "keras.constraints.serialize(keras.constraints.NonNeg())",
    *(f"keras.activations.serialize(keras.activations.{name})" for name in ("relu", "silu", "linear", "softmax")),
]  # fmt: skip


@pytest.fixture(scope="module")
def expected():
    return of_keras(CASES, PRELUDE, **INPUTS)


@pytest.mark.oracle
@pytest.mark.parametrize("case", CASES)
def test_as_keras(case, expected, backend):
    assert_same(of_ours(case, PRELUDE, **INPUTS), expected[case], rtol=1e-5, atol=2e-6)


def test_sparsemax_is_the_nearest_distribution(backend):
    found = ops.convert_to_numpy(activations.sparsemax(ops.convert_to_tensor(INPUTS["x"] / 4)))
    np.testing.assert_allclose(found.sum(-1), 1, rtol=1e-6)
    shift = (INPUTS["x"] / 4 - found)[np.arange(3), found.argmax(-1)][:, None]
    np.testing.assert_allclose(found, np.maximum(INPUTS["x"] / 4 - shift, 0), atol=1e-6)
    assert (found > 0).sum() == 9


def test_names():
    assert activations.get("swish") is activations.silu
    assert activations.get(None) is activations.linear
    assert activations.get(ops.relu) is ops.relu and activations.serialize(ops.relu) == "relu"
    assert all(activations.get(activations.serialize(f)).__name__ == f.__name__ for f in activations.TABLE.values())
    assert regularizers.get("l1_l2").get_config() == {"l1": 0.0, "l2": 0.0}
    assert isinstance(constraints.get("max_norm"), constraints.MaxNorm)
    own = abs
    assert regularizers.get(own) is own and constraints.get(own) is own and regularizers.get(None) is None
    for module, thing in ((regularizers, regularizers.L1(0.3)), (constraints, constraints.MinMaxNorm(0.1))):
        again = module.deserialize(module.serialize(thing))
        assert type(again) is type(thing) and again.get_config() == thing.get_config()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: activations.get("nope"), "Could not interpret activation function identifier: nope"),
        (lambda: activations.get("relo"), "Nearest: relu"),
        (lambda: regularizers.get("nope"), "Could not interpret regularizer identifier: nope"),
        (lambda: constraints.get("nope"), "Could not interpret constraint identifier: nope"),
        (lambda: regularizers.L2("a"), "Invalid value for argument l2: expected a non-negative float"),
        (lambda: regularizers.L1(float("nan")), "Invalid value for argument l1"),
        (lambda: regularizers.OrthogonalRegularizer(mode="x"), "Invalid value for argument `mode`"),
        (lambda: regularizers.OrthogonalRegularizer()(np.ones(3)), "must have rank 2. Received: inputs.shape=(3,)"),
    ],
)
def test_errors(make, message):
    with triceras.use_backend("numpy"), pytest.raises(ValueError, match=re.escape(message)):
        make()
