"""Round trips of models: what is saved comes back, on every backend, and a failed save loses nothing."""

import json
import os
import zipfile

import h5py
import numpy as np
import pytest

import triceras
from triceras import layers, saving

X = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
Y = np.random.default_rng(1).normal(size=(16, 2)).astype("float32")


def small(optimizer="adam", dropout=0.0):
    model = triceras.Sequential(
        [
            triceras.Input((4,)),
            layers.Dense(5, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(dropout),
            layers.Dense(2),
        ]
    )
    model.compile(optimizer, "mse", metrics=["mae"])
    return model


def first(x, more):
    return x


def same_weights(a, b):
    for x, y in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_array_equal(x, y)


def parts_of(path):
    with zipfile.ZipFile(path) as archive:
        return {info.filename: (info.compress_type, archive.read(info)) for info in archive.infolist()}


def test_the_file_is_as_keras_writes_it(tmp_path, backend):
    small().save(tmp_path / "m.keras")
    parts = parts_of(tmp_path / "m.keras")
    assert list(parts) == ["metadata.json", "config.json", "model.weights.h5"]
    assert {kind for kind, _ in parts.values()} == {zipfile.ZIP_STORED}
    assert json.loads(parts["metadata.json"][1])["keras_version"] == "3.15.1"
    config = json.loads(parts["config.json"][1])
    assert list(config) == ["module", "class_name", "config", "registered_name", "build_config", "compile_config"]
    for word in (b"torch", b"jax", b"tensorflow", b"triceras"):
        assert word not in parts["config.json"][1]
    assert os.listdir(tmp_path) == ["m.keras"]


def test_the_same_model_gives_the_same_config(tmp_path):
    model = small()
    model.save(tmp_path / "a.keras")
    model.save(tmp_path / "b.keras")
    assert parts_of(tmp_path / "a.keras")["config.json"] == parts_of(tmp_path / "b.keras")["config.json"]


@pytest.mark.parametrize("name", ["m.keras", "folder", "m.h5"])
def test_round_trip(tmp_path, backend, name):
    model = small()
    if backend != "numpy":
        model.fit(X, Y, verbose=0, shuffle=False)
    path = tmp_path / name
    model.save(path, zipped=False) if name == "folder" else model.save(str(path))
    loaded = saving.load_model(str(path))
    same_weights(model, loaded)
    np.testing.assert_allclose(loaded.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-6)
    assert loaded.compiled and loaded.backend.name == backend
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in model.layers]
    if backend != "numpy":
        for a, b in zip(model.optimizer.variables, loaded.optimizer.variables, strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy())
        assert loaded.evaluate(X, Y, verbose=0) == pytest.approx(model.evaluate(X, Y, verbose=0), rel=1e-5)


def test_not_compiled(tmp_path):
    model = small()
    model.save(tmp_path / "m.keras")
    assert not saving.load_model(tmp_path / "m.keras", compile=False).compiled
    bare = triceras.Sequential([triceras.Input((4,)), layers.Dense(2)])
    bare.save(tmp_path / "bare.keras")
    assert not saving.load_model(tmp_path / "bare.keras").compiled


OPTIMIZERS = {
    "sgd": lambda: triceras.optimizers.SGD(0.05, momentum=0.9),
    "adam": lambda: triceras.optimizers.Adam(0.01),
    "adamw": lambda: triceras.optimizers.AdamW(0.01, clipnorm=1.0),
    "rmsprop": lambda: triceras.optimizers.RMSprop(triceras.optimizers.schedules.ExponentialDecay(0.01, 3, 0.9)),
    "ema": lambda: triceras.optimizers.Adam(0.01, use_ema=True, gradient_accumulation_steps=2),
}


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_training_goes_on_as_if_never_saved(tmp_path, trainable_backend, optimizer):
    def fit(model, epochs):
        return model.fit(X, Y, batch_size=8, epochs=epochs, shuffle=False, verbose=0).history["loss"]

    model = small(OPTIMIZERS[optimizer]())
    fit(model, 2)
    model.save(tmp_path / "m.keras")
    expected = fit(model, 2)
    for name in ("jax", "torch", "tensorflow"):
        if name not in triceras.core.registry.installed():
            continue
        with triceras.use_backend(name):
            loaded = saving.load_model(tmp_path / "m.keras")
        assert loaded.backend.name == name
        np.testing.assert_allclose(fit(loaded, 2), expected, rtol=1e-4)


