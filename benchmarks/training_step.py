"""Time of a training step on torch over that of a hand-written eager loop, for four models: ratios, in one process.

    python benchmarks/training_step.py              # all four, eager, captured and compiled
    python benchmarks/training_step.py mlp --stages eager compiled

Both sides take one step in turn, so that what else the machine does hits both alike; medians of the CPU time of the one
thread are compared, which doesn't count the time that other programs get. The bars are those of the project: MLP 0.5,
CNN 1.05, LSTM 0.9, Transformer 0.85.
"""

import argparse
import os
import statistics
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["KERAS_BACKEND"] = "torch"

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

import triceras
from triceras import layers

BARS = {"mlp": 0.5, "cnn": 1.05, "lstm": 0.9, "transformer": 0.85}
STAGES = {"eager": "0", "captured": "eager", "compiled": "wait"}  # by TRICERAS_TORCH_COMPILE


# --- ours -------------------------------------------------------------------------------------------------------------


def mlp():
    sizes = [layers.Dense(128, activation="relu"), layers.Dense(128, activation="relu"), layers.Dense(10)]
    return triceras.Sequential(sizes), (32, 64)


def cnn():
    blocks = [
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(10),
    ]
    return triceras.Sequential(blocks), (64, 28, 28, 1)


def lstm():
    return triceras.Sequential([layers.LSTM(64), layers.Dense(10)]), (32, 32, 16)


def transformer():
    x = inputs = layers.Input((64, 128))
    for _ in range(2):
        h = layers.LayerNormalization(epsilon=1e-5)(x)
        h = layers.MultiHeadAttention(4, 32, dropout=0.1)(h, h)
        x = layers.Add()([x, layers.Dropout(0.1)(h)])
        h = layers.LayerNormalization(epsilon=1e-5)(x)
        h = layers.Dense(128)(layers.Dense(512, activation="relu")(h))
        x = layers.Add()([x, layers.Dropout(0.1)(h)])
    return triceras.Model(inputs, layers.Dense(10)(layers.GlobalAveragePooling1D()(x))), (16, 64, 128)


def our_step(make, stage):
    """A function that trains one step; nobody fetches its logs."""
    os.environ["TRICERAS_TORCH_COMPILE"] = STAGES[stage]
    triceras.utils.set_random_seed(0)
    model, shape = make()
    loss = triceras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(triceras.optimizers.Adam(1e-3), loss, metrics=["accuracy"])
    x, y = data(shape)
    for _ in range(5):
        model.train_on_batch(x, y)
    step, batch = model.make_train_function(), [(torch.from_numpy(x), torch.from_numpy(y))]

    def run():
        with triceras.use_backend("torch"):
            step(batch)

    run.model = model  # a step holds its model weakly
    return run


# --- by hand ----------------------------------------------------------------------------------------------------------


class Cnn(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = torch.nn.Conv2d(1, 32, 3), torch.nn.Conv2d(32, 64, 3), torch.nn.Linear(1600, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.a(x.movedim(-1, 1))), 2)
        return self.c(F.max_pool2d(F.relu(self.b(x)), 2).flatten(1))


class Lstm(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = torch.nn.LSTM(16, 64, batch_first=True), torch.nn.Linear(64, 10)

    def forward(self, x):
        return self.b(self.a(x)[0][:, -1])


class Transformer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        layer = torch.nn.TransformerEncoderLayer(128, 4, 512, 0.1, batch_first=True, norm_first=True)
        self.a = torch.nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.b = torch.nn.Linear(128, 10)

    def forward(self, x):
        return self.b(self.a(x).mean(1))


def native_mlp():
    sizes = [64, 128, 128]
    hidden = [m for a, b in zip(sizes, sizes[1:], strict=False) for m in (torch.nn.Linear(a, b), torch.nn.ReLU())]
    return torch.nn.Sequential(*hidden, torch.nn.Linear(128, 10))


NATIVE = {"mlp": native_mlp, "cnn": Cnn, "lstm": Lstm, "transformer": Transformer}


def native_step(name, shape):
    torch.manual_seed(0)
    model = NATIVE[name]()
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    x, y = map(torch.from_numpy, data(shape))
    right, seen, total = torch.zeros(()), torch.zeros(()), torch.zeros(())

    def run():
        optimizer.zero_grad()
        logits = model(x)
        loss = F.cross_entropy(logits, y)
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            right.add_((logits.argmax(-1) == y).sum())
            seen.add_(len(y))
            total.add_(loss * len(y))

    return run


# --- the measurement --------------------------------------------------------------------------------------------------


def data(shape):
    rng = np.random.default_rng(0)
    return rng.normal(size=shape).astype("float32"), rng.integers(0, 10, shape[:1])


def medians(steps, seconds):
    """The median time of each step, all taken in turn."""
    times = [[] for _ in steps]
    for step in steps:
        step(), step(), step()
    begun = time.perf_counter()
    while time.perf_counter() - begun < seconds or len(times[0]) < 20:
        for step, kept in zip(steps, times, strict=True):
            start = time.thread_time()
            step()
            kept.append(time.thread_time() - start)
    return [statistics.median(kept) for kept in times]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=list(BARS), help="of: " + ", ".join(BARS))
    parser.add_argument("--stages", nargs="*", default=list(STAGES), choices=list(STAGES))
    parser.add_argument("--seconds", type=float, default=10.0, help="for each model")
    options = parser.parse_args()
    print(f"{'':12} {'native ms':>10} " + " ".join(f"{stage:>10}" for stage in options.stages) + f" {'bar':>6}")
    for name in options.models:
        make = globals()[name]
        steps = [native_step(name, make()[1]), *(our_step(make, stage) for stage in options.stages)]
        native, *ours = medians(steps, options.seconds)
        ratios = " ".join(f"{t / native:10.2f}" for t in ours)
        print(f"{name:12} {1e3 * native:10.3f} {ratios} {BARS[name]:6.2f}", flush=True)


if __name__ == "__main__":
    main()
