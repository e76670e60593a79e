"""Masks travel with the tensors through layers and models of every kind."""

import warnings

import numpy as np
import pytest

import triceras as keras
from triceras import layers, ops

TOKENS = np.array([[1, 2, 0, 0], [3, 0, 0, 0], [1, 2, 3, 4]])
KEPT = (TOKENS != 0).tolist()


class Sees(layers.Layer):
    """Remembers the mask that it gets and passes it on."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.seen = "nothing"

    def call(self, inputs, mask=None):
        object.__setattr__(self, "seen", mask)
        return inputs * 1.0


def numbers(x):
    return ops.convert_to_numpy(x)


def same_weights(*models):
    for m in models[1:]:
        m.set_weights(models[0].get_weights())


def lstm_layers(seen):
    return [layers.Embedding(6, 3, mask_zero=True), layers.Dropout(0.5), seen, layers.LSTM(2), layers.Dense(2)]


def functional(stack):
    x = y = keras.Input((4,), dtype="int32")
    for layer in stack:
        y = layer(y)
    return keras.Model(x, y)


class Subclassed(keras.Model):
    def __init__(self, stack):
        super().__init__()
        self.stack = stack

    def call(self, x):
        for layer in self.stack:
            x = layer(x)
        return x


MODELS = {
    "functional": functional,
    "sequential": keras.Sequential,
    "subclassed": Subclassed,
    "nested": lambda stack: keras.Sequential([functional(stack[:2]), keras.Sequential(stack[2:])]),
}


@pytest.mark.parametrize("kind", MODELS)
def test_from_embedding_to_lstm(backend, kind):
    seen = Sees()
    model = MODELS[kind](lstm_layers(seen))
    y = numbers(model(TOKENS))
    assert numbers(seen.seen).tolist() == KEPT
    # What is masked doesn't count: the state of the last real token comes out.
    embedding, lstm, dense = (
        w for w in model._flatten_layers() if isinstance(w, (layers.Embedding, layers.LSTM, layers.Dense))
    )
    for row, length in zip(range(3), (2, 1, 4), strict=True):
        alone = dense(lstm(ops.take(embedding.embeddings, TOKENS[row : row + 1, :length], axis=0)))
        np.testing.assert_allclose(y[row], numbers(alone)[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", MODELS)
def test_compiled_models_mask_too(trainable_backend, kind):
    model = MODELS[kind](lstm_layers(Sees()))
    want = numbers(model(TOKENS))
    np.testing.assert_allclose(model.predict(TOKENS, verbose=0), want, rtol=1e-4, atol=1e-5)
    model.compile("sgd", "mse")
    assert np.isfinite(model.train_on_batch(TOKENS, np.zeros((3, 2), "float32")))


def test_explicit_masks_go_before_those_carried(backend):
    seen = Sees()
    x = layers.Embedding(6, 3, mask_zero=True)(TOKENS)
    seen(x)
    assert numbers(seen.seen).tolist() == KEPT
    other = ops.convert_to_tensor(np.ones((3, 4), bool))
    seen(x, mask=other)
    assert numbers(seen.seen).all()
    seen(ops.ones((3, 4, 3)))
    assert seen.seen is None


def test_masks_given_by_hand_are_carried_on(backend):
    x, mask = ops.ones((3, 4, 3)), np.array(KEPT)
    for layer in (Sees(), layers.BatchNormalization(), layers.LSTM(2, return_sequences=True)):
        seen = Sees()
        seen(layer(x, mask=mask))
        assert numbers(seen.seen).tolist() == KEPT


def test_a_mask_computed_is_a_mask_supported():
    class Computes(layers.Layer):
        def compute_mask(self, inputs, mask=None):
            return mask

    assert Computes().supports_masking and not layers.Embedding(6, 3).supports_masking
    with (
        keras.use_backend("numpy"),
        pytest.warns(UserWarning, match="Layer 'plain' .of type Lambda. was passed an input"),
    ):
        layers.Lambda(lambda x: x, name="plain")(layers.Embedding(6, 3, mask_zero=True)(TOKENS))


@pytest.mark.parametrize("kind", MODELS)
def test_masks_after_saving(tmp_path, kind):
    if kind == "subclassed":
        pytest.skip("its layers are arguments, which a file doesn't hold")
    with keras.use_backend("numpy"):
        model = MODELS[kind]([layers.Embedding(6, 3, mask_zero=True), layers.BatchNormalization(), layers.LSTM(2)])
        want = numbers(model(TOKENS))
        model.save(tmp_path / "model.keras")
        found = keras.models.load_model(tmp_path / "model.keras")
        np.testing.assert_allclose(numbers(found(TOKENS)), want, rtol=1e-5)
        unmasked = [w for w in found._flatten_layers() if isinstance(w, layers.Embedding)]
        unmasked[0].mask_zero = False
        assert np.abs(numbers(found(TOKENS)) - want).max() > 1e-4


def test_masking_layer(backend):
    x = np.array([[[1.0, 2.0], [0, 0], [3, 0]]], "float32")
    seen = Sees()
    y = seen(layers.Masking(0.0)(x))
    assert numbers(seen.seen).tolist() == [[True, False, True]]
    assert numbers(y)[0, 1].tolist() == [0, 0]
    assert numbers(layers.Masking(3.0).compute_mask(x, None)).tolist() == [[True, True, True]]


def test_layers_that_do_not_mask_warn_and_drop():
    with keras.use_backend("numpy"):
        x = layers.Embedding(6, 4, mask_zero=True)(TOKENS)

        class Drops(layers.Layer):
            def call(self, inputs):
                return inputs + 1

        seen = Sees()
        with pytest.warns(
            UserWarning, match=r"Layer 'drops' \(of type Drops\) was passed an input with a mask attached"
        ):
            y = Drops(name="drops")(x)
        seen(y)
        assert seen.seen is None
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            Drops()(ops.ones((1, 2)))


def test_custom_masks(backend):
    class Crops(layers.Layer):
        def call(self, inputs, mask=None):
            return inputs[:, 1:]

        def compute_mask(self, inputs, mask=None):
            return mask[:, 1:]

    seen = Sees()
    seen(Crops()(layers.Embedding(6, 3, mask_zero=True)(TOKENS)))
    assert numbers(seen.seen).tolist() == [row[1:] for row in KEPT]


def test_merging_layers_join_masks(backend):
    e = layers.Embedding(6, 3, mask_zero=True)
    other = np.array([[1, 0, 0, 1]] * 3)
    seen = Sees()
    seen(layers.Add()([e(TOKENS), e(other)]))
    either = (np.array(KEPT) | other.astype(bool)).tolist()
    both = (np.array(KEPT) & other.astype(bool)).tolist()
    assert numbers(seen.seen).tolist() == either != both
    seen(layers.Concatenate(axis=1)([e(TOKENS), e(other)]))
    assert numbers(seen.seen).shape == (3, 8)


def test_attention_reads_masks(backend):
    e, attention = layers.Embedding(6, 4, mask_zero=True), layers.MultiHeadAttention(2, 2)
    x = e(TOKENS)
    _, scores = attention(x, x, return_attention_scores=True)
    scores = numbers(scores)
    assert np.allclose(scores[1, :, 0, 1:], 0, atol=1e-6) and np.allclose(scores[2].sum(-1), 1, atol=1e-5)


def test_masks_die_with_their_tensors():
    import gc

    from triceras.core import masks

    with keras.use_backend("torch"):
        gc.collect()
        before = len(masks._masks)
        model = functional(lstm_layers(Sees()))
        for _ in range(5):
            model(TOKENS)
        del model
        gc.collect()
        assert len(masks._masks) <= before + 1
