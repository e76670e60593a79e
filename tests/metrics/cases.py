"""The inputs and the table of expressions with which metrics are compared with real Keras."""

import numpy as np

random = np.random.RandomState(0)
SHARES, SHARES3 = random.rand(4, 3).astype("float32") + 0.1, random.rand(2, 4, 3).astype("float32") + 0.1
INPUTS = {
    "a": random.randn(4, 3).astype("float32"),
    "b": random.randn(4, 3).astype("float32"),
    "a3": random.randn(2, 4, 3).astype("float32"),
    "b3": random.randn(2, 4, 3).astype("float32"),
    "bits": np.array([[1, 0, 1], [0, 1, 1], [1, 1, 0], [0, 0, 1]], "float32"),
    "bits3": random.randint(0, 2, (2, 4, 3)).astype("float32"),
    "p": (SHARES / SHARES.sum(1, keepdims=True)).astype("float32"),
    "p3": (SHARES3 / SHARES3.sum(-1, keepdims=True)).astype("float32"),
    "hot": np.eye(3, dtype="float32")[[0, 2, 1, 2]],
    "hot3": np.eye(3, dtype="float32")[random.randint(0, 3, (2, 4))],
    "ids": np.array([0, 2, 1, 2]),
    "said": np.array([0, 1, 1, 2]),
    "ids3": random.randint(0, 3, (2, 4)),
    "said3": random.randint(0, 3, (2, 4)),
    "best": np.array([[0, 1, 2], [1, 0, 2], [2, 0, 1], [2, 1, 0]]),
    "yes": np.array([1, 0, 0, 1, 1, 0], "float32"),
    "score": random.rand(6).astype("float32"),
    "score2": random.rand(6).astype("float32"),
    "w": np.array([1.0, 0.0, 2.0, 0.5], "float32"),
    "w2": np.array([0.5, 3], "float32"),
    "w3": random.rand(2, 4).astype("float32"),
    "w33": random.rand(2, 4, 3).astype("float32"),
    "w6": np.array([1.0, 0.0, 2.0, 0.5, 3.0, 1.0], "float32"),
    "m": np.array([True, False, True, True]),
    "m3": np.array([[True, True, False, True], [False, True, False, True]]),
}
PRELUDE = """
def after(metric, *batches):
    for batch in batches:
        metric.update_state(*batch)
    return metric.result()

def anew(metric, first, *batches):
    after(metric, first)
    metric.reset_state()
    return after(metric, *batches)

def config(metric):
    return {key: value for key, value in metric.get_config().items() if key != "name"}

def names(metric, *batch):
    if batch:
        metric.update_state(*batch)
    return [[v.path.rpartition("/")[2], list(v.shape), v.dtype, v.trainable] for v in metric.variables]
"""
NUMBERS, BITS, YES_NO = ("a", "b", "a3", "b3"), ("bits", "b", "bits3", "b3"), ("bits", "p", "bits3", "p3")
CLASSES, CLASS_NUMBERS, SAID = ("hot", "p", "hot3", "p3"), ("ids", "p", "ids3", "p3"), ("ids", "said", "ids3", "said3")
# The overlaps' dtype is given because the default, an integer, is int64 on one of Keras's backends and int32 on others.
FIT = {  # what each metric compares: targets and predictions of rank 2, and of rank 3
    "MeanSquaredError()": NUMBERS,
    "RootMeanSquaredError()": NUMBERS,
    "MeanAbsoluteError()": NUMBERS,
    "MeanAbsolutePercentageError()": NUMBERS,
    "MeanSquaredLogarithmicError()": NUMBERS,
    "LogCoshError()": NUMBERS,
    "CosineSimilarity()": NUMBERS,
    "PearsonCorrelation()": NUMBERS,
    "ConcordanceCorrelation()": NUMBERS,
    "MeanMetricWrapper(keras.losses.huber, delta=0.5)": NUMBERS,
    "Hinge()": BITS,
    "SquaredHinge()": BITS,
    "CategoricalHinge()": BITS,
    "BinaryCrossentropy(label_smoothing=0.1)": YES_NO,
    "BinaryAccuracy(threshold=0.4)": YES_NO,
    "CategoricalCrossentropy(label_smoothing=0.1)": CLASSES,
    "KLDivergence()": CLASSES,
    "Poisson()": CLASSES,
    "CategoricalAccuracy()": CLASSES,
    "TopKCategoricalAccuracy(k=2)": CLASSES,
    "SparseCategoricalCrossentropy()": CLASS_NUMBERS,
    "SparseCategoricalCrossentropy(from_logits=True, ignore_class=1)": CLASS_NUMBERS,
    "SparseCategoricalAccuracy()": CLASS_NUMBERS,
    "SparseTopKCategoricalAccuracy(k=2)": CLASS_NUMBERS,
    "Accuracy()": SAID,
    "TruePositives()": YES_NO,
    "FalsePositives(thresholds=0.3)": YES_NO,
    "TrueNegatives()": YES_NO,
    "FalseNegatives(thresholds=[0.2, 0.4])": YES_NO,
    "AUC()": YES_NO,
    "AUC(num_thresholds=5, curve='PR')": YES_NO,
    "AUC(num_thresholds=5, curve='PRGAIN')": YES_NO,
    "AUC(num_thresholds=5, from_logits=True)": BITS,
    "AUC(multi_label=True, num_thresholds=5)": ("bits", "p", "bits", "p"),
    "Precision(thresholds=0.3)": YES_NO,
    "Recall(thresholds=0.3)": YES_NO,
    "SensitivityAtSpecificity(0.5)": YES_NO,
    "SpecificityAtSensitivity(0.5)": YES_NO,
    "PrecisionAtRecall(0.5)": YES_NO,
    "RecallAtPrecision(0.5)": YES_NO,
    "F1Score()": ("bits", "p", "bits", "p"),
    "F1Score(average='macro')": ("bits", "p", "bits", "p"),
    "FBetaScore(beta=2.0, average='micro', threshold=0.4)": ("bits", "p", "bits", "p"),
    "FBetaScore(beta=0.5, average='weighted', threshold=0.3)": ("bits", "p", "bits", "p"),
    "R2Score()": ("a", "b", "b", "a"),
    "R2Score(class_aggregation=None, num_regressors=1)": ("a", "b", "b", "a"),
    "R2Score(class_aggregation='variance_weighted_average')": ("a", "b", "b", "a"),
    "IoU(num_classes=3, target_class_ids=[0, 2], dtype='float32')": SAID,
    "MeanIoU(num_classes=3, dtype='float32')": SAID,
    "MeanIoU(num_classes=3, ignore_class=1, dtype='float32')": SAID,
    "OneHotIoU(num_classes=3, target_class_ids=[0, 1], dtype='float32')": CLASSES,
    "OneHotMeanIoU(num_classes=3, dtype='float32')": CLASSES,
}
M = "keras.metrics."
# Where ours is better: Keras's root mean squared error takes no mask, its R2Score loses precision before it sums.
BETTER = (
    "after(keras.metrics.RootMeanSquaredError(), (a3, masked(b3, m3), w3))",
    "after(keras.metrics.RootMeanSquaredError(), (a3, masked(b3, m3)))",
)


