"""What each process of a job on torch runs: `replicas_worker.py WHAT …`, one of the functions below."""

import os
import sys

import numpy as np

import triceras as keras
from tests.distribution import models
from triceras import distribution as dist
from triceras import layers


def tell(what, value):
    """A line in one piece, whatever the others print."""
    os.write(1, f"{what}: {value}\n".encode())


def curves(folder):
    """Train all models, and keep what they came to; tell how many graphs took over."""
    from triceras.backends.torch.compiler.program import Program

    taken, take = [], Program.take
    Program.take = lambda self, captured, call: (taken.append(self), take(self, captured, call))
    dist.initialize()
    dist.set_distribution(dist.DataParallel())
    found = {}
    for name in models.WITHOUT_DRAWS:
        model, history = models.trained(name, models=models.WITHOUT_DRAWS)
        x, y = models.data(model)
        found[f"{name} loss"], found[f"{name} accuracy"] = history["loss"], history["accuracy"]
        found[f"{name} evaluate"] = model.evaluate(x, y, batch_size=models.BATCH, verbose=2)
        found[f"{name} predict"] = model.predict(x, batch_size=models.BATCH, verbose=0)
        found |= {f"{name} weight {i}": w for i, w in enumerate(model.get_weights())}
        model.save(os.path.join(folder, f"{name}.keras"))
    np.savez(os.path.join(folder, f"{os.environ['RANK']}.npz"), **found)
    tell("devices", f"{dist.list_devices()} graphs: {len(taken)}")


class OwnStep(keras.Model):
    """A step written for torch."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(1, kernel_initializer="ones")

    def call(self, x):
        return self.dense(x)

    def train_step(self, data):
        x, y = data
        self.zero_grad()
        loss = keras.ops.mean((self(x) - y) ** 2)
        loss.backward()
        self.optimizer.apply([v.value.grad for v in self.trainable_weights], self.trainable_weights)
        return {"loss": loss, "rows": float(len(x))}


def features():
    """Everything else, in a process group that the user has made."""
    import torch

    rank = int(os.environ["RANK"])
    torch.distributed.init_process_group("gloo")
    keras.utils.set_random_seed(rank)
    x = np.arange(32, dtype="float32").reshape(16, 2) / 32
    y = x[:, :1]

    def dense():
        model = keras.Sequential([layers.Input((2,)), layers.BatchNormalization(), layers.Dense(1)])
        model.compile("sgd", "mse", steps_per_execution=2)
        return model

    dense().fit(x[: 8 + rank], y[: 8 + rank], batch_size=3, epochs=1 + rank, verbose=0)  # each by itself
    dist.initialize()
    with dist.DataParallel().scope():
        model = dense()  # the first process's seed
        model.fit(x, y, batch_size=4, epochs=2, verbose=0)
        together = model.predict(x, batch_size=4, verbose=0)
        tell("weights", [w.tolist() for w in model.get_weights()])
        draws = [keras.random.uniform((2,), seed=keras.random.SeedGenerator(5)).numpy() for _ in range(2)]
        assert (draws[0] == draws[1]).all()
        tell("draw", draws[0].tolist())
        own = OwnStep()
        own.compile("sgd", "mse", jit_compile=False)
        logs = own.fit(x, y, batch_size=16, shuffle=False, verbose=0).history
        assert logs["rows"] == [8.0] and np.isclose(logs["loss"][0], np.mean((x.sum(1) - y[:, 0]) ** 2)), logs
        tell("own step", own.get_weights()[0].tolist())
        theirs = dense()
        theirs.compile(torch.optim.Adam(theirs.parameters()), "mse")
        theirs.fit(x, y, batch_size=4, epochs=2, verbose=0)
        tell("torch.optim", [w.tolist() for w in theirs.get_weights()])
        masked = layers.BatchNormalization(momentum=0.0)
        masked.build((None, 8, 2))
        kept = np.arange(16).reshape(2, 8) % 3 > 0
        masked(x.reshape(2, 8, 2)[rank : rank + 1], training=True, mask=kept[rank : rank + 1])
        assert np.allclose(masked.moving_mean, x[kept.ravel()].mean(0)), masked.moving_mean
        assert np.allclose(masked.moving_variance, x[kept.ravel()].var(0)), masked.moving_variance
    if rank == 0:  # alone again
        assert np.allclose(model.predict(x, verbose=0), together, atol=1e-6)
    keras.utils.set_random_seed(1)
    expected = dense().fit(x, y, batch_size=16, verbose=0).history["loss"]
    with dist.DataParallel(auto_shard_dataset=False).scope():
        keras.utils.set_random_seed(1)
        mine = slice(8 * rank, 8 * rank + 8)
        found = dense().fit(x[mine], y[mine], batch_size=8, verbose=0).history["loss"]
    assert np.allclose(found, expected, rtol=1e-5), (found, expected)


def errors(address, rank):
    """What doesn't fit, and in the end a process that dies."""
    rank = int(rank)
    dist.initialize(address, 2, rank)
    dist.set_distribution(dist.DataParallel())

    def attempt(units=1, samples=8, size=4, callbacks=None):
        model = keras.Sequential([layers.Input((2,)), layers.Dense(units, name="dense")])
        model.compile("sgd", "mse")
        try:
            model.fit(np.ones((samples, 2)), np.ones((samples, 1)), size, epochs=2, verbose=0, callbacks=callbacks)
        except RuntimeError as error:
            tell("error", error)

    class Die(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if rank == 1 and batch == 1:
                os._exit(5)

    attempt(units=1 + rank)
    attempt(samples=8 + 4 * rank)
    attempt(size=4 + 4 * rank)
    attempt(callbacks=[Die()])


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
