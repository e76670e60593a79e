"""Dtype names and promotion, against real Keras."""

import itertools

import numpy as np
import pytest

import triceras as keras
from tests.oracle import run_keras
from triceras.core import dtypes

NAMES = [
    "bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64",
    "float16", "bfloat16", "float32", "float64", "complex64", "complex128",
]  # fmt: skip
FLOAT8 = ["float8_e4m3fn", "float8_e5m2"]
WEAK = {"int": int, "float": float, "complex": complex}
TRIPLES = [
    ("int8", "uint8", "float16"),
    ("bool", "int", "int8"),
    ("bfloat16", "float16", "int"),
    ("uint64", "int8", "float"),
]
TUPLES = [(a,) for a in NAMES] + [
    p for p in itertools.product([*NAMES, *FLOAT8, *WEAK], repeat=2) if p[0] not in WEAK or p[1] not in WEAK
] + TRIPLES  # fmt: skip
# Where we don't do as Keras does: what it gives, what we give, and why.
INTENDED = {
    ("uint32", "uint64"): "Keras on TensorFlow keeps int64 but loses half of a uint64",
    ("complex64", "complex128"): "Keras on TensorFlow keeps float64 but not complex128",
    ("InvalidArgumentError", "bool"): "TensorFlow can't add bools; NumPy and JAX give bool, which means `or`",
}

KERAS = """
weak = {"int": int, "float": float, "complex": complex}
result = {}
for names in tuples:
    try:
        found = keras.backend.result_type(*(weak.get(n, n) for n in names))
    except Exception as error:
        found = type(error).__name__
    result[",".join(names)] = found
result["ops"] = {}
for a, b in pairs:
    x, y = (keras.ops.ones((2,), dtype=d) for d in (a, b))
    try:
        result["ops"][a + "," + b] = keras.backend.standardize_dtype(keras.ops.add(x, y).dtype)
    except Exception as error:
        result["ops"][a + "," + b] = type(error).__name__
"""
OP_PAIRS = list(itertools.combinations_with_replacement([n for n in NAMES if "complex" not in n], 2))


@pytest.fixture(scope="module")
def of_keras():
    return run_keras(KERAS, tuples=TUPLES, pairs=OP_PAIRS)


@pytest.mark.oracle
def test_result_type(of_keras):
    different = {}
    for names in TUPLES:
        try:
            ours = dtypes.result_type(*(WEAK.get(n, n) for n in names))
        except Exception as error:
            ours = type(error).__name__
        theirs = of_keras[",".join(names)]
        if ours != theirs and (theirs, ours) not in INTENDED and not set(names) & set(FLOAT8):
            different[names] = (ours, theirs)
    assert not different


@pytest.mark.parametrize("name", FLOAT8)
def test_float8(name):
    """Keras promotes no 8-bit floats; here they give way to every wider float, so that scaled layers need no casts."""
    assert dtypes.result_type(name, name) == name == dtypes.result_type(name, "int8") == dtypes.result_type(name, float)
    for wider in ("bfloat16", "float16", "float32", "float64"):
        assert dtypes.result_type(name, wider) == wider == dtypes.result_type(wider, name)
    assert dtypes.result_type(*FLOAT8) == "bfloat16"


@pytest.mark.oracle
def test_ops_promote_like_it(of_keras):
    """On TensorFlow, which keeps 64-bit types; the abstract backend says the same beforehand."""
    different = {}
    with keras.use_backend("tensorflow"):
        for a, b in OP_PAIRS:
            x, y = (keras.ops.ones((2,), dtype=d) for d in (a, b))
            real = keras.backend.standardize_dtype(keras.ops.add(x, y).dtype)
            symbolic = keras.ops.add(keras.KerasTensor((2,), a), keras.KerasTensor((2,), b)).dtype
            theirs = of_keras["ops"][f"{a},{b}"]
            if real != symbolic or (real != theirs and (theirs, real) not in INTENDED):
                different[a, b] = real, symbolic, theirs
    assert not different