def of_metric(metric: str) -> list[str]:
    """What every metric is tried with: several updates, weights, masks, a reset, dtypes, all one class."""
    t, p, t3, p3 = FIT[metric]
    w3, m3 = ("w3", "m3") if t3.endswith("3") else ("w", "m")
    half = f"{metric[:-1]}{'' if metric.endswith('()') else ', '}dtype='float16')"
    found = [
        f"after({M}{metric}, ({t}, {p}))",
        f"after({M}{metric}, ({t}, {p}), ({t}[:2], {p}[1:3], w[:2]))",
        f"after({M}{metric}, ({t3}, {p3}, {w3}))",
        f"after({M}{metric}, ({t3}, masked({p3}, {m3})))",
        f"after({M}{metric}, ({t3}, masked({p3}, {m3}), {w3}))",
        f"anew({M}{metric}, ({t}, {p}), ({t}[:2], {p}[1:3], w[:2]))",
        f"after({M}{metric}, ({t}, {p}, 0 * w))",
        f"after({M}{metric}, (0 * {t}, {p}))",
        f"after({M}{metric}, (0 * {t} + 1, {p}))",
    ]
    return found if "dtype" in metric or "R2" in metric else [*found, f"after({M}{half}, ({t}, {p}, w))"]


WITH_SCORES = [
    "AUC(num_thresholds=5)", "AUC(thresholds=[0.6, 0.3])", "AUC(curve='PR')", "AUC(summation_method='minoring')",
    "AUC(summation_method='majoring', curve='PR')", "Precision()", "Recall()", "Precision(thresholds=[0.2, 0.6])",
    "SensitivityAtSpecificity(0.4, num_thresholds=1)", "FalsePositives(thresholds=[0.1, 0.7])",
]  # fmt: skip
WITH_LABELS = [
    "AUC(multi_label=True, num_labels=3, label_weights=[0.2, 0.3, 0.5])", "AUC(label_weights=[0.2, 0.3, 0.5])",
    "AUC(multi_label=True, curve='PR')", "Precision(top_k=2)", "Recall(top_k=1)", "Precision(class_id=1)",
    "Recall(top_k=2, class_id=0)", "Precision(thresholds=0.4, top_k=2)",
    "SensitivityAtSpecificity(0.4, num_thresholds=20, class_id=2)", "RecallAtPrecision(0.6, class_id=0)",
]  # fmt: skip
OPTIONS = [
    *(f"after({M}{metric}, (yes, score), (yes, score2, w6))" for metric in WITH_SCORES),
    *(f"after({M}{metric}, (bits, p), (bits, p[::-1], w))" for metric in WITH_LABELS),
    *(f"after({M}{name}(axis={axis}), (a3, b3))" for axis in (0, 1)
      for name in ("CosineSimilarity", "PearsonCorrelation", "ConcordanceCorrelation")),
    f"after({M}CategoricalCrossentropy(axis=1), (hot3[:, :3], p3[:, :3]))",
    f"after({M}BinaryCrossentropy(from_logits=True), (bits, b, w))",
    f"after({M}MeanSquaredError(), (a, b, 2.0))",
    f"after({M}MeanSquaredError(), (a, b, w[:, None]))",
    f"after({M}MeanSquaredError(), (w, p[:, :1]))",
    f"after({M}RootMeanSquaredError(), (a3, b3, w33))",
    f"after({M}SparseCategoricalAccuracy(), (ids[:, None], p, w))",
    f"after({M}SparseTopKCategoricalAccuracy(k=2), (ids[:, None], p, w))",
    f"after({M}SparseTopKCategoricalAccuracy(k=2, from_sorted_ids=True), (ids, best))",
    f"after({M}TopKCategoricalAccuracy(k=5), (hot, p))",
    f"after({M}Accuracy(), (ids, said[:, None], w))",
    f"after({M}BinaryIoU(threshold=0.4), (yes, score), (yes, score2, w6))",
    f"after({M}BinaryIoU(target_class_ids=[1], dtype='float32'), (yes, score, w6))",
    f"after({M}IoU(num_classes=3, target_class_ids=[0]), (ids, said, w[:, None]))",
    *(f"after({M}{name}(), {batches})" for name in ("Mean", "Sum") for batches in (
        "(a,)", "(a, w), (b,)", "(a3, w3)", "(a3, w33)", "(a3, w2)", "(3.0,), (2.0, 4.0)", "(masked(a3, m3),)",
        "(a3, w2[:, None])", "(a[:0],), (a,)",
    )),
    *(f"after({M}{name}(dtype={dtype!r}), (a, w))" for name in ("Mean", "Sum") for dtype in ("float16", "mixed_bfloat16")),
    *(f"after({M}{metric}, ({t}, {p}), ({t}[:0], {p}[:0]))" for metric, t, p in (
        ("MeanSquaredError()", "a", "b"), ("SparseCategoricalAccuracy()", "ids", "p"), ("AUC(num_thresholds=5)", "bits", "p"),
        ("Precision()", "bits", "p"), ("MeanIoU(num_classes=3)", "ids", "said"), ("R2Score()", "a", "b"),
    )),
    *(f"after({M}{metric}, ({t}, {p} * np.nan))" for metric, t, p in (
        ("MeanSquaredError()", "a", "b"), ("BinaryCrossentropy()", "bits", "p"), ("CategoricalAccuracy()", "hot", "p"),
        ("TruePositives()", "bits", "p"), ("Precision()", "bits", "p"), ("R2Score()", "a", "b"),
    )),
    *(f"{M}{function}" for function in (
        "binary_accuracy(bits, p, threshold=0.3)", "categorical_accuracy(hot3, p3)", "sparse_categorical_accuracy(ids3, p3)",
        "top_k_categorical_accuracy(hot, p, k=2)", "sparse_top_k_categorical_accuracy(ids3, p3, k=2)",
        "pearson_correlation(a3, b3, axis=1)", "concordance_correlation(a, b)", "mean_squared_error(a, b)",
    )),
]  # fmt: skip
CASES = [*dict.fromkeys([*(case for metric in FIT for case in of_metric(metric)), *OPTIONS])]
CASES = [case for case in CASES if case not in BETTER]

