"""Distribution on JAX's virtual devices: the same curve as on one device, whatever is split."""

import functools

import numpy as np
import pytest

import triceras as keras
from tests.distribution.models import BATCH, MODELS, STEPS, compiled, data, trained
from triceras import distribution as dist
from triceras import layers
from triceras.backends.jax import transforms
from triceras.core import registry

jax = pytest.importorskip("jax")

if jax.device_count() < 8:
    pytest.skip("needs 8 devices: XLA_FLAGS=--xla_force_host_platform_device_count=8", allow_module_level=True)


@pytest.fixture(autouse=True)
def _on_jax():
    with keras.use_backend("jax"):
        yield
        dist.set_distribution(None)


def devices(count):
    return dist.list_devices()[:count]


def tensor_parallel():
    """Two axes: what a layer expands is split over the one, batches over the other."""
    layouts = dist.LayoutMap(dist.DeviceMesh((2, 4), ("batch", "model"), devices(8)))
    layouts[r"(^|/)dense/kernel"] = (None, "model")
    layouts[r"(^|/)dense_1/kernel"] = ("model", None)
    layouts["conv2d/kernel"] = (None, None, None, "model")
    layouts["embeddings"] = ("model", None)
    layouts["(query|key|value)/kernel"] = (None, None, "model")
    layouts["conv2d/output"] = ("batch", None, None, "model")
    return dist.ModelParallel(layout_map=layouts)


DISTRIBUTIONS = {
    "2 devices": lambda: dist.DataParallel(devices=devices(2)),
    "4 devices": lambda: dist.DataParallel(devices=devices(4)),
    "8 devices": lambda: dist.DataParallel(devices=devices(8)),
    "model parallel": tensor_parallel,
    "fsdp": lambda: dist.fsdp(smallest=32),
}


@functools.cache
def alone(name):
    model, history = trained(name)
    return history, model.get_weights()


def assert_close(found, expected, what):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * np.abs(b).max(initial=1e-3), err_msg=what)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The layout map's key")  # no model has all of these layers
@pytest.mark.parametrize("kind", DISTRIBUTIONS)
@pytest.mark.parametrize("name", MODELS)
def test_training_follows_the_curve_of_one_device(name, kind):
    history, weights = alone(name)
    distribution = DISTRIBUTIONS[kind]()
    with distribution.scope():
        model, found = trained(name)
    used = {d for v in model.variables for d in v.native.sharding.device_set}
    assert len(used) == distribution.device_mesh.devices.size
    assert int(model.optimizer.iterations.numpy()) == STEPS
    for key in history:
        assert_close([found[key]], [history[key]], key)
    assert_close(model.get_weights(), weights, "weights")


def shares(variables):
    """Bytes of some variables on the first device."""
    return sum(v.native.addressable_shards[0].data.nbytes for v in variables)


def test_fsdp_divides_variables_and_slots():
    def state():
        model = compiled("mlp")
        x, y = data(model)
        model.train_on_batch(x[:BATCH], y[:BATCH])
        return [*model.trainable_variables, *(v for v in model.optimizer.variables if v.shape)]

    whole = shares(state())
    with dist.fsdp(smallest=16).scope():
        sharded = state()
        assert shares(sharded) < whole / 4
    kernels = [v for v in sharded if "kernel" in v.path]
    assert len(kernels) == 4 and all(any(v.native.sharding.spec) for v in kernels)


def test_a_step_keeps_the_layout():
    with tensor_parallel().scope(), pytest.warns(UserWarning, match="matches no variable"):
        model = compiled("mlp")
        before = [v.native.sharding for v in model.variables]
        x, y = data(model)
        for _ in range(3):
            model.train_on_batch(x[:BATCH], y[:BATCH])
        assert [v.native.sharding for v in model.variables] == before
        model.variables[0].assign(model.variables[0].numpy() + 1)
        assert model.variables[0].native.sharding == before[0] and not before[0].is_fully_replicated