@pytest.mark.parametrize("order", list(itertools.permutations(("int8", "uint8", "bfloat16", int))))
def test_order_does_not_matter(order):
    assert dtypes.result_type(*order) == "bfloat16"


def dtype_of(x):
    return keras.backend.standardize_dtype(x.dtype)


def test_weak_scalars_do_not_widen(backend):
    for name in ("float16", "bfloat16", "float32"):
        x = keras.ops.ones((2,), dtype=name)
        for op, *args in (("add", x, 1), ("multiply", x, 2.5), ("subtract", 1, x), ("divide", x, 3), ("power", x, 2)):
            assert dtype_of(getattr(keras.ops, op)(*args)) == name
    x = keras.ops.ones((2,), dtype="int8")
    assert dtype_of(keras.ops.add(x, 1)) == "int8"
    assert dtype_of(keras.ops.add(x, 1.5)) == "float32"
    assert dtype_of(keras.ops.add(keras.ops.ones((2,), dtype="bool"), 1)) == "int32"
    v = keras.Variable([1, 2], dtype="int8")
    assert [dtype_of(y) for y in (v + 1, 1.5 * v, v / 2)] == ["int8", "float32", "float32"]


def test_standardize_dtype():
    import ml_dtypes

    same = {
        "float32": ["float32", np.float32, np.dtype("float32"), np.zeros(1, "float32").dtype, None, float, "float"],
        "int32": ["int32", "int", int, np.int32, np.dtype("<i4")],
        "int64": ["int64", np.int64, np.dtype("int64")],
        "bool": ["bool", bool, np.bool_, np.dtype(bool)],
        "complex64": ["complex64", np.complex64, complex],
        "string": ["string", str, np.dtype("U3"), np.str_],
        "bfloat16": ["bfloat16", ml_dtypes.bfloat16, np.dtype(ml_dtypes.bfloat16)],
        "float8_e4m3fn": ["float8_e4m3fn", ml_dtypes.float8_e4m3fn],
        "float16": ["float16", np.half],
        "float64": ["float64", np.double],
    }
    for name, kinds in same.items():
        assert [dtypes.standardize_dtype(kind) for kind in kinds] == [name] * len(kinds)


def test_framework_dtypes():
    import jax.numpy as jnp
    import tensorflow as tf
    import torch

    for name in ("float32", "bfloat16", "int8", "bool", "float16", "complex64"):
        kinds = [getattr(torch, name), getattr(tf, name), getattr(jnp, {"bool": "bool_"}.get(name, name))]
        kinds += [
            jnp.dtype(name),
            tf.zeros(1, name).dtype,
            jnp.zeros(1, name).dtype,
            torch.zeros(1, dtype=kinds[0]).dtype,
        ]
        assert [keras.backend.standardize_dtype(kind) for kind in kinds] == [name] * len(kinds)
    assert keras.backend.standardize_dtype(tf.string) == "string"


@pytest.mark.parametrize(
    "wrong", ["float33", "", "Float32", object, object(), [1], "object", np.dtype("datetime64[s]"), 3, "complex256"]
)
def test_what_is_no_dtype(wrong):
    with pytest.raises(ValueError, match="Invalid dtype: "):
        dtypes.standardize_dtype(wrong)


def test_kinds():
    assert [d for d in NAMES if dtypes.is_float(d)] == ["float16", "bfloat16", "float32", "float64"]
    assert [d for d in NAMES if dtypes.is_int(d)] == [n for n in NAMES if "int" in n]
    assert dtypes.is_complex("complex64") and not dtypes.is_inexact("int8")
    assert dtypes.largest("int8") == 127 and dtypes.largest("float16") == 65504 and dtypes.largest("bfloat16") > 3e38
    assert dtypes.machine_epsilon("bfloat16") == 2**-7 and dtypes.itemsize("complex128") == 16


def test_python_values_become_tensors_of_keras_dtypes(backend):
    want = {"int32": [1, [1, 2], [[1], [2]]], "float32": [1.0, [1.0, 2], []], "bool": [True, [True, False]]}
    for name, values in want.items():
        for value in values:
            assert dtype_of(keras.ops.convert_to_tensor(value)) == name, value