def test_numpy_loads_what_others_trained(tmp_path, trainable_backend):
    model = small()
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "m.keras")
    with triceras.use_backend("numpy"):
        loaded = saving.load_model(tmp_path / "m.keras")
        np.testing.assert_allclose(loaded.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-4, atol=1e-5)


def test_seeds_go_on(tmp_path, backend):
    model = small(dropout=0.5)
    layer = model.layers[2]
    layer.seed_generator.next()
    state = layer.seed_generator.state.numpy()
    model.save(tmp_path / "m.keras")
    for other in triceras.core.registry.installed():
        with triceras.use_backend(other):
            loaded = saving.load_model(tmp_path / "m.keras")
            np.testing.assert_array_equal(loaded.layers[2].seed_generator.state.numpy(), state)


def test_precision_is_kept(tmp_path, trainable_backend):
    model = triceras.Sequential(
        [triceras.Input((4,)), layers.Dense(3, dtype="bfloat16"), layers.Dense(2, dtype="mixed_bfloat16")]
    )
    model.save(tmp_path / "m.keras")
    loaded = saving.load_model(tmp_path / "m.keras")
    assert [w.dtype for w in loaded.weights] == ["bfloat16", "bfloat16", "float32", "float32"]
    assert loaded.layers[1].compute_dtype == "bfloat16"
    same_weights(model, loaded)


def test_custom_objects(tmp_path):
    class Scale(layers.Layer):
        def __init__(self, factor=2.0, **kwargs):
            super().__init__(**kwargs)
            self.factor = factor

        def build(self, input_shape):
            self.w = self.add_weight(shape=(1,), initializer="ones", name="w")

        def call(self, x):
            return x * self.w * self.factor

        def get_config(self):
            return {**super().get_config(), "factor": self.factor}

    def swish_loss(y_true, y_pred):
        return triceras.ops.mean(triceras.ops.abs(y_true - y_pred))

    model = triceras.Sequential([triceras.Input((4,)), Scale(3.0)])
    model.compile("sgd", swish_loss)
    model.save(tmp_path / "m.keras")
    with pytest.raises(saving.UnknownObject, match="Could not locate class 'Scale'") as info:
        saving.load_model(tmp_path / "m.keras")
    assert info.value.where == "$.config.layers[1]"
    with pytest.raises(saving.UnknownObject, match="Could not locate function 'swish_loss'") as info:
        saving.load_model(tmp_path / "m.keras", custom_objects={"Scale": Scale})
    assert info.value.where == "$.compile_config.loss"
    found = {"Scale": Scale, "swish_loss": swish_loss}
    loaded = saving.load_model(tmp_path / "m.keras", custom_objects=found)
    assert loaded.layers[0].factor == 3.0 and loaded.loss is swish_loss
    with saving.custom_object_scope(found):
        assert isinstance(saving.load_model(tmp_path / "m.keras").layers[0], Scale)


# --- writing -----------------------------------------------------------------------------------------------------


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "m.keras"
    model = small()
    model.save(path)
    before = path.read_bytes()

    class Broken(layers.Layer):
        def save_own_variables(self, store):
            raise RuntimeError("no space left")

    with pytest.raises(RuntimeError, match="no space left"):
        triceras.Sequential([triceras.Input((4,)), Broken()]).save(path)
    with pytest.raises(TypeError, match="Cannot serialize object"):
        layer = layers.Lambda(first, arguments={"more": object()})
        triceras.Sequential([triceras.Input((4,)), layer]).save(path)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["m.keras"]
    for ending in ("m.weights.h5", "m.weights.json", "folder"):
        options = {"max_shard_size": 1} if ending.endswith("json") else {}
        with pytest.raises(RuntimeError):
            broken = triceras.Sequential([triceras.Input((4,)), Broken()])
            broken.save(tmp_path / ending, zipped=False) if ending == "folder" else broken.save_weights(
                tmp_path / ending, **options
            )
    assert os.listdir(tmp_path) == ["m.keras"]


