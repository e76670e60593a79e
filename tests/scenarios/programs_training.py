"""Programs as in Keras's guides: ways to train, to feed data, to watch and to go on."""

import os

import numpy as np

from tests.scenarios.common import blobs, fill, sentences


def classifier(keras, optimizer="adam", metrics=(), **compiled):
    """A small network for the blobs."""
    layers = keras.layers
    net = keras.Sequential([keras.Input((6,)), layers.Dense(8, activation="relu"), layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    fill(net).compile(optimizer=optimizer, loss=loss, metrics=list(metrics), **compiled)
    return net


def watched_training(keras, folder):
    """Five callbacks and one of the user's own; what they wrote and when they stopped."""
    seen = []

    class Watcher(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            seen.append(f"begin {sorted(self.params)}")

        def on_epoch_end(self, epoch, logs=None):
            rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
            seen.append(f"epoch {epoch} {sorted(logs)} {rate:.4f}")

        def on_train_batch_end(self, batch, logs=None):
            seen.append(f"batch {batch} {sorted(logs)}")

        def on_test_end(self, logs=None):
            seen.append("tested")

    x, y = blobs()
    model = classifier(keras, keras.optimizers.SGD(0.5), ["accuracy"])
    log, best = os.path.join(folder, "log.csv"), os.path.join(folder, "best.keras")
    history = model.fit(
        x,
        y,
        validation_data=(-x[:8], y[:8]),
        epochs=6,
        batch_size=12,
        shuffle=False,
        verbose=0,
        callbacks=[
            keras.callbacks.ModelCheckpoint(best, monitor="loss", save_best_only=True),
            keras.callbacks.ModelCheckpoint(os.path.join(folder, "{epoch:02d}.weights.h5"), save_weights_only=True),
            keras.callbacks.EarlyStopping(monitor="val_loss", patience=3, restore_best_weights=True),
            keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.1, patience=1, min_lr=0.01),
            keras.callbacks.CSVLogger(log),
            keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: seen.append(f"lambda {epoch}")),
            Watcher(),
        ],
    )
    with open(log) as f:
        columns = f.readline().strip()
    kept = sorted(name for name in os.listdir(folder) if name.endswith(".weights.h5"))
    restored = keras.saving.load_model(best).evaluate(x, y, verbose=0)
    found = {"history": history.history, "seen": seen, "epochs": history.epoch, "kept": kept, "columns": columns}
    return {**found, "restored": restored, "model": model, "inputs": x}


def scheduled_rate(keras, folder):
    """A schedule in the optimizer, and one as a callback."""
    x, y = blobs()
    schedule = keras.optimizers.schedules.CosineDecay(0.2, 8, alpha=0.1, warmup_target=0.5, warmup_steps=2)
    model = classifier(keras, keras.optimizers.SGD(schedule, clipnorm=0.7))
    first = model.fit(x, y, epochs=2, batch_size=6, shuffle=False, verbose=0).history
    model.compile(keras.optimizers.Adam(1e-2), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    callback = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5)
    second = model.fit(x, y, epochs=4, initial_epoch=2, batch_size=6, shuffle=False, verbose=0, callbacks=[callback])
    rate = float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))
    return {"first": first, "second": second.history, "rate": rate, "epochs": second.epoch}


def accumulation_and_averages(keras, folder):
    """Gradients of four batches of 6 gathered are one batch of 24; weights averaged as training goes."""
    x, y = blobs()
    small = classifier(keras, keras.optimizers.SGD(0.3, momentum=0.9, gradient_accumulation_steps=4))
    large = classifier(keras, keras.optimizers.SGD(0.3, momentum=0.9))
    small.fit(x, y, epochs=2, batch_size=6, shuffle=False, verbose=0)
    large.fit(x, y, epochs=2, batch_size=24, shuffle=False, verbose=0)
    apart = max(float(np.abs(a - b).max()) for a, b in zip(small.get_weights(), large.get_weights(), strict=True))
    averaged = classifier(
        keras,
        keras.optimizers.Adam(0.05, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=None, global_clipnorm=0.5),
    )
    history = averaged.fit(x, y, epochs=2, batch_size=6, shuffle=False, verbose=0).history
    before = averaged.evaluate(x, y, verbose=0)
    averaged.optimizer.finalize_variable_values(averaged.trainable_variables)
    after = averaged.evaluate(x, y, verbose=0)
    return {"same": apart < 1e-5, "history": history, "before": before, "after": after, "weights": small.get_weights()}


