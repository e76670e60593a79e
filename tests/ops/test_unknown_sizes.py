"""Ops on tensors whose first size only the running graph knows: TensorFlow's, traced with a signature."""

import numpy as np
import pytest

from triceras.core import registry, tree
from triceras.core.scope import use_backend
from triceras.ops.op import OPS
from triceras.testing.samples import CASES

tf = pytest.importorskip("tensorflow")

# These need that size in Python, and say so.
STATIC = {"array_split", "correlate", "cross", "lstsq", "squeeze", "unstack"}


def samples():
    for name, case in CASES.items():
        if case.jit and name not in STATIC:
            for i, sample in enumerate(case.samples):
                if sample.arrays and sample.arrays[0].ndim:
                    yield pytest.param(name, sample, id=f"{name}-{i}")
                    break


@pytest.mark.parametrize(("name", "sample"), list(samples()))
def test_first_size_unknown(name, sample):
    op, first = OPS[name], sample.arrays[0]
    backend = registry.get("tensorflow")
    with use_backend("tensorflow"):
        rest = [backend.convert(x) for x in sample.arrays[1:]]
        signature = tf.TensorSpec((None, *first.shape[1:]), first.dtype)

        @tf.function(input_signature=[signature], autograph=False)
        def traced(x):
            filled = sample.filled([x, *rest])
            return tree.flatten(op(*filled.args, **filled.kwargs))

        found = traced(backend.convert(first))
        expected = tree.flatten(CASES[name].reference(*sample.args, **sample.kwargs))
    for got, want in zip(found, expected, strict=True):
        wide = "complex128" if np.iscomplexobj(want) else "float64"
        np.testing.assert_allclose(backend.to_numpy(got).astype(wide), want, rtol=1e-3, atol=1e-4)
