"""Programs as in Keras's guides: models of many shapes, trained with `fit`."""

import numpy as np

from tests.scenarios.common import blobs, fill, sentences


def two_inputs_two_outputs(keras, folder):
    """A ticket router: dict inputs, named outputs, loss weights, metrics per output, weights of samples."""
    layers = keras.layers
    title = keras.Input((7,), dtype="int32", name="title")
    tags = keras.Input((6,), name="tags")
    words = layers.Embedding(12, 5, name="words")(title)
    text = layers.GlobalAveragePooling1D()(words)
    x = layers.concatenate([text, layers.Dense(4, activation="relu", name="tags_dense")(tags)])
    priority = layers.Dense(1, activation="sigmoid", name="priority")(x)
    department = layers.Dense(3, name="department")(x)
    model = fill(keras.Model([title, tags], {"priority": priority, "department": department}, name="router"))
    model.compile(
        optimizer=keras.optimizers.RMSprop(1e-2),
        loss={
            "priority": keras.losses.BinaryCrossentropy(),
            "department": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        },
        metrics={"priority": ["accuracy", "auc"], "department": ["accuracy"]},
        weighted_metrics={"department": ["sparse_categorical_crossentropy"]},
        loss_weights={"priority": 1.0, "department": 0.2},
    )
    tokens, high = sentences()
    features, group = blobs()
    inputs = {"title": tokens, "tags": features}
    targets = {"priority": high.reshape(-1, 1), "department": group}
    weights = {"priority": np.linspace(0.5, 1.5, 24), "department": np.linspace(1.0, 0.1, 24)}
    history = model.fit(
        inputs, targets, sample_weight=weights, epochs=2, batch_size=8, shuffle=False, validation_split=0.25, verbose=0
    )
    scores = model.evaluate(inputs, targets, verbose=0, return_dict=True)
    return {"history": history.history, "scores": scores, "model": model, "inputs": inputs}


def class_weights(keras, folder):
    """A Sequential classifier with one-hot targets, class weights, label smoothing and regularizers."""
    x, y = blobs()
    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(8, activation="gelu", kernel_regularizer=keras.regularizers.L2(1e-2)),
            keras.layers.LayerNormalization(),
            keras.layers.Dense(3, activation="softmax", bias_regularizer="l1", kernel_constraint="max_norm"),
        ]
    )
    fill(model).compile(
        optimizer=keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=0.1),
        metrics=["accuracy", keras.metrics.TopKCategoricalAccuracy(k=2, name="top2"), keras.metrics.Precision()],
    )
    y = keras.utils.to_categorical(y, 3)
    weight = {0: 1.0, 1: 2.0, 2: 0.5}
    history = model.fit(x, y, class_weight=weight, epochs=2, batch_size=7, shuffle=False, verbose=0)
    return {"history": history.history, "scores": model.evaluate(x, y, verbose=0), "model": model, "inputs": x}


def autoencoder_with_layer_losses(keras, folder):
    """A variational autoencoder whose layers add the divergence; the noise is given, so that frameworks agree."""
    layers, ops = keras.layers, keras.ops

    class Sampling(layers.Layer):
        def call(self, inputs):
            mean, log_var, noise = inputs
            self.add_loss(-0.05 * ops.mean(1 + log_var - ops.square(mean) - ops.exp(log_var)))
            return mean + ops.exp(0.5 * log_var) * noise

    class Decoder(layers.Layer):
        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.hidden = layers.Dense(5, activation="tanh")
            self.out = layers.Dense(units)

        def call(self, inputs):
            return self.out(self.hidden(inputs))

    x, _ = blobs()
    noise = np.random.default_rng(3).normal(size=(24, 2)).astype("float32")
    image, epsilon = keras.Input((6,)), keras.Input((2,))
    hidden = layers.Dense(5, activation="relu")(image)
    z = Sampling()([layers.Dense(2, name="mean")(hidden), layers.Dense(2, name="log_var")(hidden), epsilon])
    model = fill(keras.Model([image, epsilon], Decoder(6)(z)))
    model.compile("adam", loss="mse", metrics=["mae"])
    history = model.fit([x, noise], x, epochs=2, batch_size=8, shuffle=False, verbose=0)
    return {"history": history.history, "model": model, "inputs": [x, noise]}


