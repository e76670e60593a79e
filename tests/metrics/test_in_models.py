"""Metrics inside models: what strings stand for, masks, and metrics whose shapes only the data tells."""

import numpy as np
import pytest

import triceras as keras
from triceras import layers

random = np.random.RandomState(0)
X = random.rand(6, 4).astype("float32")
LABELS = np.array([0, 1, 2, 1, 0, 2])
BITS = random.randint(0, 2, (6, 3)).astype("float32")
HOT = np.eye(3, dtype="float32")[LABELS]
TOKENS = np.array([[1, 2, 0], [3, 0, 0], [2, 1, 3]])


def dense(units, **compiled):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(units, kernel_initializer="ones", activation="sigmoid")])
    model.compile(loss="mse", **compiled)
    return model


@pytest.mark.parametrize(
    ("units", "y", "meant"),
    [
        (1, BITS[:, :1], "BinaryAccuracy"),
        (1, BITS[:, 0], "BinaryAccuracy"),
        (3, HOT, "CategoricalAccuracy"),
        (3, LABELS, "SparseCategoricalAccuracy"),
        (3, LABELS[:, None], "SparseCategoricalAccuracy"),
    ],
)
@pytest.mark.parametrize("word", ["accuracy", "acc", "Accuracy"])
def test_accuracy_goes_by_the_shapes(units, y, meant, word):
    with keras.use_backend("numpy"):
        model = dense(units, metrics=[word, getattr(keras.metrics, meant)(name="meant")])
        found = model.evaluate(X, y, batch_size=3, verbose=0, return_dict=True)
    assert found[word] == found["meant"]


def test_no_string_stands_for_a_crossentropy_by_shapes():
    """As in Keras."""
    with keras.use_backend("numpy"), pytest.raises(ValueError, match="Nearest: BinaryCrossentropy"):
        dense(3, metrics=["crossentropy"])


def test_metrics_that_learn_their_shape_in_fit(trainable_backend):
    given = [keras.metrics.F1Score(threshold=0.5), keras.metrics.R2Score(), keras.metrics.AUC(multi_label=True)]
    model = dense(3, optimizer=keras.optimizers.SGD(0.0), metrics=given)
    fitted = model.fit(X, BITS, batch_size=2, verbose=0).history
    shown = model.evaluate(X, BITS, batch_size=3, verbose=0, return_dict=True)
    for name in ("f1_score", "r2_score"):
        np.testing.assert_allclose(fitted[name][0], shown[name], rtol=1e-5)


def test_masks_reach_metrics_in_fit_and_evaluate(trainable_backend):
    model = keras.Sequential([keras.Input((3,)), layers.Embedding(4, 2, mask_zero=True), layers.Dense(2)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.0), loss, metrics=["accuracy"], weighted_metrics=["acc"])
    best = model.predict(TOKENS, verbose=0).argmax(-1)
    targets = np.where(TOKENS > 0, best, 1 - best)  # right where the mask is True, wrong elsewhere
    assert model.evaluate(TOKENS, targets, verbose=0, return_dict=True)["accuracy"] == 1.0
    history = model.fit(TOKENS, targets, verbose=0).history
    assert history["accuracy"] == history["acc"] == [1.0]


class Own(keras.Sequential):
    """The default step, written by a user."""

    def train_step(self, data):
        x, y = data

        def objective():
            y_pred = self(x, training=True)
            return self.compute_loss(x, y, y_pred), y_pred

        step = keras.value_and_grad(objective, self.trainable_variables, has_aux=True)
        (loss, y_pred), gradients = step()
        self.optimizer.apply(gradients, self.trainable_variables)
        return self.compute_metrics(x, y, y_pred)


def test_masks_reach_metrics_in_a_step_of_ones_own(trainable_backend):
    """The masks belong to tensors, and what leaves a transform of the framework may be another tensor."""
    model = Own([keras.Input((3,)), layers.Embedding(4, 2, mask_zero=True), layers.Dense(2)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.0), loss, metrics=["accuracy"])
    y = np.where(TOKENS > 0, model.predict(TOKENS, verbose=0).argmax(-1), 1)
    assert model.train_on_batch(TOKENS, y, return_dict=True)["accuracy"] == 1.0
