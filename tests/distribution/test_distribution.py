"""Meshes, layouts and maps: what they take and what they refuse."""

import numpy as np
import pytest

import triceras as keras
from triceras import distribution as dist
from triceras import layers

jax = pytest.importorskip("jax")


@pytest.fixture(autouse=True)
def _on_jax():
    with keras.use_backend("jax"):
        yield
        dist.set_distribution(None)


def grid(shape=(2, 2), names=("batch", "model")):
    count = int(np.prod(shape))
    if jax.device_count() < count:
        pytest.skip("needs virtual devices")
    return dist.DeviceMesh(shape, names, dist.list_devices()[:count])


def test_devices_are_listed():
    assert dist.list_devices()[0] == "cpu:0" and dist.get_device_count("cpu") == len(dist.list_devices("CPU"))
    with pytest.raises(ValueError, match="`device_type` must be one of cpu, gpu, tpu. Received: device_type='abacus'"):
        dist.list_devices("abacus")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((), ()), "cannot be empty"),
        (((2, 2), ("a",)), "should have the same size"),
        (
            ((3,), ("a",), ["cpu:0", "cpu:1"]),
            r"A mesh of shape \(3,\) has 3 places, but there are 2 devices: cpu:0, cpu:1",
        ),
    ],
)
def test_a_mesh_must_fit_its_devices(arguments, message):
    with pytest.raises(ValueError, match=message):
        dist.DeviceMesh(*arguments)


def test_a_mesh_tells_what_it_is():
    mesh = grid()
    assert mesh.shape == (2, 2) and mesh.axis_names == ["batch", "model"] and mesh.size("model") == 2
    assert mesh.devices.tolist() == [["cpu:0", "cpu:1"], ["cpu:2", "cpu:3"]]
    assert mesh.backend_mesh.axis_names == ("batch", "model")
    with pytest.raises(ValueError, match="No such devices: gpu:7"):
        _ = dist.DeviceMesh((1,), ("a",), ["gpu:7"]).backend_mesh


def test_layouts_know_the_axes_of_their_mesh():
    with pytest.raises(ValueError, match="Invalid axis names for Layout.*'rows'"):
        dist.TensorLayout(("rows", None), grid())
    layout = dist.TensorLayout((None, "model"))
    with pytest.raises(ValueError, match="`device_mesh` isn't set"):
        _ = layout.backend_layout
    layout.device_mesh = mesh = grid()
    with pytest.raises(ValueError, match="Cannot override device mesh"):
        layout.device_mesh = mesh


def test_maps_of_layouts():
    layouts = dist.LayoutMap(grid())
    layouts["dense/kernel"] = (None, "model")
    layouts["conv.*bias"] = dist.TensorLayout(("model",))
    assert layouts["dense/kernel"].axes == (None, "model") and layouts["block/conv_3/bias"].axes == ("model",)
    assert layouts["conv_3/bias"].device_mesh is layouts.device_mesh and layouts["other"] is None
    assert len(layouts) == 2 and list(layouts) == ["dense/kernel", "conv.*bias"]
    with pytest.raises(ValueError, match="already exist"):
        layouts["dense/kernel"] = (None, None)
    with pytest.raises(ValueError, match="should be a TensorLayout"):
        layouts["x"] = "model"
    layouts["conv_3.*"] = ("batch",)
    with pytest.raises(ValueError, match="matches multiple layout specification keys"):
        _ = layouts["conv_3/bias"]
    del layouts["conv_3.*"]
    assert len(layouts) == 2


def test_a_layout_must_divide_its_variable():
    layouts = dist.LayoutMap(grid())
    layouts["kernel"] = (None, "model")
    with dist.ModelParallel(layout_map=layouts).scope():
        with pytest.raises(
            ValueError,
            match=r"Variable odd/kernel of shape \(4, 3\) can't be laid out as \(None, 'model'\): 3 isn't a\s+multiple of the 2 devices",
        ):
            layers.Dense(3, name="odd").build((None, 4))


def test_a_map_that_matches_nothing_warns():
    layouts = dist.LayoutMap(grid())
    layouts["dens_1/kernel"] = (None, "model")
    with dist.ModelParallel(layout_map=layouts).scope():
        model = keras.Sequential([layers.Input((2,)), layers.Dense(2, name="dense_1")])
        model.compile("sgd", "mse")
        with pytest.warns(UserWarning, match="'dens_1/kernel' matches no variable. Nearest paths: .*dense_1/kernel"):
            model.train_on_batch(np.ones((4, 2)), np.ones((4, 2)))


def test_a_model_made_before_is_refused():
    model = keras.Sequential([layers.Input((2,)), layers.Dense(2)])
    model.compile("sgd", "mse")
    dist.set_distribution(dist.DataParallel(devices=["cpu:0"]))
    with pytest.raises(ValueError, match=r"variables, such as .*kernel, were made before this distribution was set"):
        model.fit(np.ones((4, 2)), np.ones((4, 2)), verbose=0)


def test_what_is_in_force():
    assert dist.distribution() is None
    one = dist.DataParallel(devices=["cpu:0"])
    with one.scope():
        assert dist.distribution() is one
    assert dist.distribution() is None
    dist.set_distribution(one)
    assert dist.distribution() is one
    with pytest.raises(TypeError, match="Expected a Distribution or None"):
        dist.set_distribution("data")
    with keras.use_backend("numpy"):  # another backend's variables stay as they are
        assert isinstance(keras.Variable([1.0]).native, np.ndarray)


def test_wrong_arguments():
    with pytest.raises(ValueError, match="must be a LayoutMap"):
        dist.ModelParallel(layout_map={})
    with pytest.raises(ValueError, match="must be an axis of the mesh, one of"):
        dist.ModelParallel(layout_map=dist.LayoutMap(grid()), batch_dim_name="rows")
    with pytest.raises(ValueError, match="instance of `DeviceMesh`"):
        dist.DataParallel(device_mesh=[1])
    with pytest.raises(TypeError, match="Expected a TensorLayout"):
        dist.distribute_tensor(np.ones(2), (None,))
    with pytest.raises(ValueError, match="`process_id` must be from 0 to 1"):
        dist.initialize("localhost:1", 2, 2)
    with keras.use_backend("numpy"), pytest.raises(NotImplementedError, match="Backend numpy runs on one device"):
        dist.list_devices()
