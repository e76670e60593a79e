"""Models of the zoo that `fit` trains: each maker gives a compiled model and a function that trains it for a while."""

import numpy as np

import triceras as keras
from triceras import layers, ops

random = np.random.RandomState(5)


class Positions(layers.Layer):
    """Embedded tokens plus embedded positions; token 0 is masked."""

    def __init__(self, words, length, width, **kwargs):
        super().__init__(**kwargs)
        self.tokens = layers.Embedding(words, width, mask_zero=True)
        self.positions = layers.Embedding(length, width)

    def compute_mask(self, inputs, mask=None):
        return self.tokens.compute_mask(inputs)

    def call(self, inputs):
        return self.tokens(inputs) + self.positions(ops.arange(inputs.shape[1]))


def added(x, y):
    """A sum that keeps the mask, normalized."""
    return layers.LayerNormalization()(layers.Add()([x, y]))


def encoder_block(x, width, dropout):
    attended = layers.MultiHeadAttention(2, width // 2, dropout=dropout)(x, x)
    x = added(x, layers.Dropout(dropout)(attended))
    return added(x, layers.Dense(width)(layers.Dense(12, activation="gelu")(x)))


def decoder_block(x, memory, width, dropout):
    attended = layers.MultiHeadAttention(2, width // 2, dropout=dropout)(x, x, use_causal_mask=True)
    x = added(x, attended)
    crossed = layers.MultiHeadAttention(2, width // 2)(x, memory)
    x = added(x, layers.Dropout(dropout)(crossed))
    return added(x, layers.Dense(width)(layers.Dense(12, activation="relu")(x)))


def transformer():
    """Reverses sentences: Vaswani et al., 2017. Padding is masked in both attentions, in the loss and in the metric."""
    words, length, width = 7, 5, 8
    source, before = keras.Input((length,), dtype="int32"), keras.Input((length,), dtype="int32")
    memory = encoder_block(Positions(words, length, width)(source), width, 0.1)
    decoded = decoder_block(Positions(words, length, width)(before), memory, width, 0.1)
    model = keras.Model([source, before], layers.Dense(words)(decoded))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.02), loss, metrics=["accuracy"])

    sentences = random.randint(2, words, (16, length))
    lengths = random.randint(3, length + 1, 16)
    tokens = np.where(np.arange(length) < lengths[:, None], sentences, 0)
    target = np.stack([np.concatenate([row[:n][::-1], row[n:]]) for row, n in zip(tokens, lengths, strict=True)])
    shifted = np.concatenate([np.ones((16, 1), int), target[:, :-1]], axis=1)
    return model, fitting(model, [tokens, np.where(target > 0, shifted, 0)], target)


def residual_block(x, filters, strides):
    shortcut = x if strides == 1 else layers.Conv2D(filters, 1, strides=strides)(x)
    x = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.BatchNormalization()(layers.Conv2D(filters, 3, padding="same", use_bias=False)(x))
    return layers.Activation("relu")(layers.Add()([x, shortcut]))


def resnet():
    """Tells images apart by where their bright half is: He et al., 2016."""
    image = keras.Input((8, 8, 1))
    x = layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same")(image))
    x = layers.MaxPooling2D()(x)
    for filters, strides in ((4, 1), (6, 2)):
        x = residual_block(x, filters, strides)
    outputs = layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(image, outputs)
    optimizer = keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 20), momentum=0.9)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    labels = random.randint(0, 3, 16)
    bright = np.stack([np.arange(8) < 4, np.arange(8) >= 4, np.arange(8) >= 0])[labels]
    images = (bright[:, :, None] + 0.3 * random.randn(16, 8, 8))[..., None].astype("float32")
    return model, fitting(model, images, labels)