def transformer_classifier(keras, folder):
    """Text classification with a position embedding of the user's own and masks that travel by themselves."""
    layers, ops = keras.layers, keras.ops

    class TokenAndPosition(layers.Layer):
        def __init__(self, length, words, width, **kwargs):
            super().__init__(**kwargs)
            self.tokens = layers.Embedding(words, width, mask_zero=True)
            self.positions = layers.Embedding(length, width)
            self.supports_masking = True

        def compute_mask(self, inputs, mask=None):
            return self.tokens.compute_mask(inputs)

        def call(self, inputs):
            places = ops.arange(0, ops.shape(inputs)[-1], dtype="int32")
            return self.tokens(inputs) + self.positions(places)

    class Block(layers.Layer):
        def __init__(self, width, heads, **kwargs):
            super().__init__(**kwargs)
            self.attention = layers.MultiHeadAttention(heads, width // heads)
            self.feed = keras.Sequential([layers.Dense(8, activation="relu"), layers.Dense(width)])
            self.norms = [layers.LayerNormalization(epsilon=1e-6) for _ in range(2)]
            self.drops = [layers.Dropout(0.0), layers.Dropout(0.0)]
            self.supports_masking = True

        def call(self, inputs, training=None):
            attended = self.drops[0](self.attention(inputs, inputs), training=training)
            x = self.norms[0](inputs + attended)
            return self.norms[1](x + self.drops[1](self.feed(x), training=training))

    tokens, labels = sentences()
    inputs = keras.Input((7,), dtype="int32")
    x = Block(6, 2)(TokenAndPosition(7, 12, 6)(inputs))
    x = layers.GlobalAveragePooling1D()(x)
    x = layers.Dropout(0.0)(layers.Dense(4, activation="relu")(x))
    model = keras.Model(inputs, layers.Dense(2, activation="softmax")(x))
    fill(model).compile(keras.optimizers.Adam(1e-2), "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(tokens, labels, epochs=2, batch_size=8, shuffle=False, verbose=0, validation_split=0.25)
    return {"history": history.history, "count": model.count_params(), "model": model, "inputs": tokens}


def seq2seq(keras, folder):
    """LSTM encoder and decoder for training, then both taken apart for decoding step by step."""
    layers = keras.layers
    rng = np.random.default_rng(4)
    words = 5
    source = rng.integers(0, words, (12, 4))
    hot = np.eye(words + 1, dtype="float32")
    encoder_data, target = hot[source], hot[source[:, ::-1]]
    decoder_data = np.concatenate([np.tile(hot[words], (12, 1, 1)), target[:, :-1]], axis=1)

    encoder_inputs = keras.Input(shape=(None, words + 1))
    _, state_h, state_c = layers.LSTM(6, return_state=True, name="encoder")(encoder_inputs)
    decoder_inputs = keras.Input(shape=(None, words + 1))
    decoder = layers.LSTM(6, return_sequences=True, return_state=True, name="decoder")
    decoded, _, _ = decoder(decoder_inputs, initial_state=[state_h, state_c])
    dense = layers.Dense(words + 1, activation="softmax")
    model = fill(keras.Model([encoder_inputs, decoder_inputs], dense(decoded)))
    model.compile(optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"])
    history = model.fit([encoder_data, decoder_data], target, epochs=2, batch_size=6, shuffle=False, verbose=0)

    encoder_model = keras.Model(encoder_inputs, [state_h, state_c])
    states = [keras.Input(shape=(6,)), keras.Input(shape=(6,))]
    outputs, h, c = decoder(decoder_inputs, initial_state=states)
    decoder_model = keras.Model([decoder_inputs] + states, [dense(outputs), h, c])
    carried = encoder_model.predict(encoder_data[:2], verbose=0)
    token, said = np.tile(hot[words], (2, 1, 1)), []
    for _ in range(4):
        probabilities, *carried = decoder_model.predict([token, *carried], verbose=0)
        said.append(probabilities)
        token = hot[probabilities[:, -1].argmax(-1)][:, None]
    inputs = [encoder_data, decoder_data]
    return {"history": history.history, "said": np.concatenate(said, 1), "model": model, "inputs": inputs}


def recurrent_with_masks(keras, folder):
    """GRU over LSTM over an embedding that masks zeros; a stateful SimpleRNN beside it."""
    layers = keras.layers
    tokens, labels = sentences()
    model = keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            layers.Embedding(12, 4, mask_zero=True),
            layers.LSTM(5, return_sequences=True, dropout=0.0, recurrent_dropout=0.0),
            layers.GRU(4),
            layers.Dense(1),
        ]
    )
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    fill(model).compile("adam", loss, metrics=[keras.metrics.BinaryAccuracy()])
    history = model.fit(tokens, labels, epochs=2, batch_size=8, shuffle=False, verbose=0)

    walker = keras.Sequential([keras.Input((3, 2), batch_size=2), layers.SimpleRNN(3, stateful=True)])
    fill(walker, 1)
    steps = np.linspace(-1, 1, 12, dtype="float32").reshape(2, 3, 2)
    walked = [walker.predict(steps, verbose=0) for _ in range(2)]
    walker.layers[0].reset_state()
    walked.append(walker.predict(steps, verbose=0))
    return {"history": history.history, "walked": walked, "model": model, "inputs": tokens}


def siamese(keras, folder):
    """Two towers that share a submodel, a Lambda for the distance, the user's own loss and metric."""
    layers, ops = keras.layers, keras.ops

    def contrastive(y_true, y_pred, margin=1.0):
        close = ops.square(y_pred)
        apart = ops.square(ops.maximum(margin - y_pred, 0))
        return ops.mean((1 - y_true) * close + y_true * apart)

    def euclidean(pair):
        x, y = pair
        return ops.sqrt(ops.maximum(ops.sum(ops.square(x - y), axis=1, keepdims=True), keras.backend.epsilon()))

    class Separation(keras.metrics.Metric):
        def __init__(self, name="separation", **kwargs):
            super().__init__(name=name, **kwargs)
            self.near = self.add_weight(name="near", initializer="zeros")
            self.far = self.add_weight(name="far", initializer="zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            y_true = ops.cast(y_true, "float32")
            self.near.assign_add(ops.sum(y_pred * (1 - y_true)))
            self.far.assign(self.far + ops.sum(y_pred * y_true))

        def result(self):
            return {"far_over_near": self.far / (self.near + 1e-6), "far": self.far + 0.0}

        def reset_state(self):
            self.near.assign(0.0)
            self.far.assign(0.0)

    image = keras.Input((8, 8, 1))
    x = layers.Conv2D(3, 3, activation="tanh")(image)
    x = layers.AveragePooling2D(pool_size=(2, 2))(x)
    x = layers.Flatten()(x)
    embedding = keras.Model(image, layers.Dense(4, activation="tanh")(x), name="embedding")
    left, right = keras.Input((8, 8, 1)), keras.Input((8, 8, 1))
    distance = layers.Lambda(euclidean, output_shape=(1,))([embedding(left), embedding(right)])
    model = fill(keras.Model(inputs=[left, right], outputs=layers.Dense(1, activation="sigmoid")(distance)))
    model.compile(loss=contrastive, optimizer="rmsprop", metrics=[Separation()])
    rng = np.random.default_rng(5)
    pairs = rng.normal(size=(2, 12, 8, 8, 1)).astype("float32")
    different = rng.integers(0, 2, (12, 1)).astype("float32")
    history = model.fit(
        [pairs[0], pairs[1]],
        different,
        validation_data=([pairs[0][:4], pairs[1][:4]], different[:4]),
        epochs=2,
        batch_size=4,
        shuffle=False,
        verbose=0,
    )
    inputs = [pairs[0], pairs[1]]
    return {"history": history.history, "names": len(embedding.weights), "model": model, "inputs": inputs}


def transfer(keras, folder):
    """A frozen base with BatchNormalization in inference mode, then fine-tuned after thawing its last layers."""
    layers = keras.layers
    rng = np.random.default_rng(6)
    x = rng.normal(loc=1.0, size=(16, 8, 8, 2)).astype("float32")
    y = (x.mean((1, 2, 3)) > 1).astype("float32")
    base = keras.Sequential(
        [
            keras.Input((8, 8, 2)),
            layers.Conv2D(4, 3, padding="same", use_bias=False, name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(),
            layers.MaxPooling2D(),
            layers.Conv2D(4, 3, strides=2, name="last_conv"),
        ],
        name="base",
    )
    base.trainable = False
    inputs = keras.Input((8, 8, 2))
    x_mid = base(layers.Rescaling(0.5, offset=-0.1)(inputs), training=False)
    model = keras.Model(inputs, layers.Dense(1)(layers.GlobalAveragePooling2D()(x_mid)))
    fill(model).compile("adam", keras.losses.BinaryCrossentropy(from_logits=True), metrics=["binary_accuracy"])
    frozen = [np.array(w) for w in base.get_weights()]
    first = model.fit(x, y, epochs=1, batch_size=4, shuffle=False, verbose=0).history
    moved = max(float(np.abs(a - b).max()) for a, b in zip(frozen, base.get_weights(), strict=True))
    before = len(model.trainable_weights)

    base.trainable = True
    base.get_layer("conv").trainable = False
    model.compile(keras.optimizers.Adam(1e-3), keras.losses.BinaryCrossentropy(from_logits=True), metrics=["mae"])
    second = model.fit(x, y, epochs=1, batch_size=4, shuffle=False, verbose=0).history
    counts = [before, len(model.trainable_weights), len(model.non_trainable_weights)]
    return {"first": first, "second": second, "moved": moved, "counts": counts, "model": model, "inputs": x}


def batch_normalization(keras, folder):
    """A convnet whose BatchNormalization learns its statistics while training and uses them after."""
    layers = keras.layers
    rng = np.random.default_rng(7)
    x, y = rng.normal(2.0, 3.0, size=(20, 6, 6, 3)).astype("float32"), rng.integers(0, 4, 20)
    inputs = keras.Input((6, 6, 3))
    h = layers.Conv2D(4, 3, use_bias=False)(inputs)
    h = layers.Activation("swish")(layers.BatchNormalization(momentum=0.7)(h))
    shortcut = layers.Conv2D(4, 1, strides=1)(h)
    h = layers.add([layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same", use_bias=False)(h)), shortcut])
    model = keras.Model(inputs, layers.Dense(4)(layers.Flatten()(h)))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    fill(model).compile(keras.optimizers.AdamW(1e-2, weight_decay=0.01), loss, metrics=["accuracy"])
    history = model.fit(x, y, epochs=2, batch_size=8, shuffle=False, validation_data=(x, y), verbose=0)
    statistics = [np.array(w) for w in model.layers[2].get_weights()]
    return {"history": history.history, "statistics": statistics, "model": model, "inputs": x}


def nested_lists(keras, folder):
    """A subclassed model with layers in lists, dicts and nested models; multi-head output as a dict."""
    layers, ops = keras.layers, keras.ops

    class Mixture(keras.Model):
        def __init__(self, experts=3):
            super().__init__()
            self.experts = [[layers.Dense(4, activation="relu"), layers.Dense(2)] for _ in range(experts)]
            self.parts = {"gate": layers.Dense(experts, activation="softmax"), "scale": layers.Rescaling(2.0)}
            self.tail = keras.Sequential([layers.Dense(3, activation="tanh")])

        def call(self, inputs, training=False):
            x = self.parts["scale"](inputs)
            gates = self.parts["gate"](x)
            answers = []
            for first, second in self.experts:
                answers.append(second(first(x)))
            mixed = ops.sum(ops.stack(answers, axis=1) * ops.expand_dims(gates, -1), axis=1)
            return {"value": self.tail(mixed), "gates": gates}

    x, y = blobs()
    model = Mixture()
    model(x[:2])
    fill(model).compile("sgd", {"value": "sparse_categorical_crossentropy", "gates": None})
    count = [len(model.trainable_variables), len(model.layers), model.count_params()]
    model.compile(keras.optimizers.Adam(0.01, amsgrad=True), loss={"value": "mse", "gates": "kld"})
    targets = {"value": np.eye(3, dtype="float32")[y], "gates": np.full((24, 3), 1 / 3, "float32")}
    history = model.fit(x, targets, epochs=2, batch_size=8, shuffle=False, verbose=0)
    return {"history": history.history, "count": count, "model": model, "inputs": x}


def computed_graph(keras, folder):
    """A functional model made of operations on KerasTensors: means, slices, arithmetic, comparisons."""
    layers, ops = keras.layers, keras.ops
    inputs = keras.Input((5, 4), name="series")
    last, rest = inputs[:, -1], inputs[:, :-1, 1:]
    mean = ops.mean(inputs, axis=1)
    spread = ops.sqrt(ops.var(inputs, axis=1) + 1e-3)
    x = ops.concatenate([(last - mean) / spread, ops.max(rest, axis=1), -mean * 2.0], axis=-1)
    x = layers.Dense(6, activation="relu")(x)
    x = ops.where(x > 0.5, x, 0.1 * x) + ops.reshape(ops.sum(rest, axis=(1, 2)), (-1, 1))
    x = ops.sigmoid(x) ** 2 / (1.0 + ops.abs(x))
    model = fill(keras.Model(inputs, layers.Dense(2)(ops.expand_dims(x, 1)[:, 0])))
    rng = np.random.default_rng(8)
    x, y = rng.normal(size=(12, 5, 4)).astype("float32"), rng.normal(size=(12, 2)).astype("float32")
    model.compile("adam", "huber")
    history = model.fit(x, y, epochs=2, batch_size=5, shuffle=False, verbose=0)
    return {"history": history.history, "shape": str(model.output_shape), "model": model, "inputs": x}


PROGRAMS = [
    two_inputs_two_outputs,
    class_weights,
    autoencoder_with_layer_losses,
    transformer_classifier,
    seq2seq,
    recurrent_with_masks,
    siamese,
    transfer,
    batch_normalization,
    nested_lists,
    computed_graph,
]
