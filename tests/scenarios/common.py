"""What the programs share. Each takes `keras`, which is Triceras here and real Keras in the oracle's process."""

import numpy as np


def fill(model, seed=0):
    """Gives a built model weights that only depend on their shapes and order, so that two frameworks start alike."""
    rng = np.random.default_rng(seed)
    model.set_weights(
        [rng.normal(scale=0.3, size=w.shape).astype(w.dtype) if w.ndim > 1 else w for w in model.get_weights()]
    )
    return model


def blobs(n=24, features=6, classes=3, seed=1):
    """Points around one centre per class: inputs and class numbers."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    centres = rng.normal(size=(classes, features))
    return (centres[labels] + 0.3 * rng.normal(size=(n, features))).astype("float32"), labels.astype("int32")


def sentences(n=24, length=7, words=12, seed=2):
    """Padded rows of word numbers, and whether the mean word is a high one."""
    rng = np.random.default_rng(seed)
    tokens = rng.integers(1, words, (n, length)).astype("int32")
    for row, used in enumerate(rng.integers(2, length + 1, n)):
        tokens[row, used:] = 0
    labels = tokens.sum(1) / (tokens > 0).sum(1) > words / 2
    return tokens, labels.astype("int32")


def outcome(program, keras, folder):
    """Runs a program: what it reports, with its model's predictions; and the model and its inputs, if it gave them."""
    found = dict(program(keras, folder))
    model, inputs = found.pop("model", None), found.pop("inputs", None)
    if model is not None:
        found["predictions"] = model.predict(inputs, batch_size=5, verbose=0)
    return found, model, inputs
