"""What every class of layers makes of masks, against real Keras: carried, made, dropped with a warning, or refused."""

import inspect

import numpy as np
import pytest

import triceras
from tests.layers import running
from tests.layers.cases import CASES, inputs_of
from tests.layers.running import made
from tests.oracle import run_keras
from triceras.core import masks, tree

IN_KERAS = """
def put(x, mask):
    x._keras_mask = mask

def get(x):
    return getattr(x, "_keras_mask", None)

result = {f"{case[0]} {every}": masks_after(keras, case, every, put, get) for case in cases for every in (True, False)}
"""


def chosen():
    """A case for each class, if possible one whose input has time steps."""
    found = {}
    for case in sorted(CASES, key=lambda case: tree.flatten(case[2])[0].count(",") != 2):
        found.setdefault(case[1].partition("(")[0], case)
    return [(name, expression, inputs_of(shapes), kwargs) for name, expression, shapes, kwargs in found.values()]


CHOSEN = chosen()


def masks_after(keras, case, every, put, get):
    """What becomes of masks on all inputs or on the first alone; the same code here and in real Keras."""
    import warnings

    _, expression, args, kwargs = case
    layer = made(keras, expression)
    given = keras.tree.map_structure(lambda x: keras.ops.convert_to_tensor(np.array(x)), args)
    leaves = [x for x in keras.tree.flatten(given) if len(x.shape) > 1]
    for x in leaves if every else leaves[:1]:
        shape = tuple(x.shape)[: min(2, len(x.shape) - 1)]
        put(x, keras.ops.convert_to_tensor(np.arange(np.prod(shape)).reshape(shape) % 3 > 0))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            out = layer(*given, **kwargs)
        except Exception:
            return "refused"
    found = [get(x) for x in keras.tree.flatten(out) if x is not None]
    return {
        "supports": bool(layer.supports_masking),
        "masks": [None if m is None else keras.ops.convert_to_numpy(m).astype(int).tolist() for m in found],
        "warns": sum("does not support masking" in str(w.message) for w in caught),
    }


@pytest.fixture(scope="module")
def of_keras():
    code = "import numpy as np\n" + inspect.getsource(running.made) + inspect.getsource(masks_after) + IN_KERAS
    return run_keras(code, cases=CHOSEN)


FALSE_ALARMS = {
    "dense_masked",
    "grouped",
}  # Keras warns though the mask is carried: of models, and of inner projections


@pytest.mark.oracle
@pytest.mark.parametrize("every", [True, False], ids=["all", "first"])
@pytest.mark.parametrize("case", CHOSEN, ids=[case[0] for case in CHOSEN])
def test_masks(of_keras, case, every):
    want = of_keras[f"{case[0]} {every}"]
    with triceras.use_backend("numpy"):
        found = masks_after(triceras, case, every, masks.set, masks.get)
    if case[0] in FALSE_ALARMS:
        assert want.pop("warns") > found.pop("warns") == 0
    assert found == want
