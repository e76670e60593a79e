"""Losses against real Keras on every backend: values, dtypes and shapes; configs and names; what is refused."""

import functools
import re

import numpy as np
import pytest

import triceras
from tests import same_as_keras, tables
from tests.losses.cases import CASES, FACTS, FIT, INPUTS, function_of
from triceras import losses

L = "keras.losses."
# Refused by both: the expression and what ours says.
REFUSED = {
    f"{L}Loss(reduction='auto')": "Invalid value for argument `reduction`. Expected one of ('sum_over_batch_size'",
    f"{L}MeanSquaredError(dtype='float99')": "float99",
    f"{L}CategoricalGeneralizedCrossEntropy(q=0)": "q must be in the interval (0, 1). Received: q=0",
    f"{L}CategoricalGeneralizedCrossEntropy(q=1)": "q must be in the interval (0, 1). Received: q=1",
    f"{L}get('nope')": "Could not interpret loss identifier: nope",
    f"{L}get(3)": "Could not interpret loss identifier: 3",
    f"{L}Loss()(a, b)": "must define `call(y_true, y_pred)`",
    f"{L}MeanSquaredError()(a[:3], b)": "targets of shape (3, 3) with predictions of shape (4, 3)",
    f"{L}MeanSquaredError()(a, b, sample_weight=[1.0, 2.0, 3.0, 4.0, 5.0])": "sample_weight of shape (5,) doesn't fit",
    f"{L}categorical_crossentropy(hot[:, :2], p)": "(4, 2)",
    f"{L}binary_crossentropy(hot[:, :2], p)": "(4, 2)",
    f"{L}sparse_categorical_crossentropy(ids[:3], p)": "(3,)",
    f"{L}binary_crossentropy(hot, p, axis=5)": "axis",
    f"{L}ctc(ids, p)": "ctc needs targets of shape (batch, max label length)",
}


@functools.cache
def values(backend):
    with triceras.use_backend(backend):
        return tables.of_ours(CASES, INPUTS, compiled=backend == "jax")  # one by one it would compile every op


@pytest.fixture(scope="module")
def expected():
    facts = "\nresult |= {case: eval(case) for case in facts}"
    code = tables.SHARED + tables.IN_KERAS + facts
    return tables.run_keras(code, "jax", cases=[*CASES, *REFUSED], facts=FACTS, **INPUTS)


@pytest.mark.oracle
@pytest.mark.parametrize("case", CASES)
def test_value(case, expected, backend):
    tables.assert_same(values(backend)[case], expected[case])


@pytest.mark.oracle
@pytest.mark.parametrize("case", FACTS)
def test_config_and_name(case, expected):
    """Every entry of Keras's config; ours also has the settings that Keras forgets, as Huber's `delta`."""
    ours, theirs = same_as_keras.of_ours(case), expected[case]
    if isinstance(theirs, dict):
        ours = {key: ours[key] for key in theirs}
    same_as_keras.assert_same(ours, theirs)


@pytest.mark.oracle
@pytest.mark.parametrize("case", REFUSED)
def test_refused(case, expected):
    assert isinstance(expected[case], str), "Keras takes it"
    with triceras.use_backend("numpy"), pytest.raises(Exception, match=re.escape(REFUSED[case])):
        same_as_keras.of_ours(case, **INPUTS)


def test_the_tables_hold_every_loss():
    assert set(FIT) == {name for name in losses.__all__ if isinstance(getattr(losses, name), type)} - {"Loss"}
    functions = {name for name in losses.__all__ if not isinstance(getattr(losses, name), type)}
    assert {function_of(name) for name in FIT} == functions - {"get", "serialize", "deserialize"}


def test_settings_come_back_from_configs(backend):
    for loss in (losses.Huber(2.0), losses.CosineSimilarity(1), losses.SparseCategoricalCrossentropy(axis=1)):
        again = losses.deserialize(losses.serialize(loss))
        assert again.get_config() == loss.get_config()
        y_true = INPUTS["ids"] if "Sparse" in type(loss).__name__ else INPUTS["a"]
        np.testing.assert_allclose(float(again(y_true, INPUTS["p"])), float(loss(y_true, INPUTS["p"])))
