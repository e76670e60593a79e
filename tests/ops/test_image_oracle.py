"""Real Keras on TensorFlow, JAX and torch says what comes out of every sample of ops on images; one process each."""

import numpy as np
import pytest

from tests.oracle import run_keras
from triceras import ops
from triceras.core import registry
from triceras.core.scope import use_backend
from triceras.ops.op import OPS
from triceras.testing.samples import CASES

pytestmark = pytest.mark.oracle

NAMES = sorted([*ops.image.__all__, "space_to_depth", "depth_to_space"])
CODE = """
import keras, numpy as np
def tensor(x):
    return tuple(x) if isinstance(x, list) else keras.ops.convert_to_tensor(x) if isinstance(x, np.ndarray) else x
def one(name, args, kwargs):
    function = getattr(keras.ops.image, name, None) or getattr(keras.ops, name)
    try:
        return function(*map(tensor, args), **{k: tensor(x) for k, x in kwargs.items()})
    except Exception as error:
        return f"{type(error).__name__}: {error}"
def every():
    found = [one(*call) for call in calls]
    errors.extend(x if isinstance(x, str) else None for x in found)
    return [x for x in found if not isinstance(x, str)]
errors = []
if keras.backend.backend() == "jax":  # in one program: op by op it takes minutes
    import jax
    found = iter(jax.jit(every)())
else:
    found = iter(every())
found = [error or next(found) for error in errors]
result = [
    x if isinstance(x, str) else {"dtype": keras.backend.standardize_dtype(x.dtype), "value": x} for x in found
]
"""

# What differs on purpose: op → (its samples, by their places in the table; why). Keras's backends disagree there.
PROJECTIVE = "Keras's page says that c0 and c1 divide the coordinates; only its TensorFlow backend does that"
BLUR = "Keras's NumPy backend is right; others scramble windows that aren't square, or blur in one direction only"
HALVES = "halves go away from 0, as on JAX; here Keras takes the even neighbour"
FRAME = "images are mirrored at their edges, as on TensorFlow; here Keras puts zeros, which look like edges"
DIFFERENT = {
    "tensorflow": {
        "affine_transform": ((2, 5, 8), "integers are rounded, not cut; 'wrap' has the period of the size"),
        "depth_to_space": ((1,), "with channels first, Keras's other backends keep the pixels of a channel together"),
        "gaussian_blur": ((1, 2), BLUR),
        "hsv_to_rgb": ((3,), "a hue goes round the circle, as on the other backends"),
        "map_coordinates": ((4, 7, 10), f"'reflect' repeats the outermost element, as everywhere else; {HALVES}"),
        "perspective_transform": ((4,), "integers are rounded, not cut"),
        "resize": ((9,), "bicubic weights are exact; TensorFlow's come from a table of 1,024"),
        "space_to_depth": ((1,), "with channels first, Keras's other backends keep the pixels of a channel together"),
    },
    "jax": {
        "affine_transform": ((0, 1, 3, 4), PROJECTIVE),
        "gaussian_blur": ((0, 1, 3, 5), BLUR),
        "scale_and_translate": ((3,), "integers stay integers, as on torch and NumPy"),
        "sobel_edges": ((0, 1, 3), FRAME),
    },
    "torch": {
        "affine_transform": ((0, 1, 3, 4), PROJECTIVE),
        "gaussian_blur": ((0, 2, 3, 5), BLUR),
        "map_coordinates": ((10,), HALVES),
        "perspective_transform": ((4,), "integers aren't computed with in 8 bits, which overflow"),
        "resize": ((9,), "bicubic weights are those of TensorFlow and JAX (a = -1/2)"),
        "sobel_edges": ((0, 1, 3), FRAME),
    },
}


def same(found, expected):
    """Whether a result of ours is what Keras gives."""
    if ops.dtype(found) != expected["dtype"]:
        return False
    found, value = ops.convert_to_numpy(found), expected["value"]
    if found.shape != value.shape:
        return False
    tolerance = {"float16": 4e-3, "uint8": 0, "int32": 0}.get(expected["dtype"], 1e-4)
    return np.allclose(found.astype("float64"), value.astype("float64"), rtol=tolerance, atol=tolerance)


def results(calls):
    """What ops give for samples, in one compiled program."""
    home = registry.current()

    def every(tensors):
        filled = [sample.filled(arrays) for (_, sample), arrays in zip(calls, tensors, strict=True)]
        return [op(*s.args, **s.kwargs) for (op, _), s in zip(calls, filled, strict=True)]

    return home.jit(every)([[home.convert(x) for x in sample.arrays] for _, sample in calls])


@pytest.mark.parametrize("name", ["tensorflow", "jax", "torch"])
def test_samples_give_what_keras_gives(name):
    samples = [(op, i, sample) for op in NAMES for i, sample in enumerate(CASES[op].samples)]
    expected = run_keras(CODE, backend=name, calls=[[op, list(s.args), s.kwargs] for op, _, s in samples])
    # Where Keras raises an error there is nothing to compare: its backends have gaps that ours don't have.
    given = [(*place, want) for place, want in zip(samples, expected, strict=True) if not isinstance(want, str)]
    assert len(given) > 0.8 * len(samples)
    with use_backend(name):
        found = results([(OPS[op], sample) for op, _, sample, _ in given])
        different = {(op, i) for (op, i, _, want), x in zip(given, found, strict=True) if not same(x, want)}
    assert different == {(op, i) for op, (places, _) in DIFFERENT[name].items() for i in places}
