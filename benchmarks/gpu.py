"""A bf16 transformer of some 110 M parameters on a GPU: Triceras against code by hand, compiled, in absolute times.

A language model: embeddings, blocks of causal attention and a feed-forward part, next-token loss over the vocabulary.
Weights and Adam's slots are float32, the arithmetic bfloat16, on both sides.
"""

import importlib
import time
from typing import NamedTuple

import numpy as np

from benchmarks import timing

STEPS = 10  # in a row, without waiting in between
NATIVE = {"jax": "gpu_jax", "torch": "gpu_torch"}


class Size(NamedTuple):
    blocks: int = 12
    width: int = 768
    heads: int = 12
    length: int = 512
    batch: int = 16
    vocabulary: int = 16_384


def measure(backend, seconds=20.0, anywhere=False, **size):
    """Milliseconds a step, of both sides in turns; nothing where the backend has no GPU, unless `anywhere`."""
    native = importlib.import_module(f"benchmarks.workloads.{NATIVE[backend]}")
    if not (anywhere or native.has_gpu()):
        return
    size = Size(**size)
    tokens = np.random.default_rng(0).integers(0, size.vocabulary, (size.batch, size.length + 1)).astype("int32")
    steps = {"native": native.step(size, tokens), "ours": ours(size, tokens)}
    first = {name: first_call(step) for name, step in steps.items()}
    found = timing.interleaved({name: several(step) for name, step in steps.items()}, seconds)
    yield {
        "measure": "large transformer",
        "native": found["native"].wall / STEPS,
        "value": found["ours"].wall / STEPS,
        "calls": found["ours"].calls * STEPS,
        "first": first,
        "device": native.device(),
    }


def first_call(step):
    begun = time.perf_counter()
    for _ in range(5):  # graphs are captured and compiled in them
        float(step())
    return time.perf_counter() - begun


def several(step):
    """Some steps in a row; reading the last loss waits for all."""

    def run():
        for _ in range(STEPS - 1):
            step()
        return float(step())

    return run


def model(size):
    """The same model by Triceras."""
    import triceras
    from triceras import layers

    tokens = layers.Input((size.length,), dtype="int32")
    x = layers.Embedding(size.vocabulary, size.width)(tokens)
    x = x + layers.Embedding(size.length, size.width)(triceras.ops.arange(size.length))
    for _ in range(size.blocks):
        h = layers.LayerNormalization(epsilon=1e-5)(x)
        x = x + layers.MultiHeadAttention(size.heads, size.width // size.heads)(h, h, use_causal_mask=True)
        h = layers.LayerNormalization(epsilon=1e-5)(x)
        x = x + layers.Dense(size.width)(layers.Dense(4 * size.width, activation="gelu")(h))
    x = layers.LayerNormalization(epsilon=1e-5)(x)
    return triceras.Model(tokens, layers.Dense(size.vocabulary, use_bias=False)(x))


def ours(size, tokens):
    import triceras
    from triceras import ops

    triceras.config.set_dtype_policy("mixed_bfloat16")
    made = model(size)
    loss = triceras.losses.SparseCategoricalCrossentropy(from_logits=True)
    made.compile(triceras.optimizers.Adam(1e-4), loss)
    batch = ops.convert_to_tensor(tokens[:, :-1]), ops.convert_to_tensor(tokens[:, 1:])
    made.train_on_batch(*batch)
    step = made.make_train_function()
    return lambda model=made: step([batch])[-1]["loss"]  # steps hold their model weakly
