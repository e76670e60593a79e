"""The inputs and the table of expressions with which losses are compared with real Keras."""

import itertools
import re

import numpy as np

random = np.random.RandomState(0)
SHARES, SHARES3 = random.rand(4, 3).astype("float32") + 0.1, random.rand(2, 4, 3).astype("float32") + 0.1
INPUTS = {
    "a": random.randn(4, 3).astype("float32"),
    "b": random.randn(4, 3).astype("float32"),
    "a3": random.randn(2, 4, 3).astype("float32"),
    "b3": random.randn(2, 4, 3).astype("float32"),
    "bits": random.randint(0, 2, (4, 3)).astype("float32"),
    "bits3": random.randint(0, 2, (2, 4, 3)).astype("float32"),
    "p": (SHARES / SHARES.sum(1, keepdims=True)).astype("float32"),
    "p3": (SHARES3 / SHARES3.sum(-1, keepdims=True)).astype("float32"),
    "hot": np.eye(3, dtype="float32")[[0, 2, 1, 2]],
    "hot3": np.eye(3, dtype="float32")[random.randint(0, 3, (2, 4))],
    "ids": np.array([0, 2, 1, 2]),
    "ids3": random.randint(0, 3, (2, 4)),
    "spelled": np.array([[1, 2], [2, 0]]),
    "unit": (SHARES / np.linalg.norm(SHARES, axis=1, keepdims=True)).astype("float32"),
    "w": np.array([1.0, 0.0, 2.0, 0.5], "float32"),
    "w2": np.array([0.5, 3], "float32"),
    "w3": random.rand(2, 4).astype("float32"),
    "m": np.array([True, False, True, True]),
    "m2": np.array([True, False]),
    "m3": np.array([[True, True, False, True], [False, True, False, True]]),
    "m0": np.zeros((2, 4), bool),
}
INPUTS["odd"] = INPUTS["b"].copy()
INPUTS["odd"][[0, 1, 2], [0, 1, 2]] = [np.nan, np.inf, -np.inf]
INPUTS["odd_p"] = np.array([[np.nan, 0.5, 0.5], [0.2, np.inf, 0.3], [0.0, 0.0, 0.0], [0.0, 1.0, 0.0]], "float32")

INPUTS["nan_p"] = np.array([[np.nan, 0.5, 0.5], [0.2, 0.5, 0.3], [0.0, 0.0, 0.0], [0.0, 1.0, 0.0]], "float32")

NUMBERS, BITS = ("a", "b", "a3", "b3", "odd"), ("bits", "b", "bits3", "b3", "odd")
YES_NO, CLASSES = ("bits", "p", "bits3", "p3", "odd_p"), ("hot", "p", "hot3", "p3", "odd_p")
CLASS_NUMBERS = ("ids", "p", "ids3", "p3", "nan_p")
FIT = {  # what each loss compares: targets and predictions of rank 2, of rank 3, and odd predictions
    "MeanSquaredError": NUMBERS,
    "MeanAbsoluteError": NUMBERS,
    "MeanAbsolutePercentageError": NUMBERS,
    "MeanSquaredLogarithmicError": NUMBERS,
    "Huber": NUMBERS,
    "LogCosh": NUMBERS,
    "CosineSimilarity": NUMBERS,
    "Hinge": BITS,
    "SquaredHinge": BITS,
    "CategoricalHinge": BITS,
    "BinaryCrossentropy": YES_NO,
    "BinaryFocalCrossentropy": YES_NO,
    "CategoricalCrossentropy": CLASSES,
    "CategoricalFocalCrossentropy": CLASSES,
    "KLDivergence": CLASSES,
    "Poisson": CLASSES,
    "Dice": CLASSES,
    "Tversky": CLASSES,
    "SparseCategoricalCrossentropy": CLASS_NUMBERS,
    "CategoricalGeneralizedCrossEntropy": CLASS_NUMBERS,
    "Circle": ("ids", "unit", "ids", "unit", "unit"),
    "CTC": ("spelled", "b3", "spelled", "b3", "b3"),
}
BY_SAMPLE = ("Dice", "Tversky", "Circle", "CTC")  # these have one value for each sample or for the batch
NO_EMPTY_BATCH = ("CategoricalHinge", "Dice", "Tversky", "Circle", "CTC")
L = "keras.losses."


