"""`compile`: losses and metrics in every form that Keras takes, and the names of their logs."""

import numpy as np
import pytest

import triceras as keras
from tests.oracle import run_keras
from tests.training.helpers import LABELS, X, Y, linear, two_outputs
from triceras import ops

ONE_HOT = np.eye(3, dtype="float32")[LABELS]

# Each case: the structure of the outputs, the targets' structure, and the arguments of compile. Runs here and in Keras.
CASES = """
def make(keras, structure):
    x = keras.Input((4,), name="x")
    a = keras.layers.Dense(1, name="a", kernel_initializer="ones")(x)
    b = keras.layers.Dense(3, activation="softmax", name="b", kernel_initializer="zeros")(x)
    outputs = {"list": [a, b], "tuple": (a, b), "dict": {"da": a, "db": b}, "nested": {"p": [a], "q": b}}
    outputs |= {"a": a, "b": b}
    return keras.Model(x, outputs[structure])

def targets(kind, Y, C):
    return {"list": [Y, C], "dict": {"da": Y, "db": C}, "nested": {"p": [Y], "q": C},
            "a": Y, "b": C}[kind]

CE = "categorical_crossentropy"
CASES = [
    ("list", "list", dict(loss=["mse", CE], metrics=[["mae"], ["accuracy"]])),
    ("tuple", "list", dict(loss=["mse", CE], metrics=["mae", "accuracy"])),
    ("list", "list", dict(loss={"a": "mse", "b": CE}, metrics={"a": ["mae"], "b": "accuracy"})),
    ("dict", "dict", dict(loss={"da": "mse", "db": CE}, metrics={"da": ["mae"], "db": "accuracy"},
                          loss_weights={"da": 1.0, "db": 0.5}, weighted_metrics={"db": ["acc"]})),
    ("list", "list", dict(loss="mse", metrics=["mae", "mse"])),
    ("list", "list", dict(loss=["mse", None], metrics=[None, ["mse"]])),
    ("dict", "dict", dict(loss={"da": "mse"}, metrics={"db": ["mse"]})),
    ("nested", "nested", dict(loss={"p": ["mse"], "q": "mse"}, metrics={"p": ["mae"], "q": ["mae"]})),
    ("list", "list", dict(loss=["mse", "mse"], metrics=[["mae"], ["mae"]], weighted_metrics=[["mae"], ["mae"]])),
    ("list", "list", dict(loss=["mse", "mse"], loss_weights=[1.0, 2.0])),
    ("list", "list", dict(loss={"a": "mse", "b": "mse"}, loss_weights={"a": 1.0, "b": 2.0})),
    ("a", "a", dict(loss=["mse"], metrics=[["mae"]])),
    ("a", "a", dict(loss="mse", metrics={"a": ["mae"]})),
    ("a", "a", dict(loss="mse", metrics=["mae", "mae", "mse"], weighted_metrics=["mse", "MeanSquaredError"])),
    ("b", "b", dict(loss=CE, metrics=["accuracy", "AUC"], loss_weights=0.5)),
]

def results(keras, X, Y, C, W):
    found = []
    for structure, kind, arguments in CASES:
        model = make(keras, structure)
        model.compile(optimizer=keras.optimizers.SGD(0.0), **arguments)
        given = targets(kind, Y, C)
        weights = None if kind == "nested" else W
        found.append({
            "logs": model.evaluate(X, given, sample_weight=weights, verbose=0, return_dict=True),
            "values": model.evaluate(X, given, verbose=0),
            "names": model.metrics_names,
        })
    return found
"""


@pytest.mark.oracle
def test_logs_are_those_of_keras():
    scope: dict = {}
    exec(CASES, scope)
    weights = np.linspace(0.5, 1.5, 20).astype("float32")
    expected = run_keras(
        CASES + "\nresult = results(keras, X, Y, C, W)", backend="numpy", X=X, Y=Y, C=ONE_HOT, W=weights
    )
    with keras.use_backend("numpy"):
        found = scope["results"](keras, X, Y, ONE_HOT, weights)
    for case, ours, theirs in zip(scope["CASES"], found, expected, strict=True):
        for name, value in theirs["logs"].items():
            assert ours["logs"][name] == pytest.approx(value, rel=1e-4, abs=1e-6), (case, name)
        assert list(ours["logs"]) == sorted(theirs["logs"]), case
        assert sorted(ours["names"]) == sorted(theirs["names"]), case
        if "weighted_metrics" not in case[2]:  # there Keras lists values twice, or others' values
            np.testing.assert_allclose(ours["values"], theirs["values"], rtol=1e-4, atol=1e-6, err_msg=str(case))


@pytest.mark.parametrize(
    ("structure", "arguments", "text"),
    [
        (list, dict(loss=["mse"]), r"`loss` must have one entry for each output of the model, 2 in all.*\['a', 'b'\]"),
        (list, dict(loss=["mse"] * 3), "`loss` must have one entry"),
        (
            list,
            dict(loss={"a": "mse", "z": "mse"}),
            r"`loss` has entries \['z'\] that no output of the model has.*'a', 'b'",
        ),
        (list, dict(loss="mse", metrics=["mae"] * 3), "`metrics` must have one entry"),
        (dict, dict(loss="mse", metrics={"z": ["mae"]}), r"`metrics` has entries \['z'\]"),
        (list, dict(loss=["mse", "mse"], loss_weights=[1.0]), "got 2 losses and 1 weights"),
        (list, dict(loss="mse", loss_weights={"c": 1.0}), r"`loss_weights` has entries \['c'\]"),
    ],
)
def test_what_does_not_fit_the_outputs_is_refused(backend, structure, arguments, text):
    model = two_outputs(structure)
    model.compile(**arguments)
    y = [Y, ONE_HOT] if structure is list else {"a": Y, "b": ONE_HOT}
    with pytest.raises(ValueError, match=text):
        model.evaluate(X, y, verbose=0)


