"""Real Keras says what dtypes and values come out of some ops; one process for the whole module."""

import numpy as np
import pytest

from tests.oracle import run_keras
from triceras import ops, tree
from triceras.core.scope import use_backend
from triceras.core.spec import Spec

pytestmark = pytest.mark.oracle

KINDS = ["bool", "int8", "uint32", "int64", "float16", "bfloat16", "float32", "int", "float"]
UNARY = (
    "absolute ceil exp sqrt square sign round isnan negative relu relu6 sigmoid softmax sum mean prod max var argmax "
    "cumsum all any count_nonzero median argsort sort logsumexp erf norm floor"
).split()
BINARY = "add divide floor_divide power maximum equal logical_and".split()
PRODUCTS = "matmul outer dot".split()  # Keras lets TensorFlow promote scalars here: tensors only

DTYPES = """
def make(kind):
    return {"int": 2, "float": 2.0}[kind] if kind in ("int", "float") else keras.ops.cast(keras.ops.ones((2, 2)), kind)

def dtype(name, *kinds):
    try:
        return keras.backend.standardize_dtype(getattr(keras.ops, name)(*map(make, kinds)).dtype)
    except Exception:
        return None

result["dtypes"] = {"|".join(call): dtype(*call) for call in calls}
"""
VALUES = """
o = keras.ops
result["conv_transpose"] = [
    o.conv_transpose(signal, kernels[k], strides=s, padding=p, output_padding=extra) for p, s, extra, k in transposed
]
result["binary_crossentropy"] = [o.binary_crossentropy(y, p), o.binary_crossentropy(y, z, from_logits=True)]
result["categorical_crossentropy"] = [o.categorical_crossentropy(y, p), o.sparse_categorical_crossentropy(labels, p)]
result["order"] = [o.in_top_k(labels, p, 1), o.quantile(z, 0.3, method="nearest"), o.median(z, axis=1)]
result["normalized"] = [o.layer_normalization(z, axis=-1), o.rms_normalization(z)]
result["normalize"] = [o.normalize(z, order=3), o.normalize(z * 0)]
result["batch_normalization"] = o.batch_normalization(z, p[0], p[1] + 1, axis=-1)
result["codes"] = [o.one_hot(np.array([-1, 0, 5]), 3), o.multi_hot(np.array([[0, 1], [1, 1]]), 3)]
result["average_pool"] = o.average_pool(picture, 3, 2, "same")
result["cast"] = [o.saturate_cast(np.float32([300.0, -3]), "uint8"), o.nan_to_num(np.float32([np.nan, np.inf, -9]))]
result["activations"] = [o.gelu(z), o.celu(z, 0.5), o.hard_sigmoid(z * 3), o.threshold(z, 0.1, 7.0), o.soft_shrink(z)]
result["attention"] = o.dot_product_attention(q, k, k, is_causal=True)
result["split"] = o.split(z, [1], axis=1)
"""


def _inputs():
    generator = np.random.default_rng(0)

    def draw(*shape):
        return generator.normal(size=shape).astype("float32")

    choices = [("valid", 1, None), ("valid", 3, None), ("valid", 2, 1), ("same", 2, None), ("same", 3, None)]
    calls = [[name, kind] for name in UNARY for kind in KINDS[:-2]]
    calls += [[name, a, b] for name in BINARY for a in KINDS for b in KINDS if a in KINDS[:-2] or b in KINDS[:-2]]
    calls += [[name, a, b] for name in PRODUCTS for a in KINDS[:-2] for b in KINDS[:-2]]
    return {
        "calls": calls,
        "signal": draw(1, 4, 2),
        "kernels": {str(k): draw(k, 3, 2) for k in (1, 2, 3, 4)},
        "transposed": [[*choice, str(k)] for choice in choices for k in (1, 2, 3, 4)],
        "y": np.float32([[0, 1, 0], [0.2, 0.3, 0.5]]),
        "p": np.float32([[0.1, 0.8, 0.1], [0.3, 0.5, 0.4]]),
        "z": draw(2, 3),
        "labels": np.array([1, 0]),
        "picture": draw(1, 5, 4, 2),
        "q": draw(1, 3, 4, 2),
        "k": draw(1, 3, 2, 2),
    }


@pytest.fixture(scope="module")
def keras_says():
    return run_keras("result = {}\n" + DTYPES + VALUES, **_inputs())


def test_dtypes_are_those_of_keras(keras_says):
    different = []
    for call, expected in keras_says["dtypes"].items():
        name, *kinds = call.split("|")
        if expected is None:  # TensorFlow has no kernel for it
            continue
        arguments = [{"int": 2, "float": 2.0}.get(kind) or Spec((2, 2), kind) for kind in kinds]
        found = getattr(ops, name)(*arguments).dtype
        if found != expected:
            different.append(f"{call}: {found}, Keras {expected}")
    assert not different
    assert len(keras_says["dtypes"]) > 800


def test_values_are_those_of_keras(keras_says):
    import triceras

    scope = {"keras": triceras, "np": np, "result": {}, **_inputs()}
    with use_backend("numpy"):
        exec(VALUES, scope)
        for name, found in scope["result"].items():
            for ours, theirs in zip(tree.flatten(found), tree.flatten(keras_says[name]), strict=True):
                np.testing.assert_allclose(ops.convert_to_numpy(ours), theirs, rtol=1e-4, atol=1e-5, err_msg=name)