def function_of(name: str) -> str:
    """The function of a class."""
    special = {
        "CTC": "ctc",
        "KLDivergence": "kl_divergence",
        "CategoricalGeneralizedCrossEntropy": "categorical_generalized_cross_entropy",
    }
    return special.get(name) or re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def of_class(name: str) -> list[str]:
    """What every loss is tried with: reductions, weights, masks, dtypes, odd numbers, an empty batch, its function."""
    t, p, t3, p3, odd = FIT[name]
    w, m = ("w2", "m2") if name == "CTC" else ("w", "m")
    w3, m3 = (w, m) if name in BY_SAMPLE else ("w3", "m3")
    function, q = L + function_of(name), ", q=0.4" if "Generalized" in name else ""
    found = [
        f"{L}{name}()({t}, {p})",
        f"{L}{name}(reduction='sum')({t}, {p}, sample_weight={w})",
        f"{L}{name}(reduction=None)({t3}, {p3}, {w3})",
        f"{L}{name}(reduction='mean_with_sample_weight')({t3}, masked({p3}, {m3}), sample_weight={w3})",
        f"{L}{name}()({t3}, masked({p3}, {m3}))",
        f"{L}{name}(dtype='float16')({t}, {p})",
        f"{L}{name}(reduction=None, dtype='mixed_bfloat16')({t}, {p}, sample_weight={w})",
        f"{L}{name}()({t}, half({p}))",
        f"{L}{name}(reduction=None)({t}, {odd})",
        f"{function}({t3}, {p3}{q})",
        f"{function}({t}, half({p}){q})",
        f"{function}({t} > 0, {p}{q})",
    ]
    return found if name in NO_EMPTY_BATCH else [*found, f"{L}{name}(reduction='sum')({t}[:0], {p}[:0])"]


