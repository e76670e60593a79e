"""What every metric can do: compiled and stateless updates, masks, moving, nesting, errors."""

import copy
import re

import numpy as np
import pytest

import triceras
from triceras import metrics, ops
from triceras.core import masks

RNG = np.random.default_rng(0)
TRUE = RNG.integers(0, 2, (3, 5, 4)).astype("float32")
PRED = RNG.random((3, 5, 4)).astype("float32")
WEIGHTS = RNG.random((3, 5)).astype("float32")
MAKERS = {
    "mse": lambda: metrics.MeanSquaredError(),
    "rmse": lambda: metrics.RootMeanSquaredError(),
    "auc": lambda: metrics.AUC(num_thresholds=20),
    "auc_by_label": lambda: metrics.AUC(num_thresholds=20, multi_label=True),
    "precision": lambda: metrics.Precision(top_k=2),
    "recall": lambda: metrics.Recall(thresholds=[0.3, 0.6]),
    "f1": lambda: metrics.F1Score(threshold=0.5),
    "r2": lambda: metrics.R2Score(),
    "top_k": lambda: metrics.TopKCategoricalAccuracy(k=2),
    "crossentropy": lambda: metrics.BinaryCrossentropy(),
}


def tensor(x):
    return ops.convert_to_tensor(x)


def value(x):
    return ops.convert_to_numpy(x)


def fed(metric):
    for t, p, w in zip(TRUE, PRED, WEIGHTS, strict=True):
        metric.update_state(tensor(t), tensor(p), sample_weight=tensor(w))
    return metric


@pytest.mark.parametrize("name", MAKERS)
def test_compiled_and_stateless_updates_equal_the_eager_ones(backend, name):
    eager = fed(MAKERS[name]())
    expected = value(eager.result())
    assert np.isfinite(expected).all()

    compiled = MAKERS[name]()
    compiled.update_state(tensor(TRUE[0]), tensor(PRED[0]), sample_weight=tensor(WEIGHTS[0]))  # makes late variables
    compiled.reset_state()
    step = triceras.jit(lambda t, p, w: compiled.update_state(t, p, sample_weight=w))
    for t, p, w in zip(TRUE, PRED, WEIGHTS, strict=True):
        step(tensor(t), tensor(p), tensor(w))
    np.testing.assert_allclose(value(compiled.result()), expected, rtol=1e-5)

    state = eager.stateless_reset_state()
    before = [v.numpy() for v in eager.variables]
    for t, p, w in zip(TRUE, PRED, WEIGHTS, strict=True):
        state = eager.stateless_update_state(state, tensor(t), tensor(p), sample_weight=tensor(w))
    np.testing.assert_allclose(value(eager.stateless_result(state)), expected, rtol=1e-5)
    for a, b in zip(before, eager.variables, strict=True):
        np.testing.assert_array_equal(a, b.numpy())


def test_moves_with_its_state(trainable_backend):
    with triceras.use_backend("numpy"):
        metric = metrics.Mean()
        metric.update_state([1.0, 2.0])
    assert metric.to_backend(trainable_backend) is metric
    assert {v.backend.name for v in metric.variables} == {trainable_backend}
    metric.update_state(tensor([6.0]))
    assert float(metric.result()) == 3.0


def test_stays_at_home_when_another_backend_is_current(trainable_backend):
    metric, late = metrics.Mean(), metrics.F1Score(average="micro")
    with triceras.use_backend("numpy"):
        metric.update_state([1.0, 3.0])
        late.update_state([[0, 1]], [[0.1, 0.9]])
        assert float(metric.result()) == 2.0
        metric.reset_state()
    assert {v.backend.name for v in metric.variables + late.variables} == {trainable_backend}
    assert float(metric.result()) == 0.0


def test_masked_predictions_dont_count(backend):
    y_true = tensor(np.zeros((2, 3, 1), "float32"))
    y_pred = tensor(np.array([[[1.0], [2.0], [9.0]], [[3.0], [9.0], [9.0]]]))
    masks.set(y_pred, tensor(np.array([[True, True, False], [True, False, False]])))
    metric = metrics.MeanAbsoluteError()
    assert float(metric(y_true, y_pred)) == 2.0
    metric.reset_state()
    assert float(metric(y_true, y_pred, sample_weight=[1.0, 0.0])) == 1.5
    assert float(metrics.RootMeanSquaredError()(y_true, y_pred)) == pytest.approx(np.sqrt(14 / 3))