def test_names_of_files(tmp_path):
    model = small()
    for name in ("x.foo", "x"):
        with pytest.raises(ValueError, match="Invalid filepath extension for saving"):
            model.save(tmp_path / name)
    with pytest.raises(ValueError, match=r"The filename must end in `.weights.h5`. Received: filepath=w.h5"):
        model.save_weights("w.h5")
    with pytest.raises(ValueError, match="zipped=False"):
        model.save(tmp_path / "m.keras", zipped=False)
    with pytest.raises(ValueError, match=r"The following argument\(s\) are not supported: \['foo'\]"):
        model.save(tmp_path / "m.keras", foo=1)
    with pytest.raises(FileNotFoundError, match="doesn't exist"):
        model.save(tmp_path / "no" / "m.keras")
    assert os.listdir(tmp_path) == []


def test_overwrite(tmp_path):
    model = small()
    model.save(tmp_path / "m.keras")
    model.save(tmp_path / "m.keras")
    model.save_weights(tmp_path / "m.weights.h5")
    for save in (
        lambda: model.save(tmp_path / "m.keras", overwrite=False),
        lambda: model.save_weights(tmp_path / "m.weights.h5", overwrite=False),
    ):
        with pytest.raises(FileExistsError, match="overwrite=True"):
            save()


# --- weights -----------------------------------------------------------------------------------------------------


def test_weights_files(tmp_path, backend):
    a, b = small(), small()
    a.save_weights(tmp_path / "a.weights.h5")
    b.load_weights(str(tmp_path / "a.weights.h5"))
    same_weights(a, b)
    a.save(tmp_path / "a.keras")
    c = small()
    c.load_weights(tmp_path / "a.keras")
    same_weights(a, c)
    with h5py.File(tmp_path / "a.weights.h5") as file:
        assert (
            file["layers/dense/vars/0"].shape == (4, 5)
            and file["layers/dense_1/vars"].attrs["name"] == a.layers[3].name
        )


