"""The `Loss` base: masks, weights, structures, dtypes, gradients, configs, errors."""

import re

import numpy as np
import pytest

import triceras
from triceras import losses, ops
from triceras.core import masks

TRUE = np.array([[0.0, 1.0], [1.0, 0.0]], "float32")
PRED = np.array([[0.2, 0.9], [0.4, 0.5]], "float32")


def tensor(x):
    return ops.convert_to_tensor(x)


@pytest.mark.parametrize(
    ("reduction", "expected"),
    [
        (None, [[1.0, 4.0, 0.0], [9.0, 0.0, 0.0]]),
        ("sum", 14.0),
        ("sum_over_batch_size", 14 / 3),
        ("mean", 14 / 3),
        ("mean_with_sample_weight", 14 / 3),
    ],
)
def test_masked_predictions_dont_count(backend, reduction, expected):
    y_pred = tensor(np.array([[[1.0], [2.0], [9.0]], [[3.0], [9.0], [9.0]]], "float32"))
    masks.set(y_pred, tensor(np.array([[True, True, False], [True, False, False]])))
    found = losses.MeanSquaredError(reduction=reduction)(np.zeros((2, 3, 1), "float32"), y_pred)
    np.testing.assert_allclose(ops.convert_to_numpy(found), expected, rtol=1e-6)
    if reduction == "sum":
        weighted = losses.MeanSquaredError(reduction="sum")(np.zeros((2, 3, 1)), y_pred, sample_weight=[1.0, 2.0])
        assert float(weighted) == 23.0


def test_a_mask_without_a_true_gives_zero(backend):
    y_pred = tensor(np.ones((2, 1), "float32"))
    masks.set(y_pred, tensor(np.zeros(2, bool)))
    assert float(losses.MeanSquaredError()(np.zeros((2, 1)), y_pred)) == 0.0


def test_weights_belong_to_the_leading_axes(backend):
    y = np.zeros((2, 2, 1), "float32")
    found = losses.MeanAbsoluteError(reduction=None)(y, y + 1, sample_weight=[1.0, 3.0])
    assert ops.convert_to_numpy(found).tolist() == [[1.0, 1.0], [3.0, 3.0]]
    with pytest.raises(ValueError, match=re.escape("sample_weight of shape (3,) doesn't fit values of shape (2, 2)")):
        losses.MeanAbsoluteError()(y, y, sample_weight=[1.0, 2.0, 3.0])


def test_own_losses(backend):
    class Gap(losses.Loss):
        def call(self, y_true, y_pred):
            return ops.absolute(y_true["a"] - y_pred["b"])

    gap = Gap(name="gap", reduction="sum")
    assert float(gap({"a": TRUE}, {"b": PRED})) == pytest.approx(1.4)
    assert Gap.from_config(gap.get_config()).get_config() == {"name": "gap", "reduction": "sum"}
    assert Gap().name == "gap_1" or Gap().name.startswith("gap")
    with pytest.raises(NotImplementedError, match=r"Loss must define `call\(y_true, y_pred\)`"):
        losses.Loss()(TRUE, PRED)


def test_functions_go_where_the_predictions_are(trainable_backend):
    y_pred = tensor(PRED)
    with triceras.use_backend("numpy"):
        for found in (losses.mean_squared_error(TRUE, y_pred), losses.Hinge()(TRUE, y_pred, sample_weight=[1.0, 2.0])):
            assert triceras.core.registry.backend_of(found).name == trainable_backend


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_dtype(backend, dtype):
    found = losses.MeanSquaredError(dtype=dtype)(TRUE, PRED)
    canonical = triceras.core.registry.current().canonical_dtype(dtype)
    assert triceras.core.dtypes.standardize_dtype(found.dtype) == canonical
    assert losses.MeanSquaredError(dtype="mixed_bfloat16").dtype == "bfloat16"
    assert losses.MeanSquaredError(dtype=dtype).get_config()["dtype"] == dtype


def test_class_numbers_stay_integers(backend):
    y_pred = np.zeros((1, 2**11 + 3), "float32")
    y_pred[0, 2**11 + 1] = 20.0
    loss = losses.SparseCategoricalCrossentropy(from_logits=True, dtype="float16")
    assert float(loss(np.array([2**11 + 1]), y_pred)) < 0.01  # float16 has no 2049


def test_gradients(trainable_backend):
    squared = lambda p: losses.MeanSquaredError()(TRUE, p)  # noqa: E731
    _, (gradient,) = triceras.value_and_grad(squared, argnums=(0,))(tensor(PRED))
    np.testing.assert_allclose(ops.convert_to_numpy(gradient), (PRED - TRUE) / 2, rtol=1e-5)
    smooth = lambda p: losses.BinaryCrossentropy(from_logits=True)(TRUE, p)  # noqa: E731
    logits = tensor(np.array([[900.0, -900.0], [0.0, 0.0]], "float32"))
    _, (gradient,) = triceras.value_and_grad(smooth, argnums=(0,))(logits)
    np.testing.assert_allclose(ops.convert_to_numpy(gradient), [[0.25, -0.25], [-0.125, 0.125]], atol=1e-6)


@pytest.mark.parametrize("name", [name for name in losses.__all__ if isinstance(getattr(losses, name), type)])
def test_every_class_comes_back_from_its_config(name):
    loss = getattr(losses, name)()
    again = losses.deserialize(losses.serialize(loss))
    assert type(again) is type(loss) and again.get_config() == loss.get_config()


def test_names():
    assert losses.get("mse") is losses.mean_squared_error
    assert losses.get("KLD") is losses.kl_divergence
    assert isinstance(losses.get("MeanSquaredError"), losses.MeanSquaredError)
    assert isinstance(losses.get(losses.Huber), losses.Huber)
    assert losses.get(None) is None
    assert losses.get(losses.serialize(losses.mean_squared_error)) is losses.mean_squared_error
    own = lambda y_true, y_pred: y_pred  # noqa: E731
    assert losses.get(own) is own
    assert losses.Huber(delta=2.0).get_config()["delta"] == 2.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: losses.get("nope"), "Could not interpret loss identifier: nope"),
        (lambda: losses.get("mean_squared_eror"), "Nearest: mean_squared_error"),
        (lambda: losses.Loss(reduction="auto"), "Invalid value for argument `reduction`"),
        (lambda: losses.CategoricalGeneralizedCrossEntropy(q=2), "q must be in the interval (0, 1)"),
        (lambda: losses.ctc([1], [[0.5]]), "ctc needs targets of shape (batch, max label length)"),
        (lambda: losses.categorical_crossentropy([[1.0, 0.0, 1.0]], [[0.2, 0.8]] * 3), "got (1, 3) and (3, 2)"),
    ],
)
def test_errors(make, message):
    with triceras.use_backend("numpy"), pytest.raises(ValueError, match=re.escape(message)):
        make()


def test_one_class_is_warned_about():
    with triceras.use_backend("numpy"), pytest.warns(SyntaxWarning, match="Consider 'binary_crossentropy'"):
        losses.categorical_crossentropy([[1.0]], [[0.5]])


def test_shapes_that_do_not_fit_are_named(backend):
    loss = losses.MeanSquaredError()
    with pytest.raises(
        ValueError, match=r"mean_squared_error.*targets of shape \(2, 3\).*predictions of shape \(2, 2\)"
    ):
        loss(np.ones((2, 3)), ops.ones((2, 2)))
