"""What processes of their own run on TensorFlow, whose devices are fixed at its start: `devices FOLDER`, `processes`."""

import os
import sys
import tempfile
import traceback

import numpy as np
import tensorflow as tf

import triceras as keras
from tests.distribution import models
from triceras import distribution as dist
from triceras import layers

DEVICES = 4


def assert_close(found, expected, what=""):
    for a, b in zip(found, expected, strict=True):
        b = np.asarray(b)
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * np.abs(b).max(initial=1e-3), err_msg=what)


def spread(count=2):
    return dist.DataParallel(devices=dist.list_devices()[:count]).scope()


def facts(model, history):
    """All that must be the same on one device and on many."""
    x, y = models.data(model)
    found = {key: [values] for key, values in history.items()}
    found["evaluate"] = model.evaluate(x, y, batch_size=models.BATCH, verbose=0)
    return {**found, "predict": [model.predict(x, verbose=0)], "weights": model.get_weights()}


def assert_follows(found, expected):
    for key, values in facts(*found).items():
        assert_close(values, expected[key], key)


def assert_trained_alike(found, expected):
    for key, values in expected[1].items():
        assert_close([found[1][key]], [values], key)
    assert_close(found[0].get_weights(), expected[0].get_weights(), "weights")


def copies(variable):
    return [copy.numpy() for copy in variable.native.values]


def assert_copies_are_equal(model, count):
    for variable in (*model.variables, *model.optimizer.variables, *model.metrics_variables):
        first, *others = copies(variable)
        assert len(others) == count - 1 and all((first == other).all() for other in others), variable.path
        assert len({copy.device for copy in variable.native.values}) == count


def check_curves():
    for name in models.WITHOUT_DRAWS:
        expected = facts(*models.trained(name, models=models.WITHOUT_DRAWS))
        for count in (2, 4):
            with spread(count):
                found = models.trained(name, models=models.WITHOUT_DRAWS)
                assert_follows(found, expected)
            assert int(found[0].optimizer.iterations.numpy()) == models.STEPS
            assert_copies_are_equal(found[0], count)


def check_own_scope():
    strategy = tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(2)])
    with strategy.scope():
        model = models.compiled("mlp")
    x, y = models.data(model)
    history = model.fit(x, y, batch_size=models.BATCH, epochs=2, verbose=0).history
    assert dist.distribution() is None
    expected = models.trained("mlp")
    assert_trained_alike((model, history), expected)
    assert_copies_are_equal(model, 2)
    with strategy.scope():
        assert_trained_alike(models.trained("mlp"), expected)
        outer = keras.Sequential([layers.Input((8,)), layers.Dense(2)])
    outer.compile("sgd", "mse")
    with np.testing.assert_raises_regex(ValueError, "loss/total, were made outside of the strategy's scope"):
        outer.fit(x, y, verbose=0)
    with tf.distribute.OneDeviceStrategy("CPU:0").scope():
        with np.testing.assert_raises_regex(NotImplementedError, "MirroredStrategy.*Received: OneDeviceStrategy"):
            models.compiled("mlp")


def check_settings():
    """Losses that layers add while the others wait, branches around updates, and all ways to run steps."""

    def model(optimizer, **options):
        keras.utils.clear_session(free_memory=False)
        keras.utils.set_random_seed(3)
        inputs = layers.Input((8,))
        x = layers.Dense(16, activity_regularizer="l2", kernel_regularizer="l2", use_bias=False)(inputs)
        x = layers.BatchNormalization()(x)
        x = layers.Dense(8, activity_regularizer="l1", activation="relu")(x)
        built = keras.Model(inputs, layers.Dense(models.CLASSES, activity_regularizer="l2")(x))
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        built.compile(optimizer(), loss, metrics=["accuracy"], **options)
        x, y = models.data(built)
        return built, built.fit(x, y, batch_size=models.BATCH, epochs=2, verbose=0).history

    optimizers = keras.optimizers
    expected = model(lambda: optimizers.SGD(0.05))
    for options in ({}, {"run_eagerly": True}, {"steps_per_execution": 4}, {"jit_compile": True}):
        with spread():
            assert_trained_alike(model(lambda: optimizers.SGD(0.05), **options), expected)

    def accumulating():
        return optimizers.SGD(0.05, gradient_accumulation_steps=3, use_ema=True, ema_overwrite_frequency=4, clipnorm=1)

    expected = model(accumulating)
    with spread():
        found = model(accumulating)
        assert_trained_alike(found, expected)
        assert_copies_are_equal(found[0], 2)


class OwnStep(keras.Model):
    """A step written for TensorFlow."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(1, kernel_initializer="ones")

    def call(self, x):
        return self.dense(x)

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((self(x) - y) ** 2)
        weights = self.trainable_weights
        self.optimizer.apply_gradients(zip(tape.gradient(loss, [w.value for w in weights]), weights, strict=True))
        return {"loss": loss, "rows": tf.cast(tf.shape(x)[0], "float32")}


def check_own_steps():
    x = np.arange(32, dtype="float32").reshape(16, 2) / 32
    found = []
    for count in (1, 4):
        with spread(count):
            model = OwnStep()
            model.compile("sgd")
            history = model.fit(x, x[:, :1], batch_size=8, shuffle=False, epochs=2, verbose=0).history
            assert history["rows"][0] == 8 / count and history["loss"][0] > 0
            found.append((history["loss"], *model.get_weights()))
    assert_close(*found)


def check_draws():
    """Each replica draws its own numbers; the same again with the same seed; all the same where rows don't divide."""

    class Noise(keras.Model):
        def __init__(self):
            super().__init__()
            self.seed = keras.random.SeedGenerator(5)

        def call(self, x):
            return x + keras.random.uniform((1, 3), seed=self.seed)

    def drawn(rows):
        with spread():
            return Noise().predict(np.zeros((rows, 3), "float32"), verbose=0)

    rows = drawn(4)
    assert (rows[0] == rows[1]).all() and (rows[2] == rows[3]).all() and (rows[1] != rows[2]).all()
    assert (drawn(4) == rows).all()
    assert (drawn(3) == rows[:1]).all()


