"""Every op on every sample against real Keras on the same backend: values, shapes and dtypes.

`differences.py` is the table of what is meant to be otherwise, with the reasons; an entry that isn't needed fails, too.
Images are in `test_image_oracle.py`.
"""

import warnings

import numpy as np
import pytest

from tests.ops.differences import DIFFERENT, UNDETERMINED
from tests.oracle import run_keras
from triceras.core import registry, tree
from triceras.core.scope import use_backend
from triceras.ops.op import OPS
from triceras.testing.op_suite import HALF, run
from triceras.testing.samples import CASES

pytestmark = pytest.mark.oracle

OWN = {"random_bits", "random_normal", "random_uniform"}  # not ops in Keras
CODE = """
def decode(x):
    if isinstance(x, dict) and set(x) == {"tuple"}:
        return tuple(map(decode, x["tuple"]))
    if isinstance(x, dict) and set(x) == {"numpy"}:
        return x["numpy"][()]
    if isinstance(x, dict) and set(x) == {"slice"}:
        return slice(*x["slice"])
    if isinstance(x, dict) and set(x) == {"ellipsis"}:
        return Ellipsis
    if isinstance(x, dict):
        return {k: decode(v) for k, v in x.items()}
    if isinstance(x, list):
        return [decode(v) for v in x]
    return keras.ops.convert_to_tensor(x) if isinstance(x, np.ndarray) else x

def find(name):
    return getattr(keras.ops, name, None) or getattr(keras.ops.image, name)

def leaves(x):
    if isinstance(x, dict):
        return [y for v in x.values() for y in leaves(v)]
    return [y for v in x for y in leaves(v)] if isinstance(x, (tuple, list)) else [x]

def call(name, args, kwargs):
    try:
        found = leaves(find(name)(*decode(args), **decode(kwargs)))
        dtypes = [keras.backend.standardize_dtype(x.dtype) if hasattr(x, "dtype") else type(x).__name__ for x in found]
        values = [np.asarray(keras.ops.convert_to_numpy(x)) if hasattr(x, "dtype") else np.asarray(x) for x in found]
        return {"values": values, "dtypes": dtypes}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"[:200]}

result = {name: [call(name, *sample) for sample in samples] for name, samples in calls.items()}
"""


def _encoded(x):
    if isinstance(x, tuple):
        return {"tuple": [_encoded(v) for v in x]}
    if isinstance(x, list):
        return [_encoded(v) for v in x]
    if isinstance(x, dict):
        return {k: _encoded(v) for k, v in x.items()}
    if isinstance(x, slice):
        return {"slice": [x.start, x.stop, x.step]}
    if x is Ellipsis:
        return {"ellipsis": 1}
    return {"numpy": np.asarray(x)} if isinstance(x, np.generic) else x


def _compared(backend):
    """The samples to compare, by op and number. JAX compiles each eager op for each shape: there, every fifth."""
    step = 5 if backend == "jax" else 1
    names = sorted(name for name in set(CASES) & set(OPS) - OWN - UNDETERMINED if OPS[name].namespace == "ops")
    return {name: {i: CASES[name].samples[i] for i in range(0, len(CASES[name].samples), step)} for name in names}


@pytest.fixture(scope="module", params=["tensorflow", "jax", "torch"])
def answers(request):
    calls = {
        name: [[_encoded(list(s.args)), _encoded(s.kwargs)] for s in samples.values()]
        for name, samples in _compared(request.param).items()
    }
    return request.param, run_keras(CODE, request.param, timeout=900, calls=calls)


def test_every_sample_gives_what_it_gives_in_keras(answers):
    backend, found = answers
    allowed = {key: reason for reason, places in DIFFERENT.items() for key in places.get(backend, ())}
    different, needed, compared = [], set(), 0
    with use_backend(backend), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, samples in _compared(backend).items():
            for (number, sample), theirs in zip(samples.items(), found[name], strict=True):
                if "error" in theirs:
                    continue
                compared += 1
                problem = _difference(name, sample, theirs, registry.get(backend))
                key = f"{name} {number}"
                if problem is not None and key in allowed:
                    needed.add(key)
                elif problem is not None:
                    different.append(f"{key} {sample}: {problem}")
    assert not different, f"{len(different)} differences:\n" + "\n".join(different)
    tried = {f"{name} {i}" for name, samples in _compared(backend).items() for i in samples}
    assert not (set(allowed) & tried) - needed, "entries in differences.py that aren't needed"
    assert compared > 0.9 * len(tried)


def _difference(name, sample, theirs, home):
    """How our result differs from Keras's; None if it doesn't."""
    try:
        ours = tree.flatten(run(OPS[name], sample, home))
    except Exception as error:
        return f"raises {type(error).__name__}: {error}"[:300]
    if len(ours) != len(theirs["values"]):
        return f"{len(ours)} results instead of {len(theirs['values'])}"
    for x, want, dtype in zip(ours, theirs["values"], theirs["dtypes"], strict=True):
        problem = _one_difference(x, want, dtype, CASES[name].tolerance, home)
        if problem:
            return problem
    return None


def _one_difference(x, want, dtype, tolerance, home):
    is_tensor = isinstance(x, home.tensor_types)
    if is_tensor and home.dtype(x) != dtype:
        return f"dtype {home.dtype(x)}, Keras {dtype}"
    got = np.asarray(home.to_numpy(x)) if is_tensor else np.asarray(x)
    if got.shape != want.shape:
        return f"shape {got.shape}, Keras {want.shape}"
    if got.dtype == object or want.dtype.kind in "US":
        return None
    kind = np.complex128 if "c" in (got.dtype.kind, want.dtype.kind) else np.float64
    bound = max(tolerance, HALF.get(dtype, 0.0))
    close = np.allclose(got.astype(kind), want.astype(kind), rtol=bound, atol=bound, equal_nan=True)
    return None if close else f"{got.tolist()}, Keras {want.tolist()}"[:300]
