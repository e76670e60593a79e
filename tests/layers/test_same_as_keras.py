"""Every layer in several configurations against real Keras, on every backend: values, gradients, weights, files."""

import functools
import inspect
import json
import tempfile
from pathlib import Path

import numpy as np
import pytest

import triceras
from tests.layers import running
from tests.layers.cases import DIFFERENT, FAMILIES, inputs_of, weight
from tests.oracle import run_keras
from triceras import layers, tree
from triceras.core import registry

HALF = {"float16": 2e-2, "bfloat16": 6e-2}
FORMS = [pytest.param(family, case, id=f"{family}-{case[0]}") for family, cases in FAMILIES.items() for case in cases]
IN_KERAS = """
import tensorflow as tf

def gradients(call, variables, varied):
    with tf.GradientTape() as tape:
        tape.watch(varied)
        loss, out = call(varied)
    sources = [v.value for v in variables] + varied
    return out, tape.gradient(loss, sources) if tf.is_tensor(loss) else [None] * len(sources)

result = {}
for case in cases:
    keras.utils.clear_session()
    found = result[case[0]] = attempt(run, keras, weight, case, gradients)
    if isinstance(found, dict):
        found["ours"] = attempt(opened, keras, case, ours)
        found["saved"] = attempt(save, keras, weight, case, theirs)
"""


def concrete(case):
    name, expression, shapes, kwargs = case
    return name, expression, inputs_of(shapes), kwargs


@functools.cache
def of_keras(family):
    """What real Keras gives for the cases of a family; also for our files, and the folder of its own."""
    cases = [concrete(case) for case in FAMILIES[family]]
    folder = Path(tempfile.mkdtemp(prefix="layers_"))
    ours, theirs = folder / "ours", folder / "theirs"
    ours.mkdir(), theirs.mkdir()
    with triceras.use_backend("numpy"):
        for case in cases:
            triceras.utils.clear_session(free_memory=False)
            running.attempt(running.save, triceras, weight, case, ours)
    code = "import numpy as np\n" + inspect.getsource(weight) + inspect.getsource(running) + IN_KERAS
    try:
        return run_keras(code, cases=cases, ours=str(ours), theirs=str(theirs)), theirs
    except AssertionError as error:  # kept, too: the next test needn't ask again
        return dict.fromkeys((case[0] for case in cases), str(error)), theirs


def gradients(call, variables, varied):
    """Outputs and gradients; on JAX, which compiles every eager op by itself, in one compiled program."""
    backend = registry.current()
    if not backend.has_gradients:
        return call(varied)[1], [None] * (len(variables) + len(varied))
    inputs = [triceras.Variable(x, dtype=triceras.backend.standardize_dtype(x.dtype)) for x in varied]
    sources = [*variables, *inputs]

    def value():
        loss, out = call([triceras.ops.convert_to_tensor(x) for x in inputs])
        return loss + triceras.ops.zeros(()), out

    if not sources:
        return value()[1], []
    differentiated = triceras.value_and_grad(value, sources, has_aux=True)
    (_, out), slopes = (triceras.jit(differentiated) if backend.name == "jax" else differentiated)()
    return out, slopes


def precision(expression, dtypes):
    """The tolerance where some of the work is in half precision, else 0."""
    told = " ".join([expression, *dtypes])
    return max([tolerance for name, tolerance in HALF.items() if name in told], default=0.0)


def assert_close(found, expected, tolerance, what):
    assert len(found) == len(expected), what
    for i, (a, b) in enumerate(zip(found, expected, strict=True)):
        a, b = (np.zeros(()) if x is None else np.asarray(x) for x in (a, b))
        scale = max(1.0, np.abs(b, where=np.isfinite(b), out=np.zeros(b.shape)).max(initial=0.0))
        message = f"{what} {i}"
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * scale, err_msg=message)


@functools.cache
def initial_weights(expression, shapes):
    with triceras.use_backend("numpy"):
        triceras.utils.set_random_seed(5)
        layer = running.made(triceras, expression)
        layer(*inputs_of(json.loads(shapes)))
        return [running.numbers(triceras, w) for w in layer.weights]