def many_sources(keras, folder):
    """The same data as arrays, lists, dicts, a generator, a PyDataset, and with weights in the tuple."""
    layers = keras.layers
    tokens, labels = sentences()
    features, _ = blobs()
    weights = np.linspace(0.1, 1.0, 24).astype("float32")

    def model():
        words, numbers = keras.Input((7,), dtype="int32", name="words"), keras.Input((6,), name="numbers")
        h = layers.Flatten()(layers.Embedding(12, 3)(words))
        net = keras.Model({"words": words, "numbers": numbers}, layers.Dense(1)(layers.Concatenate()([h, numbers])))
        fill(net).compile("sgd", "mse", weighted_metrics=["mae"])
        return net

    def batch(i):
        rows = slice(6 * i, 6 * i + 6)
        inputs = {"words": tokens[rows], "numbers": features[rows]}
        return inputs, labels[rows].astype("float32")[:, None], weights[rows]

    def generator():
        while True:
            for i in range(4):
                yield batch(i)

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 4

        def __getitem__(self, index):
            return batch(index)

    everything = {"words": tokens, "numbers": features}
    found = {
        "arrays": model().fit(
            everything, labels[:, None], sample_weight=weights, batch_size=6, epochs=2, shuffle=False, verbose=0
        ),
        "generator": model().fit(generator(), steps_per_epoch=4, epochs=2, verbose=0),
        "dataset": model().fit(Batches(), epochs=2, shuffle=False, verbose=0, validation_data=Batches()),
    }
    net = model()
    for i in range(4):
        on_batch = net.train_on_batch(*batch(i), return_dict=True)
    predicted = net.predict(Batches(), verbose=0)
    scores = net.evaluate(generator(), steps=3, verbose=0)
    return {**{k: v.history for k, v in found.items()}, "on_batch": on_batch, "predicted": predicted, "scores": scores}


def execution_options(keras, folder):
    """Uneven last batches, eager and uncompiled steps: the numbers don't change."""
    x, y = blobs(n=13)
    found = {}
    for name, options in {
        "default": {},
        "eager": {"run_eagerly": True},
        "uncompiled": {"jit_compile": False},
    }.items():
        model = classifier(keras, keras.optimizers.RMSprop(1e-2), ["accuracy"], **options)
        history = model.fit(x, y, epochs=1, batch_size=5, shuffle=False, verbose=0)
        predicted = model.predict(x, batch_size=4, verbose=0)
        assert predicted.shape == (13, 3)
        found[name] = {
            "loss": history.history["loss"],
            "scores": model.evaluate(x, y, verbose=0),
            "predicted": predicted,
        }
    return found


def own_layers_in_files(keras, folder):
    """Registered layers with configs, losses of their own, weights made in `build` and in `__init__`; saved, loaded."""
    layers, ops = keras.layers, keras.ops

    @keras.saving.register_keras_serializable(package="scenarios")
    class Linear(layers.Layer):
        def __init__(self, units=4, rate=1e-2, activation=None, **kwargs):
            super().__init__(**kwargs)
            self.units, self.rate = units, rate
            self.activation = keras.activations.get(activation)
            self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False, name="calls")

        def build(self, input_shape):
            self.w = self.add_weight(shape=(input_shape[-1], self.units), initializer="glorot_uniform", name="w")
            self.b = self.add_weight(shape=(self.units,), initializer="zeros", name="b")

        def call(self, inputs, training=None):
            if training:
                self.calls.assign_add(1.0)
            self.add_loss(self.rate * ops.sum(ops.square(inputs)))
            return self.activation(ops.matmul(inputs, self.w) + self.b)

        def get_config(self):
            config = super().get_config()
            config.update(
                {"units": self.units, "rate": self.rate, "activation": keras.activations.serialize(self.activation)}
            )
            return config

    @keras.saving.register_keras_serializable(package="scenarios", name="Twice")
    def twice(x):
        return ops.tanh(x) * 2

    x, y = blobs()
    net = keras.Sequential([keras.Input((6,)), Linear(5, activation=twice), layers.Dropout(0.0), Linear(3)])
    path = os.path.join(folder, "own.keras")
    fill(net).compile(keras.optimizers.Adam(1e-2), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    first = net.fit(x, y, epochs=1, batch_size=8, shuffle=False, verbose=0).history
    net.save(path)
    again = keras.saving.load_model(path)
    second = again.fit(x, y, epochs=1, batch_size=8, shuffle=False, verbose=0).history
    config = again.layers[0].get_config()
    copy = keras.models.clone_model(again)
    copy.set_weights(again.get_weights())
    calls = float(keras.ops.convert_to_numpy(copy.layers[0].calls))
    config = {key: config[key] for key in ("units", "rate", "name")}
    return {"first": first, "second": second, "config": config, "calls": calls, "model": copy, "inputs": x}


def resumed_training(keras, folder):
    """Four epochs, and two epochs, a file, and two more: the same curve."""
    x, y = blobs()
    whole = classifier(keras, keras.optimizers.AdamW(0.02)).fit(x, y, epochs=4, batch_size=8, shuffle=False, verbose=0)
    model = classifier(keras, keras.optimizers.AdamW(0.02))
    path = os.path.join(folder, "half.keras")
    saver = keras.callbacks.ModelCheckpoint(path)
    first = model.fit(x, y, epochs=2, batch_size=8, shuffle=False, verbose=0, callbacks=[saver]).history["loss"]
    again = keras.models.load_model(path)
    rest = again.fit(x, y, epochs=4, initial_epoch=2, batch_size=8, shuffle=False, verbose=0).history["loss"]
    weights = os.path.join(folder, "half.weights.h5")
    again.save_weights(weights)
    fresh = classifier(keras)
    fresh.load_weights(weights)
    same = bool(np.allclose(fresh.predict(x, verbose=0), again.predict(x, verbose=0)))
    return {
        "whole": whole.history["loss"],
        "parts": first + rest,
        "same": same,
        "steps": int(again.optimizer.iterations),
    }


PROGRAMS = [
    watched_training,
    scheduled_rate,
    accumulation_and_averages,
    many_sources,
    execution_options,
    own_layers_in_files,
    resumed_training,
]