def check_files():
    alone = models.trained("convnet", models=models.WITHOUT_DRAWS)
    expected = facts(*alone)
    with tempfile.TemporaryDirectory() as folder:
        with spread():
            model, history = models.trained("convnet", models=models.WITHOUT_DRAWS)
            model.save(f"{folder}/spread.keras")
            again = keras.models.load_model(f"{folder}/spread.keras")
            assert_follows((again, history), expected)
            assert_copies_are_equal(again, 2)
        one = keras.models.load_model(f"{folder}/spread.keras")
        assert not hasattr(one.variables[0].native, "values")
        assert_follows((one, history), expected)
    model.to_backend("numpy")
    assert_close(model.get_weights(), alone[0].get_weights())


def check_what_is_exchanged():
    """A step sums gradients once and metrics once; it is traced once for each size of a batch."""
    from triceras.backends.tensorflow.distribution import replicated

    sums, buckets = [], replicated._buckets
    replicated._buckets = lambda tensors: sums.append(buckets(tensors)) or sums[-1]
    try:
        with spread():
            model, _ = models.trained("mlp")
    finally:
        replicated._buckets = buckets
    traces = model._steps["train_step"].one.traces
    assert len(traces) == 2 and len(sums) == 2 * 2 * 2, (len(traces), len(sums))  # traces, replicas, sums
    assert all(len(each) == 1 for each in sums)


def check_refusals():
    assert dist.list_devices() == [f"cpu:{i}" for i in range(DEVICES)] and dist.list_devices("gpu") == []
    with np.testing.assert_raises_regex(ValueError, "No such devices: cpu:9. There are: cpu:0"):
        with dist.DataParallel(devices=["cpu:0", "cpu:9"]).scope():
            keras.Variable(1.0)
    with np.testing.assert_raises_regex(NotImplementedError, "fsdp splits variables"):
        dist.fsdp()
    mesh = dist.DeviceMesh((2,), ("model",), dist.list_devices()[:2])
    with np.testing.assert_raises_regex(NotImplementedError, "On tensorflow tensors can't be split"):
        dist.distribute_tensor(np.ones(2), dist.TensorLayout(("model",), mesh))
    with np.testing.assert_raises_regex(ValueError, "need the addresses of all of them"):
        dist.initialize("localhost:1", 2, 0)


CHECKS = {name.removeprefix("check_"): check for name, check in list(globals().items()) if name.startswith("check_")}


def devices():
    one = [tf.config.LogicalDeviceConfiguration()] * DEVICES
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], one)
    for name, check in CHECKS.items():
        try:
            check()
            print(name, "holds", flush=True)
        except Exception:
            print(name, "fails:\n", traceback.format_exc(), flush=True)
        dist.set_distribution(None)


def processes(folder):
    dist.initialize()
    rank = int(os.environ["RANK"])
    found = {}
    with dist.DataParallel().scope():
        for name in models.WITHOUT_DRAWS:
            model, history = models.trained(name, models=models.WITHOUT_DRAWS)
            x, y = models.data(model)
            found |= {f"{name} {key}": value for key, value in history.items()}
            found[f"{name} evaluate"] = model.evaluate(x, y, batch_size=models.BATCH, verbose=2)
            found[f"{name} predict"] = model.predict(x, batch_size=models.BATCH, verbose=0)
            found |= {f"{name} weight {i}": w for i, w in enumerate(model.get_weights())}
            model.save(os.path.join(folder, f"{name}.keras"))
        np.savez(os.path.join(folder, f"{rank}.npz"), **found)
        print("devices:", dist.list_devices(), flush=True)
        attempts(rank)


def attempts(rank):
    """What doesn't fit, and in the end a process that is gone."""

    def attempt(units=1, samples=8, size=4, callbacks=None):
        model = keras.Sequential([layers.Input((2,)), layers.Dense(units, name="dense")])
        model.compile("sgd", "mse")
        try:
            model.fit(np.ones((samples, 2)), np.ones((samples, 1)), size, epochs=2, verbose=0, callbacks=callbacks)
        except RuntimeError as error:
            print("told:", " ".join(str(error).split()), flush=True)

    class Leave(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if rank == 1 and batch == 1:
                os._exit(0)

    keras.utils.set_random_seed(rank)
    model = keras.Sequential([layers.Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.ones((8, 2)), np.ones((8, 1)), verbose=0)
    print("weights:", model.get_weights()[0].ravel().tolist(), flush=True)  # the first one's
    attempt(units=1 + rank)
    attempt(samples=8 + 4 * rank)
    attempt(size=4 + 4 * rank)
    attempt(callbacks=[Leave()])


if __name__ == "__main__":
    keras.config.set_backend("tensorflow")
    {"devices": devices, "processes": processes}[sys.argv[1]](*sys.argv[2:])
