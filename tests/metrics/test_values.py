"""Metric values over several batches, and configs, against real Keras, on every backend."""

import numpy as np
import pytest

from tests.same_as_keras import assert_same, of_keras, of_ours

random = np.random.RandomState(0)
SHARES = random.rand(6, 3).astype("float32") + 0.1
INPUTS = {
    "a": random.randn(6, 3).astype("float32"),
    "b": random.randn(6, 3).astype("float32"),
    "yes": random.randint(0, 2, 6).astype("float32"),
    "score": random.rand(6).astype("float32"),
    "score2": random.rand(6).astype("float32"),
    "labels": random.randint(0, 2, (6, 3)),
    "scores": random.rand(6, 3).astype("float32"),
    "p": (SHARES / SHARES.sum(1, keepdims=True)).astype("float32"),
    "hot": np.eye(3, dtype="float32")[[0, 2, 1, 2, 0, 0]],
    "ids": np.array([0, 2, 1, 2, 0, 0]),
    "ids2": np.array([0, 1, 1, 2, 2, 0]),
    "steps": random.rand(6, 4, 3).astype("float32"),
    "step_ids": random.randint(0, 3, (6, 4)),
    "w": np.array([1.0, 0.0, 2.0, 0.5, 3.0, 1.0], "float32"),
    "step_w": random.rand(6, 4).astype("float32"),
}
PRELUDE = """
def after(metric, *batches):
    for y_true, y_pred, *weights in batches:
        metric.update_state(y_true, y_pred, sample_weight=weights[0] if weights else None)
    return metric.result()

def mean(metric, *batches):
    for values, *weights in batches:
        metric.update_state(values, sample_weight=weights[0] if weights else None)
    return metric.result()

def config(metric):
    return {key: value for key, value in metric.get_config().items() if key != "name"}

def names(metric):
    return [[v.path.rpartition("/")[2], list(v.shape)] for v in metric.variables]
"""
REGRESSION = [
    "MeanSquaredError", "RootMeanSquaredError", "MeanAbsoluteError", "MeanAbsolutePercentageError",
    "MeanSquaredLogarithmicError", "LogCoshError", "CosineSimilarity", "Hinge", "SquaredHinge", "CategoricalHinge",
    "PearsonCorrelation", "ConcordanceCorrelation",
]  # fmt: skip
COUNTS = ["TruePositives", "FalsePositives", "TrueNegatives", "FalseNegatives"]
PLAIN = [*REGRESSION, *COUNTS, "KLDivergence", "Poisson", "BinaryCrossentropy", "CategoricalCrossentropy",
         "BinaryAccuracy", "CategoricalAccuracy", "SparseCategoricalAccuracy", "TopKCategoricalAccuracy", "Accuracy",
         "SparseCategoricalCrossentropy", "AUC", "Precision", "Recall", "Mean", "Sum", "F1Score", "FBetaScore",
         "R2Score"]  # fmt: skip
