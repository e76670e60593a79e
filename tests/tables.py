"""Tables of expressions whose values are compared with real Keras's, each table in few runs.

Real Keras evaluates a whole table in one process; Triceras on a backend at once, eagerly or as one compiled program.
An expression sees `keras`, `np` and the inputs by name; `masked(y, mask)` is a tensor with a mask, `half(y)` a float16.
"""

import numpy as np

import triceras
from tests.oracle import run_keras
from triceras import ops
from triceras.core import masks, tree

SHARED = """
def masked(y, mask):
    y = keras.ops.add(y, 0)
    set_mask(y, keras.ops.convert_to_tensor(mask))
    return y

def half(x):
    return keras.ops.cast(x, "float16")
"""
IN_KERAS = """
def set_mask(y, mask):
    y._keras_mask = mask

def described(x):
    dtype = keras.backend.standardize_dtype(x.dtype)
    return {"dtype": dtype, "value": keras.ops.convert_to_numpy(keras.ops.cast(x, "float32"))}

def attempt(case):
    try:
        return [described(x) for x in keras.tree.flatten(eval(case))]
    except Exception as error:
        return f"{type(error).__name__}: {error}"

result = {case: attempt(case) for case in cases}
"""


def of_keras(cases, inputs, prelude="", backend="jax"):
    """{case: a dtype and a value for each tensor of its result, or the text of the error}."""
    return run_keras(SHARED + prelude + IN_KERAS, backend, cases=list(cases), **inputs)


def of_ours(cases, inputs, prelude="", compiled=False):
    """The same with Triceras on the current backend, eagerly or as one compiled program."""
    scope = {"keras": triceras, "np": np, "set_mask": masks.set}
    exec(SHARED + prelude, scope)
    if not compiled:
        with np.errstate(all="ignore"):
            return {case: _described(_attempt(case, {**scope, **inputs})) for case in cases}
    errors = {}

    def program(tensors):
        found = {case: _attempt(case, {**scope, **tensors}) for case in cases}
        errors.update({case: x for case, x in found.items() if isinstance(x, str)})
        return {case: x for case, x in found.items() if not isinstance(x, str)}

    found = triceras.jit(program)({name: ops.convert_to_tensor(x) for name, x in inputs.items()})
    return {**errors, **{case: _described(x) for case, x in found.items()}}


def _attempt(case, scope):
    try:
        return tree.flatten(eval(case, scope))
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def _described(found):
    if isinstance(found, str):
        return found
    dtypes = [triceras.backend.standardize_dtype(x.dtype) for x in found]
    values = [ops.convert_to_numpy(ops.cast(x, "float32")) for x in found]
    return [{"dtype": dtype, "value": value} for dtype, value in zip(dtypes, values, strict=True)]


def assert_same(ours, theirs, rtol=2e-5, atol=2e-6):
    """Equal dtypes and shapes, values within a tolerance that is wider for half precision; NaNs at the same places."""
    assert isinstance(theirs, list), f"Keras failed: {theirs}"
    assert isinstance(ours, list), f"it failed: {ours}"
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        assert mine["dtype"] == other["dtype"]
        assert np.shape(mine["value"]) == np.shape(other["value"])
        wide = {"float16": 5e-3, "bfloat16": 3e-2}.get(mine["dtype"], 0)
        np.testing.assert_allclose(mine["value"], other["value"], rtol=rtol + wide, atol=atol + wide / 10)
