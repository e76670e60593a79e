"""Metrics against real Keras on every backend: values over updates, dtypes and shapes, configs, Variables; refusals."""

import functools
import re

import numpy as np
import pytest

import triceras
from tests import same_as_keras, tables
from tests.conftest import INSTALLED
from tests.metrics.cases import ALL, CASES, FACTS, FIT, INPUTS, PRELUDE
from triceras import metrics, ops

TABLES = {name: CASES[::12] if name == "jax" else CASES for name in INSTALLED}  # eagerly JAX compiles every op
M = "keras.metrics."
# Refused by both: the expression and what ours says.
REFUSED = {
    f"{M}get('nope')": "Could not interpret metric identifier: nope",
    f"{M}Mean(dtype='float99')": "float99",
    f"{M}BinaryAccuracy(threshold=1.5)": "Invalid value for argument `threshold`: expected 0 < threshold < 1, got 1.5",
    f"{M}AUC(curve='x')": 'Invalid AUC curve value: "x"',
    f"{M}AUC(summation_method='x')": 'Invalid AUC summation method value: "x"',
    f"{M}AUC(num_thresholds=1)": "`num_thresholds` must be an integer > 1. Received: 1",
    f"{M}AUC(num_labels=3)": "`num_labels` is needed only when `multi_label` is True",
    f"after({M}AUC(multi_label=True), (yes, score))": "`y_pred` must have rank 2 when `multi_label=True`",
    f"{M}Precision(thresholds=[0.1, 2.0])": "Threshold values must be in [0, 1]. Received: [2.0]",
    f"{M}TruePositives(thresholds=-0.1)": "Threshold values must be in [0, 1]. Received: [-0.1]",
    f"{M}SensitivityAtSpecificity(2)": "Argument `specificity` must be in the range [0, 1]. Received: 2",
    f"{M}RecallAtPrecision(-1)": "Argument `precision` must be in the range [0, 1]. Received: -1",
    f"{M}PrecisionAtRecall(0.5, num_thresholds=0)": "`num_thresholds` must be an integer > 0. Received: 0",
    f"{M}FBetaScore(average='x')": "Received: average=x",
    f"{M}FBetaScore(beta=-1.0)": "Received: beta=-1.0",
    f"{M}FBetaScore(beta=1)": "Received: beta=1",
    f"{M}F1Score(threshold=2.0)": "Expected 0 < threshold <= 1, got 2.0",
    f"after({M}F1Score(), (yes, score))": "F1Score expects 2D inputs",
    f"{M}R2Score(class_aggregation='x')": "Received: class_aggregation=x",
    f"{M}R2Score(num_regressors=-1)": "Received: -1",
    f"after({M}R2Score(), (yes, score))": "R2Score expects 2D inputs",
    f"{M}IoU(2, [2])": "Target class id 2 is out of range, which is [0, 2)",
    f"after({M}Mean(), (a, w2))": "doesn't fit values of shape",
}


@functools.cache
def values(backend):
    with triceras.use_backend(backend):
        return tables.of_ours(TABLES[backend], INPUTS, PRELUDE)


@pytest.fixture(scope="module")
def expected():
    facts = "\nresult |= {case: eval(case) for case in facts}"
    code = tables.SHARED + PRELUDE + tables.IN_KERAS + facts
    return tables.run_keras(code, "tensorflow", cases=[*CASES, *REFUSED], facts=FACTS, **INPUTS)


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "case"), [(name, case) for name, table in TABLES.items() for case in table])
def test_value(name, case, expected):
    tables.assert_same(values(name)[case], expected[case])


@pytest.mark.oracle
@pytest.mark.parametrize("case", FACTS)
def test_config_and_variables(case, expected):
    """Every entry of Keras's config; ours also has the settings that Keras forgets."""
    with triceras.use_backend("numpy"):
        ours, theirs = same_as_keras.of_ours(case, PRELUDE, **INPUTS), expected[case]
    if isinstance(theirs, dict):
        ours = {key: ours[key] for key in theirs}
    same_as_keras.assert_same(ours, theirs)


@pytest.mark.oracle
@pytest.mark.parametrize("case", REFUSED)
def test_refused(case, expected):
    assert isinstance(expected[case], str), "Keras takes it"
    with triceras.use_backend("numpy"), pytest.raises(Exception, match=re.escape(REFUSED[case])):
        same_as_keras.of_ours(case, PRELUDE, **INPUTS)


def test_the_tables_hold_every_metric():
    classes = {name for name in metrics.__all__ if isinstance(getattr(metrics, name), type)} - {"Metric"}
    assert {metric.partition("(")[0] for metric in ALL} == classes


def fresh():
    """A metric of each kind, on NumPy, with its Variables, some of which take the data's shape."""
    with triceras.use_backend("numpy"):
        found = {metric: eval(f"metrics.{metric}", {"metrics": metrics, "keras": triceras}) for metric in FIT}
        for name, metric in found.items():
            metric.update_state(*(INPUTS[x] for x in FIT[name][:2]))
            metric.reset_state()
    return found


BATCHES = [
    {name: (INPUTS[t], INPUTS[p], INPUTS["w"]) for name, (t, p, *_) in FIT.items()},
    {name: (INPUTS[t][::-1].copy(), INPUTS[p], INPUTS["w"][::-1].copy()) for name, (t, p, *_) in FIT.items()},
]


@functools.cache
def eager_results():
    eager = fresh()
    for batch in BATCHES:
        for name, metric in eager.items():
            metric.update_state(*batch[name])
    return {name: metric.result() for name, metric in eager.items()}


def test_compiled_updates_equal_eager_ones(backend):
    """All metrics, moved to the backend and updated twice by one compiled function."""
    compiled = {name: metric.to_backend(backend) for name, metric in fresh().items()}

    @triceras.jit
    def update(batch):
        for name, metric in compiled.items():
            metric.update_state(*batch[name])
        return {name: metric.result() for name, metric in compiled.items()}

    for batch in BATCHES:
        found = update({name: tuple(ops.convert_to_tensor(x) for x in arrays) for name, arrays in batch.items()})
    for name, expected in eager_results().items():
        np.testing.assert_allclose(ops.convert_to_numpy(found[name]), expected, rtol=1e-4, atol=1e-6, err_msg=name)