M = "keras.metrics."
WITH_SCORES = [
    "AUC()", "AUC(num_thresholds=5)", "AUC(thresholds=[0.6, 0.3])", "AUC(curve='PR')", "AUC(from_logits=True)",
    "AUC(summation_method='minoring')", "AUC(summation_method='majoring', curve='PR')", "AUC(curve='PRGAIN')",
    "Precision()", "Recall()", "Precision(thresholds=[0.2, 0.6])", "Recall(thresholds=0.4)",
    "BinaryAccuracy(threshold=0.4)", "SensitivityAtSpecificity(0.4)", "SpecificityAtSensitivity(0.4)",
    "PrecisionAtRecall(0.4)", "RecallAtPrecision(0.6)", "FalsePositives(thresholds=[0.1, 0.7])",
    *(f"{name}()" for name in COUNTS),
]  # fmt: skip
WITH_LABELS = [
    "AUC(multi_label=True)", "AUC(multi_label=True, num_labels=3, label_weights=[0.2, 0.3, 0.5])",
    "AUC(label_weights=[0.2, 0.3, 0.5])", "AUC(multi_label=True, curve='PR')",
    "Precision(top_k=2)", "Recall(top_k=1)", "Precision(class_id=1)", "Recall(top_k=2, class_id=0)",
    "Precision(thresholds=0.4, top_k=2)", "SensitivityAtSpecificity(0.4, num_thresholds=20, class_id=2)",
    "F1Score()", "F1Score(average='macro')", "FBetaScore(average='micro', beta=2.0, threshold=0.4)",
    "FBetaScore(average='weighted', beta=0.5, threshold=0.3)", "BinaryAccuracy()", "BinaryCrossentropy()",
]  # fmt: skip
CASES = [
    *(f"after({M}{name}(), (a, b), (b, a + b, w))" for name in REGRESSION),
    *(f"after({M}{metric}, (yes, score), (yes, score2, w))" for metric in WITH_SCORES),
    *(f"after({M}{metric}, (labels, scores), (labels, p, w))" for metric in WITH_LABELS),
    f"after({M}RootMeanSquaredError(), (a, b), (b, a, np.abs(a)))",
    f"after({M}KLDivergence(), (hot, p), (p, p[::-1], w))",
    f"after({M}Poisson(), (hot, p), (p, p[::-1], w))",
    f"after({M}CategoricalCrossentropy(label_smoothing=0.1), (hot, p, w))",
    f"after({M}CategoricalAccuracy(), (hot, p), (hot, scores, w))",
    f"after({M}SparseCategoricalAccuracy(), (ids, p), (ids[:, None], scores, w))",
    f"after({M}SparseCategoricalAccuracy(), (step_ids, steps, step_w), (step_ids, steps))",
    f"after({M}SparseCategoricalCrossentropy(), (ids, p), (step_ids, steps, step_w))",
    f"after({M}TopKCategoricalAccuracy(k=2), (hot, p), (hot, 0 * p), (hot, scores, w))",
    f"after({M}SparseTopKCategoricalAccuracy(k=2), (ids, p), (ids[:, None], scores), (step_ids, steps, step_w))",
    f"after({M}SparseTopKCategoricalAccuracy(k=2, from_sorted_ids=True), (ids, np.array([[0, 1, 2]] * 6)))",
    f"after({M}Accuracy(), (ids, ids2), (ids, ids2[:, None], w))",
    f"after({M}R2Score(), (a, b), (b, a, w))",
    f"after({M}R2Score(class_aggregation=None), (a, b, w))",
    f"after({M}R2Score(class_aggregation='variance_weighted_average', num_regressors=2), (a, b))",
    f"after({M}IoU(num_classes=3, target_class_ids=[0, 2]), (ids, ids2))",
    f"after({M}IoU(num_classes=3, target_class_ids=[0], dtype='float32'), (ids, ids2, w), (ids2, ids))",
    f"after({M}MeanIoU(num_classes=4, ignore_class=1), (ids, ids2))",
    f"after({M}BinaryIoU(threshold=0.4), (yes, score))",
    f"after({M}OneHotIoU(num_classes=3, target_class_ids=[0, 1]), (hot, p))",
    f"after({M}OneHotMeanIoU(num_classes=3), (hot, p))",
    f"after({M}MeanMetricWrapper(keras.losses.huber, delta=0.5), (a, b), (b, a, w))",
    f"mean({M}Mean(), (a,), (a, w), (b, np.abs(a)), (steps, step_w), (3.0,), (2.0, 4.0))",
    f"mean({M}Sum(), (a,), (a, w), (b, np.abs(a)), (steps, step_w), (3.0,), (2.0, 4.0))",
    *(f"{M}{metric}(yes, score)" for metric in ("BinaryAccuracy()", "AUC()", "Precision()")),
    *(f"names({M}{name}())" for name in PLAIN),
    f"names({M}AUC(multi_label=True, num_labels=3))",
    f"names({M}Precision(thresholds=[0.1, 0.2]))",
    *(f"config({M}{name}())" for name in PLAIN if name != "CosineSimilarity"),
    f"config({M}Precision(thresholds=[0.1, 0.2], top_k=3, class_id=1))",
    f"config({M}AUC(thresholds=[0.5], curve='PR'))",
    f"config({M}BinaryIoU(dtype='float32'))",
    f"config({M}MeanIoU(num_classes=2, dtype='float32'))",
    f"config({M}OneHotIoU(num_classes=2, target_class_ids=[1], dtype='float32'))",
    f"config({M}PrecisionAtRecall(0.5))",
]


@pytest.fixture(scope="module")
def expected():
    return of_keras(CASES, PRELUDE, **INPUTS)


@pytest.mark.oracle
@pytest.mark.parametrize("case", CASES)
def test_value(case, expected, backend):
    assert_same(of_ours(case, PRELUDE, **INPUTS), expected[case], rtol=3e-5, atol=3e-6)
