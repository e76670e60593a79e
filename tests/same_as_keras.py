"""Expressions on `keras` and `np`, evaluated by real Keras and by Triceras in its place."""

import numpy as np

import triceras
from tests.oracle import run_keras
from triceras import ops
from triceras.core import registry, tree


def of_keras(cases, prelude="", backend="tensorflow", **inputs):
    """{expression: its value in real Keras}; arrays of `inputs` are names in the expressions."""
    return run_keras(prelude + "\nresult = {case: eval(case) for case in cases}", backend, cases=list(cases), **inputs)


def of_ours(case, prelude="", **inputs):
    """The value of an expression with Triceras as `keras`, as NumPy and Python data."""
    scope = {"keras": triceras, "np": np, **inputs}
    exec(prelude, scope)
    return tree.map_structure(_plain, eval(case, scope))


def _plain(x):
    return ops.convert_to_numpy(x) if registry.backend_of(x) is not None else x


def assert_same(ours, theirs, rtol=1e-5, atol=1e-6):
    """Equal structure, strings and numbers; arrays within a tolerance."""
    if isinstance(theirs, dict):
        assert set(ours) == set(theirs)
        for key, value in theirs.items():
            assert_same(ours[key], value, rtol, atol)
    elif isinstance(theirs, (list, tuple)):
        assert len(ours) == len(theirs)
        for mine, value in zip(ours, theirs, strict=True):
            assert_same(mine, value, rtol, atol)
    elif theirs is None or isinstance(theirs, (str, bool)):
        assert ours == theirs
    else:
        np.testing.assert_allclose(np.asarray(ours), theirs, rtol=rtol, atol=atol)
        assert np.shape(ours) == np.shape(theirs)
