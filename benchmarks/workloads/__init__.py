"""What is compared. Each file here is one side; a side of a workload is an object with

* `ready(x, y)`: the batch as the backend's tensors,
* `train(batch)`: one step of Adam (1e-3) on softmax cross-entropy from logits, loss and accuracy accumulated,
* `loss(x, y)`: a step on arrays; gives the batch's loss,
* `call(x)`: the outputs for a tensor, nothing compiled,
* `predict(x)`: the outputs for an array in batches of 32, as an array,
* `fit(x, y)`: an epoch over arrays in shuffled batches; loss and accuracy become numbers.
"""

import importlib

import numpy as np

# The shape of a training batch's inputs; there are ten classes.
SHAPES = {"mlp": (32, 64), "cnn": (64, 28, 28, 1), "lstm": (32, 32, 16), "transformer": (16, 64, 128)}
DROPOUT = {"transformer": 0.1}  # the others have none
BATCH = 32  # of `predict`
MODULES = {"ours": "ours", "keras": "real_keras", "native": "native_{}"}

ATTENTION = 3 * [(128, 4, 32), (4, 32)] + [(4, 32, 128), (128,)]
BLOCK = [(128,), (128,), *ATTENTION, (128,), (128,), (128, 512), (512,), (512, 128), (128,)]
WEIGHTS = {
    "mlp": [(64, 128), (128,), (128, 128), (128,), (128, 10), (10,)],
    "cnn": [(3, 3, 1, 32), (32,), (3, 3, 32, 64), (64,), (1600, 10), (10,)],
    "lstm": [(16, 256), (64, 256), (256,), (64, 10), (10,)],
    "transformer": [*BLOCK, *BLOCK, (128, 10), (10,)],
}


def data(name, rows=None):
    """Random inputs and classes, as NumPy arrays; a training batch unless `rows` says otherwise."""
    rng = np.random.default_rng(0)
    batch, *sample = SHAPES[name]
    rows = rows or batch
    return rng.normal(size=(rows, *sample)).astype("float32"), rng.integers(0, 10, rows)


def random_weights(name):
    """Some weights, laid out as Keras's: they do for times and for comparisons."""
    rng = np.random.default_rng(1)
    return [0.1 * rng.normal(size=shape).astype("float32") for shape in WEIGHTS[name]]


def side(kind, backend):
    """The class of one side: of `"ours"`, `"keras"` (real Keras) or `"native"` (by hand)."""
    return importlib.import_module("benchmarks.workloads." + MODULES[kind].format(backend)).Side