def test_targets_may_go_by_the_outputs_names(backend):
    model = two_outputs()
    model.compile(loss=["mse", "categorical_crossentropy"], metrics={"b": "accuracy"})
    expected = model.evaluate(X, [Y, ONE_HOT], sample_weight=[Y[:, 0], Y[:, 0] * 2], verbose=0)
    weights = {"b": Y[:, 0] * 2, "a": Y[:, 0]}
    found = model.evaluate(X, {"b": ONE_HOT, "a": Y}, sample_weight=weights, verbose=0)
    assert found == pytest.approx(expected, rel=1e-5)


def test_targets_must_fit_the_outputs(backend):
    model = two_outputs()
    model.compile(loss="mse")
    with pytest.raises(ValueError, match=r"2 outputs, \['a', 'b'\], but 3 targets"):
        model.evaluate(X, [Y, ONE_HOT, Y], verbose=0)


def test_losses_may_be_functions_and_instances(backend):
    def gap(y_true, y_pred):
        return ops.mean(ops.absolute(y_true - y_pred), axis=-1)

    model = linear(
        loss=gap, metrics=[gap, keras.metrics.MeanAbsoluteError(name="m"), lambda y_true, y_pred: gap(y_true, y_pred)]
    )
    found = model.evaluate(X, Y, verbose=0, return_dict=True)
    assert set(found) == {"loss", "gap", "m", "lambda"}
    assert found["loss"] == pytest.approx(found["gap"], rel=1e-5) == pytest.approx(found["m"], rel=1e-5)


def test_a_metric_may_give_several_values(backend):
    class Range(keras.metrics.Metric):
        def __init__(self, name="range"):
            super().__init__(name=name)
            self.low, self.high = (self.add_variable((), "zeros", name=n) for n in ("low", "high"))

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.low.assign(ops.minimum(self.low, ops.min(y_true)))
            self.high.assign(ops.maximum(self.high, ops.max(y_true)))

        def result(self):
            return {"low": self.low, "high": self.high}

    model = linear(metrics=[Range(), "mae"])
    found = model.evaluate(X, Y, verbose=0, return_dict=True)
    assert found["low"] == pytest.approx(Y.min()) and found["high"] == pytest.approx(Y.max()) and "mae" in found
    assert len(model.evaluate(X, Y, verbose=0)) == 4


def test_outputs_of_a_subclass_without_names(backend):
    class Twice(keras.Model):
        def __init__(self):
            super().__init__()
            self.d, self.e = keras.layers.Dense(1), keras.layers.Dense(1)

        def call(self, x):
            return self.d(x), self.e(x)

    model = Twice()
    model.compile(loss=["mse", "mae"], metrics=[["mae"], ["mse"]])
    assert sorted(model.evaluate(X, (Y, Y), verbose=0, return_dict=True)) == [
        "loss",
        "mae",
        "mae_loss",
        "mse",
        "mse_loss",
    ]


def test_masks_reach_the_losses(backend):
    tokens = np.array([[1, 2, 0, 0], [3, 0, 0, 0]])
    y = np.ones((2, 4, 1), "float32")

    def evaluate(mask_zero):
        model = keras.Sequential(
            [
                keras.Input((4,), dtype="int32"),
                keras.layers.Embedding(5, 1, mask_zero=mask_zero, embeddings_initializer="ones"),
                keras.layers.Lambda(lambda x: x * 3.0, mask=lambda inputs, mask: mask),
            ]
        )
        model.layers[0].set_weights([np.arange(5.0)[:, None]])
        model.compile(loss="mse", metrics=["mae"])
        return model.evaluate(tokens, y, verbose=0)

    expected = 3 * np.array([1.0, 2.0, 3.0]) - 1
    assert evaluate(True) == pytest.approx([np.mean(expected**2), np.mean(expected)], rel=1e-5)
    assert evaluate(False)[1] == pytest.approx((expected.sum() + 5) / 8, rel=1e-5)


def test_compile_config_round_trip(trainable_backend):
    model = linear(optimizer=keras.optimizers.Adam(0.01), metrics=["mae"], jit_compile="auto")
    config = model.get_compile_config()
    assert config["optimizer"]["class_name"] == "Adam"
    assert config["loss"] == "mse" and config["metrics"] == ["mae"] and config["jit_compile"] == "auto"
    other = linear()
    other.compile_from_config(config)
    assert type(other.optimizer).__name__ == "Adam" and float(other.optimizer.learning_rate) == pytest.approx(0.01)
    assert other.optimizer.built and list(other.fit(X, Y, verbose=0).history) == ["loss", "mae"]
    assert keras.Sequential([keras.layers.Dense(1)]).get_compile_config() == {}


def test_a_custom_compile_is_not_called_behind_its_back():
    class Custom(keras.Model):
        def compile(self, extra):
            super().compile()

    with keras.use_backend("numpy"), pytest.warns(UserWarning, match=r"`compile\(\)` was not called.*custom"):
        Custom().compile_from_config({"optimizer": "sgd"})


def test_training_needs_a_loss_and_evaluation_does_not(trainable_backend):
    model = linear(loss=None, metrics=["mae"])
    assert model.evaluate(X, Y, verbose=0)[0] == 0.0
    with pytest.raises(ValueError, match=r"No loss to compute. Provide a `loss` argument in `compile\(\)`."):
        model.fit(X, Y, verbose=0)
