# ruff: noqa: E501 - whole messages
"""What goes wrong in a layer is said with the layer, its arguments and the next step."""

import numpy as np
import pytest

import triceras as keras
from triceras import layers, ops

X = np.ones((2, 3), "float32")


@pytest.fixture(autouse=True)
def _session():
    with keras.use_backend("numpy"):
        keras.backend.clear_session()
        yield


class Fails(layers.Layer):
    def call(self, inputs, scale=1.0, training=None):
        raise ValueError("boom")


def test_errors_in_call_tell_the_arguments():
    with pytest.raises(ValueError) as error:
        Fails(name="mine")([X, X[:1]], scale=3.0, training=True)
    text = str(error.value)
    assert text.startswith(
        "Exception encountered when calling Fails.call().\n\nboom\n\nArguments received by Fails.call()"
    )
    assert "  • inputs=[numpy.ndarray(shape=(2, 3), dtype=float32), numpy.ndarray(shape=(1, 3), dtype=float32)]" in text
    assert "  • scale=3.0" in text and "  • training=True" in text and "mine" in text


def test_the_innermost_layer_is_named_once():
    class Outer(layers.Layer):
        def __init__(self):
            super().__init__(name="outer")
            self.inner = Fails(name="inner")

        def call(self, x):
            return self.inner(x)

    with pytest.raises(ValueError) as error:
        Outer()(X)
    assert str(error.value).count("Exception encountered") == 1 and "outer/inner" in str(error.value)


def test_the_type_of_the_error_stays():
    class Own(Exception):
        def __init__(self, code, more):
            super().__init__(code)

    class Raises(layers.Layer):
        def __init__(self, error):
            super().__init__()
            self.error = error

        def call(self, x):
            raise self.error

    for error in (KeyError("k"), ZeroDivisionError("z"), NotImplementedError("n")):
        with pytest.raises(type(error), match="Exception encountered when calling Raises.call"):
            Raises(error)(X)
    with pytest.raises(RuntimeError, match="Raises.call"):
        Raises(Own(1, 2))(X)
    with pytest.raises(KeyboardInterrupt):
        Raises(KeyboardInterrupt())(X)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Dense(2, name="d")(np.ones(3)), "Input 0 with name 'None' of layer 'd' is incompatible with the layer: expected min_ndim=2, found ndim=1. Full shape received: (3,)"),
        (lambda: layers.LSTM(2, name="l")(X), "Input 0 with name 'None' of layer 'l' is incompatible with the layer: expected ndim=3, found ndim=2. Full shape received: (2, 3)"),
        (lambda: layers.Dense(2, units2=1), "Unrecognized keyword arguments passed to Dense: {'units2': 1}"),
        (lambda: layers.Dense(2, name="a/b"), "Argument `name` must be a string and cannot contain character `/`. Received: name=a/b (of type <class 'str'>)"),
        (lambda: layers.Layer()(X), "does not have a `call()` method implemented"),
        (lambda: layers.Dense(2)("text"), "Only input tensors may be passed as positional arguments."),
        (lambda: layers.Dense(1, name="f").count_params(), "You tried to call `count_params` on layer 'f', but the layer isn't built"),
        (lambda: layers.Dense(2)([X, X]), "expects 1 input(s), but it received 2 input tensors. Inputs received: [numpy.ndarray(shape=(2, 3), dtype=float32), "),
        (lambda: keras.Input((2, "a")), "Every dimension must be None or a non-negative integer"),
        (lambda: keras.Input(), "You must pass a `shape` argument."),
    ],
)  # fmt: skip
def test_texts(make, message):
    with pytest.raises((ValueError, NotImplementedError)) as error:
        make()
    assert message in str(error.value)


def test_models_name_their_inputs():
    x = keras.Input((4,), name="x")
    model = keras.Model(x, layers.Dense(1)(x))
    with pytest.raises(ValueError) as error:
        model(np.ones((2, 5)))
    assert (
        "Input 0 with name 'x' of layer 'functional' is incompatible with the layer: "
        "expected shape=(None, 4), found shape=(2, 5)"
    ) in str(error.value)


def test_forgotten_super_init():
    class Forgot(layers.Layer):
        def __init__(self):
            self.dense = layers.Dense(1)

        def call(self, x):
            return self.dense(x)

    with pytest.raises(
        RuntimeError, match=r"In layer Forgot, you forgot to call `super\(\).__init__\(\)` as the first"
    ):
        Forgot()(X)


def test_attributes_may_come_before_super_init():
    class Early(layers.Layer):
        def __init__(self):
            self.dense = layers.Dense(1)
            super().__init__(name="early")

        def call(self, x):
            return self.dense(x)

    for name in ("numpy", "torch"):
        with keras.use_backend(name):
            layer = Early()
            layer(X)
            assert [w.path.split("/")[0] for w in layer.weights] == ["early", "early"]


def test_disconnected_graphs():
    x, y = keras.Input((2,), name="x"), keras.Input((2,), name="y")
    with pytest.raises(
        ValueError, match=r"is not connected to `inputs`: it needs tensor 'y' .*among the inputs \['x'\]"
    ):
        keras.Model(x, layers.Dense(1)(y))
    with pytest.raises(
        ValueError, match='The name "d" is used 2 times in the model. All operation names should be unique.'
    ):
        keras.Model(x, layers.Dense(1, name="d")(layers.Dense(1, name="d")(x)))
    with pytest.raises(ValueError, match="All `outputs` values must be KerasTensors"):
        keras.Model(x, 3)


def test_wrong_weights_change_nothing():
    layer = layers.Dense(2, name="d")
    layer(X)
    before = layer.get_weights()
    with pytest.raises(ValueError, match=r"weight list of length 1, but the layer was expecting 2 weights\."):
        layer.set_weights(before[:1])
    with pytest.raises(
        ValueError, match=r"Layer d weight shape \(2,\) is not compatible with provided weight shape \(3,\)"
    ):
        layer.set_weights([before[0] + 1, np.ones(3)])
    np.testing.assert_array_equal(layer.get_weights()[0], before[0])


def test_configs_that_cannot_be_stored():
    class Holds(layers.Layer):
        def __init__(self, thing, **kwargs):
            super().__init__(**kwargs)

    with pytest.raises(
        NotImplementedError, match=r"Object Holds was created by passing arguments .*Override `get_config\(\)`"
    ):
        Holds(object()).get_config()


def test_errors_leave_no_state_behind(backend):
    layer = Fails()
    for _ in range(2):
        with pytest.raises(ValueError, match="boom"):
            layer(X)
    assert layers.Dense(2)(X).shape == (2, 2)
    assert keras.config.backend() == backend
    assert keras.Variable(0.0, name="v").path == "v"
    ops.ones((1,))