@pytest.mark.oracle
@pytest.mark.parametrize(("family", "case"), FORMS)
def test_layer(backend, family, case):
    name, expression, shapes, _ = case
    want = of_keras(family)[0][name]
    assert isinstance(want, dict), want
    triceras.utils.clear_session(free_memory=False)
    triceras.utils.set_random_seed(5)
    found = running.run(triceras, weight, concrete(case), gradients)
    assert found["weights"] == want["weights"]
    assert found["dtypes"] == want["dtypes"]
    half = precision(expression, found["dtypes"])
    assert_close(found["outputs"], want["outputs"], half or 2e-5, "output")
    assert_close(found["after"], want["after"], half or 2e-5, "weight after the call")
    assert_close(found["initial"], initial_weights(expression, json.dumps(shapes)), half or 1e-6, "first weight")
    if backend != "numpy":
        assert_close(found["gradients"], want["gradients"], half or 1e-4, "gradient")


@pytest.mark.oracle
@pytest.mark.parametrize(("family", "case"), FORMS)
def test_files_of_each_open_in_the_other(family, case):
    results, folder = of_keras(family)
    want = results[case[0]]
    half = precision(case[1], want["dtypes"])
    with triceras.use_backend("numpy"):
        if "to" not in DIFFERENT.get(case[0], {}):
            assert not isinstance(want["ours"], str), want["ours"]
            model = running.model_of(triceras, weight, concrete(case))
            ours = running.predicted(triceras, model, concrete(case))
            assert_close(want["ours"], ours, half or 2e-5, "output of our file in Keras")
        if "from" not in DIFFERENT.get(case[0], {}):
            assert not isinstance(want["saved"], str), want["saved"]
            found = running.opened(triceras, concrete(case), folder)
            assert_close(found, want["saved"], half or 2e-5, "output of its file")


@pytest.mark.oracle
@pytest.mark.parametrize(("family", "case"), FORMS)
def test_config(family, case):
    name, expression, shapes, _ = case
    with triceras.use_backend("numpy"):
        layer = running.made(triceras, expression)
        layer(*inputs_of(shapes))
        ours, theirs = json.dumps(layer.get_config(), default=str), of_keras(family)[0][name]["config"]
        ignored = {"name", *DIFFERENT.get(name, {}).get("config", ())}
        assert without(json.loads(ours), ignored) == without(json.loads(theirs), ignored)
        clone = type(layer).from_config(layer.get_config())
        assert clone.get_config() == layer.get_config()


def without(config, keys):
    """A config without some keys, at any depth."""
    if isinstance(config, dict):
        return {k: without(v, keys) for k, v in config.items() if k not in keys}
    return [without(v, keys) for v in config] if isinstance(config, list) else config


@pytest.mark.parametrize(("family", "case"), FORMS)
def test_symbolic_shape_equals_real_shape(family, case):
    """Specs with an unknown batch dimension give what the real call gives."""
    _, expression, shapes, kwargs = case
    fixed = "batch_shape" in expression or "stateful" in expression
    with triceras.use_backend("numpy"):
        args = inputs_of(shapes)
        layer = running.made(triceras, expression)
        real = tree.flatten(layer(*args, **kwargs))
        free = {k: v for k, v in kwargs.items() if k != "training" and not hasattr(v, "shape")}
        symbols = tree.map_structure(
            lambda x: triceras.KerasTensor(x.shape if fixed else (None, *x.shape[1:]), str(x.dtype)), args
        )
        out = tree.flatten(running.made(triceras, expression)(*symbols, **free))
        if free.keys() == kwargs.keys() - {"training"}:
            assert [x.shape[1:] for x in out] == [x.shape[1:] for x in real]
            assert [x.dtype for x in out] == [triceras.backend.standardize_dtype(x.dtype) for x in real]
        assert fixed or all(x.shape[0] is None for x in out)
        assert layers.deserialize(layers.serialize(layer)).get_config() == layer.get_config()


def test_every_class_has_four_cases():
    abstract = {"InputLayer", "InputSpec", "Layer", "Wrapper"}
    public = {name: c for name in layers.__all__ if isinstance(c := getattr(layers, name), type)}
    every = {name for name, c in public.items() if name == c.__name__ or c.__name__ not in public} - abstract
    told = {c: sum(f"layers.{c}(" in e for cases in FAMILIES.values() for _, e, *_ in cases) for c in every}
    assert {c: n for c, n in told.items() if n < 4 and c not in DIFFERENT} == {}
