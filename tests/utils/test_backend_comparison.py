"""`compare_backends`: what it measures, that it finds who is wrong and where, and that it leaves everything alone."""

import json
import pickle
import subprocess

import numpy as np
import pytest

import triceras
from triceras import layers, ops
from triceras.core import registry, seeds
from triceras.utils import backend_comparison as comparing
from triceras.utils import backend_measurement as measuring
from triceras.utils.backend_comparison import Comparison, Row, first_divergence, recommend
from triceras.utils.backend_measurement import Job, NoModel, Output, Result

X, Y = np.random.default_rng(0).normal(size=(12, 4)), np.ones((12, 2))


def small(compiled=True):
    model = triceras.Sequential([layers.Input((4,)), layers.Dense(3), layers.Dropout(0.5), layers.Dense(2)])
    if compiled:
        model.compile("adam", "mse")
    return model


def here(monkeypatch):
    """No processes: faster, and what is checked is the same."""

    def nowhere(self, job):
        raise NoModel

    monkeypatch.setattr(comparing._Runner, "_elsewhere", nowhere)


@pytest.mark.slow
def test_each_backend_in_a_process_of_its_own(backend, tmp_path):
    model = small()
    found = triceras.compare_backends(model, X, Y, backends=[backend], batch_size=8, steps=10, progress=False)
    (row,) = found.rows
    assert row.problem is None and row.own_process and row.backend == backend == found.recommended
    assert row.step == ("train" if registry.get(backend).has_gradients else "predict")
    assert 0 < row.step_seconds <= row.first_step_seconds <= row.settled_seconds and row.load_seconds > 0
    assert 0 < row.peak_bytes < 2e9 and row.version == registry.get(backend).version() and row.devices
    assert row.max_difference < 1e-6 and row.diverges_at is None and found.reference == "NumPy in float64"
    assert json.loads(found.to_json())["rows"][0]["backend"] == backend


@pytest.mark.slow
def test_the_model_the_seeds_and_the_backend_stay_as_they_are(trainable_backend, monkeypatch):
    here(monkeypatch)
    triceras.utils.set_random_seed(5)
    model = small()
    model.train_on_batch(X, Y)
    triceras.random.normal((2,))  # makes the global generator of this backend

    def everything():
        variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
        generators = {name: g.state.numpy().tolist() for name, g in seeds._generators.items()}
        return [v.numpy().tolist() for v in variables], generators, seeds._host.generator.bit_generator.state

    before, steps, numpy = repr(everything()), dict(model._steps), np.random.get_state()[1].tolist()
    names = [trainable_backend, "numpy"]
    found = triceras.compare_backends(model, X, Y, backends=names, steps=5, progress=False)
    assert [row.problem for row in found.rows] == [None, None]
    assert repr(everything()) == before and model._steps == steps and np.random.get_state()[1].tolist() == numpy
    assert model.backend.name == triceras.backend.backend() == trainable_backend
    assert not any(row.own_process for row in found.rows) and {row.peak_bytes for row in found.rows} == {None}


def test_the_optimizers_state_comes_along(trainable_backend):
    model = small()
    model.train_on_batch(X, Y)
    with comparing._Runner(model) as runner:
        copy = pickle.loads(runner.file.read_bytes())
    assert copy.backend.name == "numpy"
    assert [v.numpy().tolist() for v in copy.optimizer.variables] == [
        v.numpy().tolist() for v in model.optimizer.variables
    ]


