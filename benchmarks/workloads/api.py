"""The workloads in the Keras API: the same code for Triceras and for real Keras."""

from benchmarks.workloads import BATCH, DROPOUT, SHAPES


def mlp(keras, rate):
    layers = keras.layers
    hidden = [layers.Dense(128, activation="relu"), layers.Dense(128, activation="relu")]
    return keras.Sequential([layers.Input(SHAPES["mlp"][1:]), *hidden, layers.Dense(10)])


def cnn(keras, rate):
    layers = keras.layers
    blocks = [
        layers.Input(SHAPES["cnn"][1:]),
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(10),
    ]
    return keras.Sequential(blocks)


def lstm(keras, rate):
    layers = keras.layers
    return keras.Sequential([layers.Input(SHAPES["lstm"][1:]), layers.LSTM(64), layers.Dense(10)])


def transformer(keras, rate):
    layers = keras.layers
    x = inputs = layers.Input(SHAPES["transformer"][1:])
    for _ in range(2):
        h = layers.LayerNormalization(epsilon=1e-5)(x)
        h = layers.MultiHeadAttention(4, 32, dropout=rate)(h, h)
        x = layers.Add()([x, layers.Dropout(rate)(h)])
        h = layers.LayerNormalization(epsilon=1e-5)(x)
        h = layers.Dense(512, activation="relu")(h)
        h = layers.Dense(128)(h)
        x = layers.Add()([x, layers.Dropout(rate)(h)])
    return keras.Model(inputs, layers.Dense(10)(layers.GlobalAveragePooling1D()(x)))


MODELS = {"mlp": mlp, "cnn": cnn, "lstm": lstm, "transformer": transformer}


def compiled(keras, name, rate=None):
    """A model, ready to be trained; `rate` replaces its dropout rate."""
    keras.utils.set_random_seed(0)
    model = MODELS[name](keras, DROPOUT.get(name, 0.0) if rate is None else rate)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3, epsilon=1e-8), loss, metrics=["accuracy"])
    return model


class ApiSide:
    """What Triceras and Keras have in common; they differ in `ready` and `train`."""

    def __init__(self, keras, name, weights=None, rate=None):
        self.model, self.batch = compiled(keras, name, rate), SHAPES[name][0]
        if weights is not None:
            self.model.set_weights(weights)

    def call(self, x):
        return self.model(x)

    def predict(self, x):
        return self.model.predict(x, batch_size=BATCH, verbose=0)

    def fit(self, x, y):
        self.model.fit(x, y, batch_size=self.batch, verbose=0)

    def loss(self, x, y):
        return float(self.model.train_on_batch(x, y)[0])