def test_weights_with_and_without_an_optimizer(tmp_path, trainable_backend):
    trained, bare = small(), small()
    trained.fit(X, Y, verbose=0)
    trained.save_weights(tmp_path / "trained.weights.h5")
    fresh = small()
    fresh.load_weights(tmp_path / "trained.weights.h5")  # Keras leaves the optimizer aside here
    for a, b in zip(trained.optimizer.variables, fresh.optimizer.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    bare.optimizer = None
    bare.save_weights(tmp_path / "bare.weights.h5")
    fresh.load_weights(tmp_path / "bare.weights.h5")
    same_weights(fresh, bare)
    assert int(fresh.optimizer.iterations.numpy()) == 1


def test_sharded_weights(tmp_path):
    a, b = small(), small()
    a.save_weights(tmp_path / "a.weights.json", max_shard_size=1e-7)
    index = json.loads((tmp_path / "a.weights.json").read_text())
    assert index["weight_map"]["/layers/dense/vars"] == ["a_00000.weights.h5"] and len(os.listdir(tmp_path)) > 2
    b.load_weights(tmp_path / "a.weights.json")
    same_weights(a, b)
    with pytest.raises(ValueError, match="exceeds the maximum shard size"):
        a.save_weights(tmp_path / "a.weights.json", max_shard_size=1e-9)
    with pytest.raises(ValueError, match="must end in `.weights.json`"):
        a.save_weights(tmp_path / "a.weights.h5", max_shard_size=1)
    os.remove(tmp_path / "a_00001.weights.h5")
    with pytest.raises(saving.ModelFileError, match="a_00001"):
        b.load_weights(tmp_path / "a.weights.json")


def test_weights_that_do_not_fit(tmp_path):
    a = small()
    a.save_weights(tmp_path / "a.weights.h5")
    other = triceras.Sequential([triceras.Input((4,)), layers.Dense(5), layers.Dense(3), layers.Dense(2)])
    before = other.get_weights()
    with pytest.raises(saving.WeightsMismatch, match="A total of 2 objects could not be loaded") as info:
        other.load_weights(tmp_path / "a.weights.h5")
    assert info.value.where == "layers/dense_1/vars" and "skip_mismatch=True" in str(info.value)
    for mine, kept in zip(before, other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, kept)
    with pytest.warns(UserWarning, match="A total of 2 objects could not be loaded"):
        other.load_weights(tmp_path / "a.weights.h5", skip_mismatch=True)
    np.testing.assert_array_equal(other.get_weights()[0], a.get_weights()[0])


def test_an_unbuilt_model(tmp_path):
    small().save_weights(tmp_path / "a.weights.h5")
    with pytest.raises(ValueError, match="not yet been built"):
        triceras.Sequential([layers.Dense(2)]).load_weights(tmp_path / "a.weights.h5")
    triceras.Sequential([layers.Dense(2)]).save(tmp_path / "m.keras")
    loaded = saving.load_model(tmp_path / "m.keras")
    assert not loaded.built and tuple(loaded(X).shape) == (16, 2)


def test_missing_weights_files(tmp_path):
    model = small()
    with pytest.raises(FileNotFoundError):
        model.load_weights(tmp_path / "no.weights.h5")
    with pytest.raises(saving.NotAModelFile, match="File format not supported"):
        model.load_weights(tmp_path / "no.ckpt")
    with pytest.raises(ValueError, match="Invalid keyword arguments"):
        model.load_weights(tmp_path / "no.weights.h5", nope=True)


def test_old_weights_by_name(tmp_path):
    model = small()
    model.save(tmp_path / "m.h5")
    other = triceras.Sequential([triceras.Input((4,)), layers.Dense(5, name=model.layers[0].name), layers.Dense(7)])
    with pytest.raises(saving.WeightsMismatch, match="Layer count mismatch"):
        other.load_weights(tmp_path / "m.h5")
    other.load_weights(tmp_path / "m.h5", by_name=True)
    np.testing.assert_array_equal(other.get_weights()[0], model.get_weights()[0])


def test_a_keras_2_config(tmp_path):
    """As TF-Keras 2 wrote it: input shape in the first layer, links as lists, names without modules."""
    old = {"class_name": "Policy", "config": {"name": "float32"}}
    functional = {
        "class_name": "Functional",
        "config": {
            "name": "model",
            "layers": [
                {
                    "class_name": "InputLayer",
                    "config": {
                        "batch_input_shape": [None, 4],
                        "dtype": "float32",
                        "sparse": False,
                        "ragged": False,
                        "name": "x",
                    },
                    "name": "x",
                    "inbound_nodes": [],
                },
                {
                    "class_name": "Dense",
                    "config": {
                        "name": "dense",
                        "trainable": True,
                        "dtype": "float32",
                        "units": 3,
                        "activation": "relu",
                        "use_bias": True,
                        "kernel_initializer": {"class_name": "GlorotUniform", "config": {"seed": None}},
                        "bias_initializer": {"class_name": "Zeros", "config": {}},
                    },
                    "name": "dense",
                    "inbound_nodes": [[["x", 0, 0, {}]]],
                },
                {
                    "class_name": "Concatenate",
                    "config": {"name": "cat", "trainable": True, "dtype": "float32", "axis": -1},
                    "name": "cat",
                    "inbound_nodes": [[["x", 0, 0, {}], ["dense", 0, 0, {}]]],
                },
            ],
            "input_layers": [["x", 0, 0]],
            "output_layers": [["cat", 0, 0]],
        },
    }
    sequential = {
        "class_name": "Sequential",
        "config": {
            "name": "seq",
            "layers": [
                {
                    "class_name": "Dense",
                    "config": {"name": "dense", "batch_input_shape": [None, 4], "units": 3, "dtype": old},
                }
            ],
        },
    }
    for i, config in enumerate((functional, sequential)):
        path = tmp_path / f"{i}.h5"
        with h5py.File(path, "w") as file:
            file.attrs["model_config"] = json.dumps(config)
            group = file.create_group("model_weights")
            group.attrs["layer_names"] = [b"x", b"dense", b"cat"]
            for name in ("x", "cat"):
                group.create_group(name).attrs["weight_names"] = []
            group.create_group("dense").attrs["weight_names"] = [b"dense/kernel:0", b"dense/bias:0"]
            group["dense/dense/kernel:0"], group["dense/dense/bias:0"] = np.ones((4, 3), "f4"), np.zeros(3, "f4")
        model = saving.load_model(path)
        assert tuple(model(X).shape) == (16, 7 if i == 0 else 3)
        np.testing.assert_array_equal(model.get_weights()[0], np.ones((4, 3)))