ALL = [*FIT, "Mean()", "Sum()", "BinaryIoU(threshold=0.3, dtype='float32')"]
FACTS = [  # without tensors: configs, Variables, names
    *(f"config({M}{metric})" for metric in ALL if "Wrapper" not in metric),
    *(f"{M}{metric}.name" for metric in ALL if "Error" in metric or "Accuracy" in metric or "Score" in metric),
    *(f"names({M}{metric}, {FIT[metric][0]}, {FIT[metric][1]})" for metric in FIT),
    *(f"names({M}{metric})" for metric in ("Mean()", "Sum()", "Mean(dtype='mixed_float16')", "AUC(dtype='float16')")),
    f"names({M}AUC(multi_label=True, num_labels=3))",
    f"config({M}Precision(thresholds=[0.1, 0.2], top_k=3, class_id=1))",
    f"config({M}AUC(thresholds=[0.5], curve='PR', dtype='mixed_float16'))",
    f"{M}Mean(dtype='mixed_float16').dtype",
    *(f"keras.metrics.serialize({M}{metric})['class_name']" for metric in ALL),
    *(f"type({M}get({name!r})).__name__" for name in (
        "mse", "MSE", "mae", "MAE", "mape", "MAPE", "msle", "MSLE", "bce", "BCE", "accuracy", "auc", "f1_score",
        "log_cosh_error", "r2_score", "Precision", "TruePositives", "sum",
    )),
]  # fmt: skip
