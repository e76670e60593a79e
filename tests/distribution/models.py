"""Three small models and how they are trained; the same in every test and every process of distribution."""

import numpy as np

import triceras as keras
from triceras import layers

STEPS, BATCH, CLASSES = 20, 16, 4


def mlp():
    return keras.Sequential([layers.Input((8,)), layers.Dense(16, activation="relu"), layers.Dense(CLASSES)])


def convnet(rate=0.2):
    inputs = layers.Input((6, 6, 3))
    x = layers.BatchNormalization()(layers.Conv2D(8, 3, use_bias=False)(inputs))
    x = layers.GlobalAveragePooling2D()(layers.ReLU()(x))
    return keras.Model(inputs, layers.Dense(CLASSES)(layers.Dropout(rate)(x)))


def transformer():
    inputs = layers.Input((5,), dtype="int32")
    x = layers.Embedding(16, 8)(inputs)
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 4)(x, x))
    x = layers.LayerNormalization()(x + layers.Dense(8)(layers.Dense(16, activation="gelu")(x)))
    return keras.Model(inputs, layers.Dense(CLASSES)(layers.GlobalAveragePooling1D()(x)))


MODELS = {"mlp": mlp, "convnet": convnet, "transformer": transformer}
WITHOUT_DRAWS = {**MODELS, "convnet": lambda: convnet(0.0)}  # for replicas, each of which draws its own numbers


def data(model, samples=STEPS // 2 * BATCH - 6):
    """Two epochs of it are `STEPS` steps, of which the last ones of each are smaller."""
    rng = np.random.default_rng(0)
    (shape,) = [x.shape[1:] for x in model.inputs]
    x = (
        rng.integers(0, 16, (samples, *shape))
        if len(shape) == 1 and shape[0] == 5
        else rng.normal(size=(samples, *shape))
    )
    return x.astype("int32" if x.dtype.kind == "i" else "float32"), rng.integers(0, CLASSES, samples)


def compiled(name, models=MODELS, **options):
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(3)
    model = models[name]()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), loss, metrics=["accuracy"], **options)
    return model


def trained(name, **options):
    """A model after its steps, and the losses and accuracies of its epochs."""
    model = compiled(name, **options)
    x, y = data(model)
    history = model.fit(x, y, batch_size=BATCH, epochs=2, verbose=0).history
    return model, {key: np.array(values) for key, values in history.items()}