def test_inner_metrics_and_variables_belong_to_the_metric(backend):
    class Both(metrics.Metric):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.count = self.add_variable((), "zeros", name="count")
            self.start = self.add_weight(shape=(2,), initializer="ones", name="start")
            self.parts = {"mean": metrics.Mean(), "list": [metrics.Sum(name="inner")]}

        def update_state(self, x):
            self.count.assign_add(1)
            self.parts["mean"].update_state(x)
            self.parts["list"][0].update_state(x)

        def result(self):
            return {"count": self.count, "mean": self.parts["mean"].result()}

    both = Both()
    both.update_state([2.0, 4.0])
    found = both.stateless_result([v.value for v in both.variables])
    assert {key: float(v) for key, v in found.items()} == {"count": 1.0, "mean": 3.0}
    assert [v.path for v in both.variables][:2] == [f"{both.name}/count", f"{both.name}/start"]
    assert len(both.variables) == 5
    both.reset_state()
    assert all((v.numpy() == 0).all() for v in both.variables)
    twin = copy.deepcopy(both)
    twin.update_state([1.0])
    assert float(both.count) == 0.0 and float(twin.count) == 1.0


def test_large_class_numbers_are_told_apart(backend):
    y_pred = np.zeros((1, 2**12 + 2), "float32")
    y_pred[0, 2**12 + 1] = 1.0
    y_pred = ops.cast(tensor(y_pred), "float16")
    accuracy = metrics.sparse_categorical_accuracy(tensor(np.array([2**12])), y_pred)
    assert float(accuracy[0]) == 0.0  # 4096 and 4097 are one number in float16


def test_names_and_configs(backend):
    assert metrics.get("mse").name == "mean_squared_error"
    assert isinstance(metrics.get(metrics.Mean), metrics.Mean)
    assert metrics.get(None) is None
    first, second = metrics.AUC(), metrics.AUC()
    assert second.name != first.name
    for make in MAKERS.values():
        metric = make()
        again = metrics.deserialize(metrics.serialize(metric))
        assert type(again) is type(metric) and again.get_config() == metric.get_config()
    wrapped = metrics.MeanMetricWrapper(triceras.losses.huber, name="h", delta=0.5)
    again = metrics.MeanMetricWrapper.from_config(wrapped.get_config())
    assert float(again([[0.0]], [[3.0]])) == float(wrapped([[0.0]], [[3.0]])) == 1.375
    assert repr(metrics.Mean(name="u")) == "<Mean name=u>"
    assert metrics.Mean(dtype="mixed_float16").dtype == "float16"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: metrics.get("nope"), "Could not interpret metric identifier: nope"),
        (lambda: metrics.get("acuracy"), "Nearest: accuracy"),
        (lambda: metrics.AUC(curve="x"), 'Invalid AUC curve value: "x"'),
        (lambda: metrics.AUC(summation_method="x"), 'Invalid AUC summation method value: "x"'),
        (lambda: metrics.AUC(num_thresholds=1), "must be an integer > 1"),
        (lambda: metrics.AUC(multi_label=True)([1.0], [0.5]), "`y_pred` must have rank 2"),
        (lambda: metrics.Precision(thresholds=[0.1, 2.0]), "Threshold values must be in [0, 1]. Received: [2.0]"),
        (lambda: metrics.F1Score()([1.0], [0.5]), "F1Score expects 2D inputs"),
        (lambda: metrics.IoU(2, [2]), "Target class id 2 is out of range"),
        (lambda: metrics.FBetaScore(beta=-1.0), "Invalid `beta` argument value"),
        (lambda: metrics.Mean()([1.0, 2.0], sample_weight=[1.0, 2.0, 3.0]), "doesn't fit values of shape (2,)"),
        (lambda: metrics.Mean().stateless_update_state([1], 3.0), "corresponding 1:1 to Mean().variables"),
    ],
)
def test_errors(make, message):
    with triceras.use_backend("numpy"), pytest.raises(ValueError, match=re.escape(message)):
        make()