@pytest.mark.slow
def test_a_model_that_no_other_process_can_import_is_measured_here(trainable_backend):
    class Net(triceras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(2)

        def call(self, inputs):
            return self.dense(inputs)

    net = Net()
    net(X)
    (row,) = triceras.compare_backends(net, X, backends=[trainable_backend], steps=5, progress=False).rows
    assert row.problem is None and not row.own_process and row.step == "predict" and row.max_difference < 1e-6


class Wrong(triceras.Layer):
    """Computes otherwise where NumPy isn't the backend."""

    def call(self, inputs):
        return inputs + (0.0 if self.backend.name == "numpy" else 0.01)


def test_the_first_layer_where_backends_diverge_is_named(trainable_backend, monkeypatch):
    here(monkeypatch)
    stack = [layers.Input((4,)), layers.Dense(3), Wrong(name="culprit"), layers.Dense(2)]
    model = triceras.Sequential(stack, name="net")
    found = triceras.compare_backends(model, X, backends=[trainable_backend, "numpy"], steps=5, progress=False)
    assert [row.diverges_at for row in found.rows] == ["net/culprit", None] and found.rows[0].divergence > 1e-3
    assert found.recommended == "numpy" and "culprit" in str(found)


def test_without_a_float64_reference_the_first_backend_is_it(monkeypatch):
    here(monkeypatch)
    monkeypatch.setattr(measuring, "_as_float64", lambda model: 1 / 0)
    with triceras.use_backend("numpy"):
        found = triceras.compare_backends(small(), X, backends=["numpy"], steps=5, progress=False)
    assert found.reference == "numpy" and found.rows[0].max_difference == 0.0


def test_a_backend_that_fails_has_a_problem_and_is_not_recommended(monkeypatch):
    def crashed(arguments, backend):
        return subprocess.CompletedProcess(arguments, 1, "a log\nOutOfMemory: everything is full\n")

    monkeypatch.setattr(comparing, "run_python", crashed)
    with triceras.use_backend("numpy"):
        found = triceras.compare_backends(small(), X, Y, backends=["numpy"], progress=False)
    assert found.rows[0].problem == "OutOfMemory: everything is full" in str(found)
    assert found.recommended is None and "none is recommended" in found.reason and found.reference == "nothing"


def test_what_cannot_be_compared_is_refused():
    with triceras.use_backend("numpy"):
        with pytest.raises(ValueError, match="has no weights yet"):
            triceras.compare_backends(triceras.Sequential([layers.Dense(1)]), X)
        with pytest.raises(ValueError, match="Unknown backend 'jaxx'. Did you mean 'jax'"):
            triceras.compare_backends(small(), X, backends=["jaxx"])
        with pytest.raises(ValueError, match="name at least one"):
            triceras.compare_backends(small(), X, backends=[])


def test_a_framework_that_is_not_installed_is_named_with_its_command(monkeypatch):
    monkeypatch.setattr(registry, "is_installed", lambda info: info.name == "numpy")
    with pytest.raises(ImportError, match=r"needs torch, which isn't installed.*triceras\[torch\]"):
        comparing.check_names(["numpy", "torch"])
    assert comparing.check_names(None) == ["numpy"]


def test_data_may_come_in_any_form():
    dataset = (batch for batch in [({"a": X[:3], "b": X[:3]}, Y[:3]), None])
    with triceras.use_backend("numpy"):
        x, y, weight = comparing._first_batch(dataset, None, 32)
        assert x["a"].shape == (3, 4) and y.shape == (3, 2) and weight is None
        assert comparing._first_batch([X, ops.convert_to_tensor(Y)], None, 5)[0][1].shape == (5, 2)


# --- agreement --------------------------------------------------------------------------------------------------------


def result(*outputs):
    made = [Output(name, dtype, np.asarray(value)) for name, dtype, value in outputs]
    return Result({}, made[:-1], made[-1:])


@pytest.mark.parametrize(
    "dtype, off, diverges",
    [
        ("float32", 2e-5, False),
        ("float32", 1e-3, True),
        ("float16", 1e-2, False),
        ("float64", 1e-6, True),
        ("bfloat16", 0.05, False),
        ("int32", 1, True),
        ("float32", np.nan, True),
    ],
)
def test_how_far_is_too_far_depends_on_the_dtype(dtype, off, diverges):
    right = result(("a", dtype, [0.0, 100.0]), ("net", dtype, [0.0]))
    found = result(("a", dtype, [off * (100 if dtype != "int32" else 1), 100.0]), ("net", dtype, [0.0]))
    assert (first_divergence(right, found) is not None) == diverges


def test_equal_infinities_agree_and_layers_that_only_one_has_are_passed_over():
    right = result(("a", "float32", [np.inf, np.nan]), ("net", "float32", [1.0]))
    found = result(("loop", "float32", [5.0]), ("a", "float32", [np.inf, np.nan]), ("net", "float32", [2.0]))
    assert first_divergence(right, found) == ("net", 1.0)


def test_layers_inside_come_first_and_repeated_calls_are_counted(backend):
    shared = layers.Dense(4, name="shared")
    x = inputs = layers.Input((4,))
    model = triceras.Model(inputs, shared(layers.Dense(4, name="first")(shared(x))), name="net")
    found = measuring.measure(Job(backend, (X, None, None), False, 0, precise=True), lambda: model)
    assert [output.name for output in found.layers] == ["shared", "first", "shared (call 2)"]
    assert [output.name for output in found.predictions] == ["net"]
    assert len(found.predictions[0].value) == measuring.SAMPLES


# --- recommendation and display ---------------------------------------------------------------------------------------


def row(name, step, first=1.0, **fields):
    return Row(name, "train", first, first, step, max_difference=1e-7, peak_bytes=2**20, **fields)


def test_the_fastest_is_recommended_and_of_equals_the_one_that_is_ready_sooner():
    def best(*rows):
        return recommend(rows, lambda r: r.step_seconds, "a training step")

    name, reason = best(row("a", 2e-3), row("b", 1e-3), row("c", 4e-3))
    assert (name, reason) == ("b", "b takes 1 ms for a training step, 2 times faster than a, the next.")
    name, reason = best(row("a", 1.02e-3, first=0.1), row("b", 1e-3, first=9.0), row("c", 1.0))
    assert (name, reason) == ("a", "a takes 1.02 ms for a training step, as b does within 5%, and is ready sooner.")
    assert best(row("a", 1.0))[1] == "a takes 1 s for a training step; no other backend here does that."
    assert best(row("a", None)) == (None, "No backend here does it without a problem, so none is recommended.")


def test_it_shows_as_a_table_as_json_and_as_a_chart(tmp_path):
    rows = [row("jax", 1e-3), row("torch", 2e-3, diverges_at="net/dense", divergence=0.5), Row("x", problem="[broken]")]
    found = Comparison(rows, "jax", "jax is best.", "NumPy in float64")
    for text in ("jax, train", "1 ms", "net/dense (5e-01)", "x: [broken]", "jax is best.", "1 MB"):
        assert text in str(found) and repr(found) == str(found)
    assert found.table().row_count == 3
    data = json.loads(found.to_json(indent=1))
    assert data == json.loads(json.dumps(found.to_dict())) and data["rows"][2]["problem"] == "[broken]"
    assert data["recommended"] == "jax" and data["rows"][1]["step_seconds"] == 2e-3


def test_a_chart_is_a_png(tmp_path):
    pytest.importorskip("matplotlib")
    Comparison([row("jax", 1e-3), Row("x", problem="broken")], "jax", "why").plot(tmp_path / "chart.png")
    assert (tmp_path / "chart.png").read_bytes()[:4] == b"\x89PNG"


def test_without_matplotlib_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r'pip install "triceras\[demo\]"'):
        Comparison([row("jax", 1e-3)], "jax", "why").plot(tmp_path / "chart.png")
