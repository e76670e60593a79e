"""Every layer in several configurations against real Keras: outputs, dtypes, weights, configs; and on every backend."""

import inspect
import json

import numpy as np
import pytest

import triceras
from tests.layers.cases import CASES, IDS, KERAS, inputs_of, weight
from tests.oracle import run_keras
from triceras import layers, tree

TOLERANCE = {"float16": 2e-2, "bfloat16": 6e-2}


@pytest.fixture(scope="module")
def keras_results():
    code = "import numpy as np\n" + inspect.getsource(weight) + KERAS
    return run_keras(code, cases=[[n, e, inputs_of(s), k] for n, e, s, k in CASES])


def numbers(x):
    return triceras.ops.convert_to_numpy(triceras.ops.cast(x, "float32"))


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "expression", "shapes", "kwargs"), CASES, ids=IDS)
def test_layer(backend, keras_results, name, expression, shapes, kwargs):
    want = keras_results[name]
    triceras.backend.clear_session(free_memory=False)
    args = inputs_of(shapes)
    layer = eval(expression)
    layer(*args)
    prefix = f"{layer.name}/"
    assert [[w.path.removeprefix(prefix), list(w.shape), w.dtype] for w in layer.weights] == want["weights"]
    layer.set_weights([weight(i, w.shape) for i, w in enumerate(layer.weights)])
    out = tree.flatten(layer(*args, **kwargs))
    assert [triceras.backend.standardize_dtype(x.dtype) for x in out] == want["dtypes"]
    for ours, theirs, dtype in zip(out, want["outputs"], want["dtypes"], strict=True):
        atol = TOLERANCE.get(dtype, 2e-5)
        np.testing.assert_allclose(numbers(ours), theirs, atol=atol, rtol=atol)
    for ours, theirs in zip(layer.weights, want["after"], strict=True):
        np.testing.assert_allclose(numbers(ours.value), theirs, atol=1e-3 if "f16" in name else 2e-5)


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "expression", "shapes", "kwargs"), CASES, ids=IDS)
def test_config(keras_results, name, expression, shapes, kwargs):
    with triceras.use_backend("numpy"):
        layer = eval(expression)
        layer(*inputs_of(shapes))
        ours, theirs = (
            json.loads(json.dumps(layer.get_config(), default=str)),
            json.loads(keras_results[name]["config"]),
        )
        for config in (ours, theirs):
            config.pop("name", None)
            config.get("cell", {}).get("config", {}).pop("name", None)
        if "simple_rnn" in name:
            assert ours.pop("seed") is None  # Keras forgets the seed of a SimpleRNN
        if "spatial" in name:
            assert ours.pop("dtype")["config"]["name"] == theirs.pop("dtype")  # Keras forgets the policy
        assert ours == theirs
        clone = type(layer).from_config(layer.get_config())
        assert clone.get_config() == layer.get_config()


@pytest.mark.parametrize(("name", "expression", "shapes", "kwargs"), CASES, ids=IDS)
def test_symbolic_shape_equals_real_shape(name, expression, shapes, kwargs):
    """Specs with an unknown batch dimension give what the real call gives."""
    with triceras.use_backend("numpy"):
        args = inputs_of(shapes)
        layer = eval(expression)
        real = tree.flatten(layer(*args, **kwargs))
        symbols = tree.map_structure(lambda x: triceras.KerasTensor((None, *x.shape[1:]), str(x.dtype)), args)
        fresh = eval(expression)
        out = tree.flatten(fresh(*symbols, **{k: v for k, v in kwargs.items() if k != "training"}))
        assert [x.shape[1:] for x in out] == [x.shape[1:] for x in real]
        assert [x.dtype for x in out] == [triceras.backend.standardize_dtype(x.dtype) for x in real]
        assert all(x.shape[0] is None for x in out)
        assert layers.deserialize(layers.serialize(layer)).get_config() == layer.get_config()