def test_files_know_nothing_of_devices(tmp_path):
    with dist.fsdp(smallest=16).scope():
        model, _ = trained("mlp")
        model.save(tmp_path / "sharded.keras")
        x, y = data(model)
        expected = model.predict(x, verbose=0)
        after = model.train_on_batch(x[:BATCH], y[:BATCH])
    one = keras.models.load_model(tmp_path / "sharded.keras")
    assert all(len(v.native.sharding.device_set) == 1 for v in one.variables)
    np.testing.assert_allclose(one.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-5)
    one.save(tmp_path / "one.keras")
    with dist.DataParallel().scope():
        spread = keras.models.load_model(tmp_path / "one.keras")
        assert all(len(v.native.sharding.device_set) == 8 for v in (*spread.variables, *spread.optimizer.variables))
        np.testing.assert_allclose(spread.train_on_batch(x[:BATCH], y[:BATCH]), after, rtol=1e-5)


def test_a_distributed_model_moves_to_another_backend():
    with dist.DataParallel().scope():
        model, _ = trained("mlp")
        x, _ = data(model)
        expected = model.predict(x, verbose=0)
        model.to_backend("numpy")
        assert all(v.layout is None for v in model.variables)
        np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-5)
        model.to_backend("jax")
        assert all(len(v.native.sharding.device_set) == 8 for v in model.variables)


def test_several_steps_in_one_execution():
    history, weights = alone("mlp")
    with dist.DataParallel().scope():
        model, found = trained("mlp", steps_per_execution=5)
    assert_close([found["loss"]], [history["loss"]], "loss")
    assert_close(model.get_weights(), weights, "weights")


def test_tensors_are_laid_out_eagerly_and_compiled():
    mesh = dist.DeviceMesh((8,), ("all",), devices(8))
    layout = dist.TensorLayout(("all", None), mesh)
    x = keras.ops.ones((8, 3))
    assert dist.distribute_tensor(x, layout).sharding == layout.backend_layout
    doubled = keras.jit(lambda x: dist.distribute_tensor(x * 2, layout))(x)
    assert doubled.sharding == layout.backend_layout
    np.testing.assert_array_equal(np.asarray(doubled), np.full((8, 3), 2.0))


def test_outputs_of_layers_are_laid_out():
    layouts = dist.LayoutMap(dist.DeviceMesh((2, 4), ("batch", "model"), devices(8)))
    layouts["first/output"] = ("batch", "model")
    with dist.ModelParallel(layout_map=layouts).scope():
        layer = layers.Dense(8, name="first")
        for _ in range(3):  # also when the call is a usual one
            assert layer(np.ones((4, 2))).sharding == layouts["first/output"].backend_layout


def test_the_collectives_of_a_step(monkeypatch):
    """Data parallel: gradients are summed, and nothing else of their size."""
    programs, prepare = [], transforms.Program.prepare
    monkeypatch.setattr(
        transforms.Program, "prepare", lambda self, *args: (programs.append(self), prepare(self, *args))
    )
    with dist.DataParallel().scope():
        model = compiled("mlp")
        x, y = data(model)
        model.train_on_batch(x[:BATCH], y[:BATCH])
        weights = sum(v.native.nbytes for v in model.trainable_variables)
        program = programs[-1]
        arguments = [v.native for v in program.written], [v.native for v in program.read]
        batch = registry.get("jax").place_batch((x[:BATCH], y[:BATCH].astype("int32")))
        text = program.compiled.lower(*arguments, list(batch)).compile().as_text()
    assert "all-gather" not in text and "all-to-all" not in text
    reduced = [line for line in text.splitlines() if "= " in line and " all-reduce(" in line]
    assert reduced and sum(map(size_of, reduced)) <= 1.1 * weights + 64


def size_of(line):
    """The bytes that the floats of an HLO instruction's result take."""
    import re

    kinds = line.split("= ", 1)[1].split(" all-reduce(")[0]
    return sum(
        4 * int(np.prod([int(n) for n in dims.split(",") if n])) for dims in re.findall(r"[fs]32\[([\d,]*)\]", kinds)
    )
