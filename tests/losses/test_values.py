"""Loss values against real Keras, on every backend."""

import numpy as np
import pytest

from tests.same_as_keras import assert_same, of_keras, of_ours

random = np.random.RandomState(0)
SHARES = random.rand(4, 3).astype("float32") + 0.1
INPUTS = {
    "a": random.randn(4, 3).astype("float32"),
    "b": random.randn(4, 3).astype("float32"),
    "zeros_and_ones": random.randint(0, 2, (4, 3)).astype("float32"),
    "p": (SHARES / SHARES.sum(1, keepdims=True)).astype("float32"),
    "hot": np.eye(3, dtype="float32")[[0, 2, 1, 2]],
    "ids": np.array([0, 2, 1, 2]),
    "steps": random.randn(4, 5, 3).astype("float32"),
    "steps2": random.randn(4, 5, 3).astype("float32"),
    "step_ids": random.randint(0, 3, (4, 5)),
    "w": np.array([1.0, 0.0, 2.0, 0.5], "float32"),
    "step_w": random.rand(4, 5).astype("float32"),
    "unit": (SHARES / np.linalg.norm(SHARES, axis=1, keepdims=True)).astype("float32"),
    "spelled": np.array([[1, 2, 0], [2, 2, 0], [1, 0, 0], [2, 1, 2]]),
    "saturated": np.array([[0.0, 1.0], [1.0, 0.0]], "float32"),
    "wrong": np.array([[1.0, 0.0], [0.5, 0.5]], "float32"),
}
L = "keras.losses."
CASES = [
    *(f"{L}{name}(a, b)" for name in (
        "mean_squared_error", "mean_absolute_error", "mean_absolute_percentage_error",
        "mean_squared_logarithmic_error", "huber", "log_cosh", "cosine_similarity", "hinge", "squared_hinge",
    )),
    *(f"{L}{name}(hot, p)" for name in (
        "binary_crossentropy", "categorical_crossentropy", "kl_divergence", "poisson", "categorical_hinge",
        "binary_focal_crossentropy", "categorical_focal_crossentropy", "dice", "tversky",
    )),
    *(f"{L}{name}()(steps, steps2, sample_weight=step_w)" for name in (
        "MeanSquaredError", "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanSquaredLogarithmicError", "Huber",
        "LogCosh", "CosineSimilarity", "Hinge", "SquaredHinge", "CategoricalHinge", "KLDivergence", "Poisson",
    )),
    *(f"{L}MeanSquaredError(reduction={reduction!r})(a, b, sample_weight=w)"
      for reduction in (None, "none", "sum", "mean", "sum_over_batch_size", "mean_with_sample_weight")),
    *(f"{L}MeanSquaredError(reduction={reduction!r})(a, b)" for reduction in (None, "sum", "mean_with_sample_weight")),
    f"{L}huber(a, b, delta=0.5)",
    f"{L}Huber(delta=2.0)(a, 5 * b)",
    f"{L}log_cosh(a, 100 * b)",
    f"{L}cosine_similarity(a, b, axis=0)",
    f"{L}CosineSimilarity(axis=0)(a, b)",
    f"{L}hinge(zeros_and_ones, b)",
    f"{L}squared_hinge(2 * zeros_and_ones - 1, b)",
    f"{L}binary_crossentropy(zeros_and_ones, b, from_logits=True, label_smoothing=0.2)",
    f"{L}binary_crossentropy(saturated, wrong)",
    f"{L}BinaryCrossentropy(axis=1)(steps > 0, 1 / (1 + np.exp(-steps2)))",
    f"{L}BinaryCrossentropy(from_logits=True)(zeros_and_ones, b, sample_weight=w)",
    f"{L}BinaryFocalCrossentropy(True, alpha=0.3, gamma=1.5, from_logits=True)(zeros_and_ones, b)",
    f"{L}binary_focal_crossentropy(zeros_and_ones, p, label_smoothing=0.1)",
    f"{L}categorical_crossentropy(hot, b, from_logits=True, label_smoothing=0.1)",
    f"{L}categorical_crossentropy(saturated, wrong)",
    f"{L}CategoricalCrossentropy(axis=1)(steps[:, :3], p[:, :, None] * step_w[:, None, :3])",
    f"{L}CategoricalFocalCrossentropy(alpha=[0.2, 0.3, 0.5], gamma=1.0)(hot, p)",
    f"{L}categorical_focal_crossentropy(hot, b, from_logits=True, label_smoothing=0.1)",
    f"{L}sparse_categorical_crossentropy(ids, p)",
    f"{L}sparse_categorical_crossentropy(ids[:, None], b, from_logits=True)",
    f"{L}SparseCategoricalCrossentropy(from_logits=True)(step_ids, steps, sample_weight=step_w)",
    f"{L}SparseCategoricalCrossentropy(from_logits=True)(ids.astype('float32'), b)",
    f"{L}sparse_categorical_crossentropy(ids, p, ignore_class=2)",
    f"{L}kl_divergence(saturated, wrong)",
    f"{L}mean_absolute_percentage_error(saturated, wrong)",
    f"{L}categorical_generalized_cross_entropy(ids, p, 0.5)",
    f"{L}CategoricalGeneralizedCrossEntropy(q=0.3)(ids, p)",
    f"{L}dice(zeros_and_ones, p, axis=1)",
    f"{L}Dice(axis=(0, 1))(zeros_and_ones, p)",
    f"{L}Tversky(alpha=0.3, beta=0.6, axis=1, reduction=None)(zeros_and_ones, p)",
    f"{L}circle(ids, unit)",
    f"{L}circle(ids, unit, remove_diagonal=False)",
    f"{L}Circle(gamma=20.0, margin=0.2)(ids, unit)",
    f"{L}circle(ids[:2], unit[:2], ref_labels=ids[2:], ref_embeddings=unit[2:], remove_diagonal=False)",
    f"{L}ctc(spelled, 3 * steps)",
    f"{L}CTC()(spelled, steps)",
    f"{L}mean_squared_error(w, w[:, None] + 1)",
    f"{L}mean_squared_error(step_w[:, :3, None], a)",
    f"{L}MeanSquaredError()(steps, steps2, sample_weight=w[:, None])",
    f"{L}MeanSquaredError()(steps, steps2, sample_weight=2.0)",
    f"{L}MeanSquaredError(dtype='float16')(a, b)",
    f"{L}MeanSquaredError()(ids, w)",
]  # fmt: skip
LENIENT = {f"{L}MeanSquaredError(dtype='float16')(a, b)": 2e-3, f"{L}log_cosh(a, 100 * b)": 1e-4}


@pytest.fixture(scope="module")
def expected():
    return of_keras(CASES, **INPUTS)


@pytest.mark.oracle
@pytest.mark.parametrize("case", CASES)
def test_value(case, expected, backend):
    assert_same(of_ours(case, **INPUTS), expected[case], rtol=LENIENT.get(case, 2e-5), atol=2e-6)