def unet():
    """Finds the bright rectangle of an image: Ronneberger et al., 2015."""
    image = keras.Input((8, 8, 1))
    first = layers.Conv2D(4, 3, padding="same", activation="relu")(image)
    second = layers.Conv2D(6, 3, padding="same", activation="relu")(layers.MaxPooling2D()(first))
    lowest = layers.SpatialDropout2D(0.1)(
        layers.Conv2D(6, 3, padding="same", activation="relu")(layers.MaxPooling2D()(second))
    )
    up = layers.Concatenate()([layers.Conv2DTranspose(6, 2, strides=2, activation="relu")(lowest), second])
    up = layers.Concatenate()(
        [layers.UpSampling2D()(layers.Conv2D(4, 3, padding="same", activation="relu")(up)), first]
    )
    model = keras.Model(image, layers.Conv2D(1, 1, activation="sigmoid")(up))
    model.compile(keras.optimizers.AdamW(0.01), keras.losses.Dice(), metrics=[keras.metrics.BinaryIoU(), "accuracy"])
    masks = np.zeros((16, 8, 8, 1), "float32")
    for mask, (top, left) in zip(masks, random.randint(0, 5, (16, 2)), strict=True):
        mask[top : top + 4, left : left + 3] = 1
    return model, fitting(model, (masks + 0.3 * random.randn(*masks.shape)).astype("float32"), masks)


def tagger():
    """Marks the words that stand twice in a sentence; a bidirectional LSTM with masks and recurrent dropout."""
    words, length = 8, 6
    model = keras.Sequential(
        [
            keras.Input((length,), dtype="int32"),
            layers.Embedding(words, 6, mask_zero=True),
            layers.Bidirectional(layers.LSTM(5, return_sequences=True, dropout=0.1)),
            layers.TimeDistributed(layers.Dense(2)),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.RMSprop(0.02), loss, weighted_metrics=["accuracy"])
    lengths = random.randint(3, length + 1, 16)
    tokens = np.where(np.arange(length) < lengths[:, None], random.randint(1, words, (16, length)), 0)
    twice = ((tokens[:, :, None] == tokens[:, None, :]).sum(-1) > 1).astype("int32")
    return model, fitting(model, tokens, twice)


class VAE(keras.Model):
    """A variational autoencoder, which trains itself: Kingma & Welling, 2014."""

    def __init__(self, size, hidden, **kwargs):
        super().__init__(**kwargs)
        self.encoder = keras.Sequential([layers.Dense(8, activation="tanh"), layers.Dense(2 * hidden)])
        self.decoder = keras.Sequential([layers.Dense(8, activation="tanh"), layers.Dense(size)])
        self.seed_generator = keras.random.SeedGenerator(3)
        self.tracker = keras.metrics.Mean(name="loss")
        self.kl_tracker = keras.metrics.Mean(name="kl")

    @property
    def metrics(self):
        return [self.tracker, self.kl_tracker]

    def call(self, x):
        mean, log_var = ops.split(self.encoder(x), 2, axis=-1)
        noise = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
        return self.decoder(mean + ops.exp(0.5 * log_var) * noise), mean, log_var

    def train_step(self, data):
        def loss_of():
            decoded, mean, log_var = self(data, training=True)
            kl = -0.5 * ops.mean(ops.sum(1 + log_var - ops.square(mean) - ops.exp(log_var), axis=-1))
            return ops.mean(ops.sum(ops.square(decoded - data), axis=-1)) + 0.1 * kl, kl

        (loss, kl), gradients = keras.value_and_grad(loss_of, self.trainable_variables, has_aux=True)()
        self.optimizer.apply(gradients, self.trainable_variables)
        self.tracker.update_state(loss)
        self.kl_tracker.update_state(kl)
        return {metric.name: metric.result() for metric in self.metrics}


def vae():
    """Numbers on a curve in six dimensions."""
    t = random.rand(16, 1).astype("float32") * 6
    curve = np.sin(t + np.arange(6)).astype("float32")
    model = VAE(6, 2)
    model.compile(keras.optimizers.Adam(0.02))
    return model, fitting(model, curve)


def fitting(model, *data):
    """Trains three epochs of two steps in shuffled order; gives the losses and metrics."""

    def train():
        history = model.fit(*data, batch_size=8, epochs=3, verbose=0).history
        return np.array([history[name] for name in sorted(history, key=lambda name: (name != "loss", name))]).T

    return train