SMOOTHED = ("BinaryCrossentropy", "BinaryFocalCrossentropy", "CategoricalCrossentropy", "CategoricalFocalCrossentropy")
REDUCTIONS = ("sum_over_batch_size", "mean", "sum", "none", None, "mean_with_sample_weight")
# Keras's mean_with_sample_weight of a broadcast weight isn't a mean, so only weights of the values' shape go with it.
REDUCED = [
    f"{L}MeanSquaredError(reduction={reduction!r})(a3, {y}, sample_weight={w})"
    for reduction, y, w in itertools.product(
        REDUCTIONS,
        ("b3", "masked(b3, m3)", "masked(b3, m0)"),
        ("None", "w3", "w3[:, :, None]", "0 * w3", "w2[:, None]", "3.0"),
    )
    if reduction != "mean_with_sample_weight" or "w3" in w
]
OPTIONS = [
    *(
        f"{L}{name}(from_logits={logits}, label_smoothing={smoothing}, axis={axis}, reduction='sum')"
        f"({FIT[name][2]}, {'b3' if logits else 'p3'})"
        for name, logits, smoothing, axis in itertools.product(SMOOTHED, (False, True), (0.0, 0.1), (-1, 1, 2))
        if not (smoothing and axis == 1 and name.startswith("Categorical"))  # Keras takes the last axis' size
    ),
    *(
        f"{L}SparseCategoricalCrossentropy(from_logits={logits}, ignore_class={ignored}, reduction={reduction!r})"
        f"({ids}, {'b3' if logits else 'p3'})"
        for logits, ignored, reduction in itertools.product((False, True), (None, 0, 2, -1), ("none", "mean"))
        for ids in ("ids3", "ids3[:, :, None]")
    ),
    f"{L}SparseCategoricalCrossentropy(ignore_class=2, reduction='mean_with_sample_weight')(ids3, p3, sample_weight=w3)",
    f"{L}SparseCategoricalCrossentropy(ignore_class=1)(ids3, masked(p3, m3))",
    f"{L}SparseCategoricalCrossentropy(from_logits=True, reduction=None)(ids - 1, b)",
    f"{L}sparse_categorical_crossentropy(ids, p, ignore_class=1)",
    *(f"{L}{name}(axis={axis}, reduction=None)(hot3, p3)" for name in ("Dice", "Tversky")
      for axis in (0, 1, -1, (1, 2), [0, 1], (0, 1, 2))),
    *(f"{L}CosineSimilarity(axis={axis}, reduction=None)(a3, b3)" for axis in (0, 1, -2)),
    *(f"{L}Huber(delta={delta})(3 * a, b)" for delta in (0.1, 1, 5.0)),
    f"{L}Dice()(hot, p, sample_weight=w)",
    f"{L}Tversky(alpha=0.3, beta=0.6)(hot, masked(p, m), sample_weight=w)",
    f"{L}tversky(hot, p, alpha=0.9, beta=0.2)",
    f"{L}BinaryFocalCrossentropy(apply_class_balancing=True, alpha=0.3, gamma=0.5)(bits, p, w)",
    f"{L}BinaryFocalCrossentropy(gamma=0)(bits, p)",
    f"{L}CategoricalFocalCrossentropy(alpha=(0.1, 0.2, 0.7), gamma=1.0)(hot3, p3, w3)",
    f"{L}CategoricalGeneralizedCrossEntropy(q=0.9)(ids, p)",
    f"{L}Circle(gamma=10, margin=0.1, remove_diagonal=False, reduction=None)(ids, unit)",
    f"{L}Circle()(ids, masked(unit, m), sample_weight=w)",
    f"{L}circle(0 * ids, unit)",
    f"{L}circle(ids, unit, ref_labels=ids[:3], ref_embeddings=unit[:3], remove_diagonal=False)",
    f"{L}ctc(0 * spelled, b3)",
    f"{L}ctc(spelled[:, :1], b3[:, :1])",
    f"{L}ctc(spelled * 0 + 1, b3)",
]  # fmt: skip
EDGES = [
    f"{L}categorical_crossentropy(hot, 0 * p)",
    f"{L}sparse_categorical_crossentropy(ids, 0 * p)",
    f"{L}binary_crossentropy(bits, hot)",
    f"{L}kl_divergence(hot, 0 * p)",
    f"{L}kl_divergence(0 * hot, p)",
    f"{L}poisson(a, b)",
    f"{L}log_cosh(1e4 * a, b)",
    f"{L}mean_squared_error(1e30 * a, b)",
    f"{L}mean_absolute_percentage_error(0 * a, b)",
    f"{L}mean_squared_logarithmic_error(-a, b)",
    f"{L}cosine_similarity(0 * a, b)",
    *(f"{L}{name}({y}, b)" for name in ("hinge", "squared_hinge") for y in ("a", "0 * a", "0 * a + 1", "0 * a - 1")),
    *(f"{L}{name}(ids, w)" for name in (
        "mean_squared_error", "mean_absolute_error", "huber", "cosine_similarity", "hinge", "binary_crossentropy", "dice",
    )),
    *(f"{L}{name}()({t}, {p}{w})" for name in ("MeanSquaredError", "BinaryCrossentropy")
      for t, p in (("w", "p[:, :1]"), ("hot[:, :1]", "p[:, 0]"), ("hot3[:, :, 0]", "p3[:, :, :1]"))
      for w in ("", ", sample_weight=w3[0] if len(p.shape) == 1 else None")),
    f"{L}MeanSquaredError()(w, p[:, :1], sample_weight=w[:, None])",
]  # fmt: skip
DIFFERENT = [f"{L}sparse_categorical_crossentropy(ids, half(p))"]  # its dtype depends on Keras's backend
CASES = [*dict.fromkeys([*(case for name in FIT for case in of_class(name)), *REDUCED, *OPTIONS, *EDGES])]
CASES = [case for case in CASES if case not in DIFFERENT]

FACTS = [  # without tensors: configs, names
    *(f"{L}{name}().get_config()" for name in FIT),
    *(f"{L}{name}(name='x', reduction='sum').get_config()" for name in FIT),
    *(f"keras.losses.serialize({L}{name}())['class_name']" for name in FIT),
    *(f"keras.losses.serialize({L}{function_of(name)})" for name in FIT),
    *(f"{L}get({name!r}).__name__" for name in (
        "bce", "BCE", "kld", "KLD", "mae", "MAE", "mape", "MAPE", "mse", "MSE", "msle", "MSLE",
        *(function_of(name) for name in FIT if name not in ("CategoricalGeneralizedCrossEntropy", "Circle")),
    )),
    f"{L}get({{'class_name': 'Huber', 'config': {{'delta': 2.0}}}}).name",
    f"{L}MeanSquaredError(dtype='mixed_float16').dtype",
    f"{L}Loss(name='q').get_config()",
]  # fmt: skip
