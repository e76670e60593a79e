"""Files go both ways between us and real Keras: models, weights, optimizer state, configs."""

import json
import zipfile

import h5py
import numpy as np
import pytest

import triceras
from tests.oracle import run_keras
from triceras import layers, ops, saving

pytestmark = [pytest.mark.oracle, pytest.mark.slow]

# Makes the same models with either library: `keras` is real Keras or triceras.
MODELS = """
def sequential():
    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(4, activation="relu", kernel_regularizer="l2"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.0),
            keras.layers.Dense(2, dtype=keras.dtype_policies.DTypePolicy("float32")),
        ],
        name="seq",
    )
    model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    return model, (6,)


def functional():
    x = keras.Input((6,), name="x")
    shared = keras.layers.Dense(4, name="shared")
    a, b = shared(x), shared(x * 2.0)
    h = keras.ops.concatenate([a, b], axis=-1)
    h = keras.ops.relu(h + 1.0)
    h = keras.layers.Add()([h[:, 1:5], a])
    inner_in = keras.Input((4,))
    inner_out = keras.layers.Dense(3, activation="tanh")(keras.layers.LayerNormalization()(inner_in))
    inner = keras.Model(inner_in, inner_out, name="inner")
    stack = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3), keras.layers.Dense(2)], name="stack")
    out = stack(inner(h))
    model = keras.Model(x, [out, keras.ops.mean(h, axis=1, keepdims=True)], name="fun")
    return model, (6,)


def nested_output():
    i = keras.Input((6,))
    inner = keras.Model(i, keras.layers.Dense(3)(i), name="inner")
    x = keras.Input((6,))
    return keras.Model([x], [inner(x)], name="outer"), (6,)


def images():
    x = keras.Input((8, 8, 1))
    h = keras.layers.Conv2D(3, 3, activation="relu", padding="same")(x)
    h = keras.layers.MaxPooling2D()(h)
    h = keras.layers.GlobalAveragePooling2D()(h)
    h = keras.layers.Reshape((1, 3))(h)
    h = keras.layers.Flatten()(h)
    return keras.Model(x, keras.layers.Dense(2, activation="softmax")(h)), (8, 8, 1)


def sequences():
    x = keras.Input((5, 4))
    h = keras.layers.LSTM(3, return_sequences=True)(x)
    h = keras.layers.GRU(3, return_sequences=True)(h)
    h = keras.layers.MultiHeadAttention(2, 2)(h, h)
    h = keras.layers.SimpleRNN(2)(h)
    return keras.Model(x, h), (5, 4)


def dicts():
    x, y = keras.Input((6,), name="left"), keras.Input((6,), name="right")
    d = keras.layers.Dense(3)
    h = keras.layers.Multiply()([d(x), d(y)])
    return keras.Model({"left": x, "right": y}, {"out": keras.layers.Dense(1)(h), "side": h}), (6,)


MADE = [sequential, functional, nested_output, images, sequences, dicts]


def data_for(model, shape):
    x = np.random.default_rng(0).normal(size=(4, *shape)).astype("float32")
    return {"left": x, "right": -x} if isinstance(getattr(model, "input", None), dict) else x


def outputs_of(model, shape):
    y = model.predict(data_for(model, shape), verbose=0)
    return [np.asarray(v) for v in (y.values() if isinstance(y, dict) else y if isinstance(y, list) else [y])]
"""
NAMES = ["sequential", "functional", "nested_output", "images", "sequences", "dicts"]


def ours():
    """The namespace of MODELS, with triceras as keras."""
    scope = {"keras": triceras, "np": np}
    exec(MODELS, scope)
    return scope


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    """Files that real Keras wrote on torch, with what the models gave there."""
    folder = tmp_path_factory.mktemp("theirs")
    code = (
        MODELS
        + """
result = {}
for make in MADE:
    keras.utils.set_random_seed(1)
    model, shape = make()
    if model.compiled:
        model.fit(np.ones((8, *shape), "float32"), np.ones((8, 2), "float32"), batch_size=4, epochs=2, verbose=0)
    base = os.path.join(folder, make.__name__)
    model.save(base + ".keras")
    model.save_weights(base + ".weights.h5")
    model.save(base + "_folder", zipped=False)
    if make.__name__ != "functional":  # Keras itself can't load ops from .h5
        model.save(base + ".h5")
    if make is MADE[0]:
        model.save_weights(base + ".weights.json", max_shard_size=3e-7)
    result[make.__name__] = {"out": outputs_of(model, shape), "weights": model.get_weights()}
    if model.compiled:
        result[make.__name__]["optimizer"] = [keras.ops.convert_to_numpy(v) for v in model.optimizer.variables]
"""
    )
    return folder, run_keras(code, backend="torch", folder=str(folder))


def agree(model, shape, expected, scope):
    for a, b in zip(model.get_weights(), expected["weights"], strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(scope["outputs_of"](model, shape), expected["out"], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_we_open_theirs(backend, name, theirs):
    folder, results = theirs
    scope = ours()
    fresh, shape = scope[name]()
    loaded = [saving.load_model(folder / f"{name}.keras"), saving.load_model(folder / f"{name}_folder")]
    fresh.load_weights(folder / f"{name}.weights.h5")
    for model in (*loaded, fresh):
        assert model.backend.name == backend
        agree(model, shape, results[name], scope)


@pytest.mark.parametrize("name", [n for n in NAMES if n != "functional"])
def test_we_open_their_old_format(name, theirs):
    folder, results = theirs
    scope = ours()
    fresh, shape = scope[name]()
    fresh.load_weights(folder / f"{name}.h5")
    for model in (saving.load_model(folder / f"{name}.h5"), fresh):
        agree(model, shape, results[name], scope)


def test_a_model_compiled_on_torch_trains_here(trainable_backend, theirs):
    folder, results = theirs
    model = saving.load_model(folder / "sequential.keras")
    assert model.jit_compile == "auto" and type(model.optimizer).__name__ == "Adam"
    for variable, expected in zip(model.optimizer.variables, results["sequential"]["optimizer"], strict=True):
        np.testing.assert_allclose(variable.numpy(), expected)
    model.fit(np.ones((4, 6), "float32"), np.ones((4, 2), "float32"), verbose=0)
    assert int(model.optimizer.iterations.numpy()) == 5


def test_their_shards(theirs):
    folder, results = theirs
    scope = ours()
    model, shape = scope["sequential"]()
    index = json.loads((folder / "sequential.weights.json").read_text())
    assert len({f for files in index["weight_map"].values() for f in files}) > 1
    model.load_weights(folder / "sequential.weights.json")
    agree(model, shape, results["sequential"], scope)


def tree_of(path):
    """Names, shapes, dtypes and attributes of everything in the weights of a `.keras` file."""
    found = {}
    with zipfile.ZipFile(path) as archive, h5py.File(archive.open("model.weights.h5")) as file:
        file.visititems(lambda name, x: found.update({name: getattr(x, "shape", None)}))
        return {name: shape for name, shape in found.items() if "seed_generator" not in name}


@pytest.mark.parametrize("name", NAMES)
def test_the_weights_lie_where_theirs_lie(tmp_path, name, theirs):
    model, _ = ours()[name]()
    if model.compiled:
        model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / "m.keras")
    assert tree_of(tmp_path / "m.keras") == tree_of(theirs[0] / f"{name}.keras")


def differences(mine, their, path="$"):
    """Where two configs differ in what matters: names are counted on, and what is None or False may be left out."""
    if isinstance(mine, dict) and isinstance(their, dict):
        for key in mine.keys() | their.keys():
            if key not in ("name", "keras_history", "shared_object_id", "jit_compile"):
                yield from differences(mine.get(key), their.get(key), f"{path}.{key}")
    elif isinstance(mine, list) and isinstance(their, list) and len(mine) == len(their):
        for i, (a, b) in enumerate(zip(mine, their, strict=True)):
            yield from differences(a, b, f"{path}[{i}]")
    elif (mine or None) != (their or None) and not path.endswith("build_config"):
        yield path, mine, their


@pytest.mark.parametrize("name", NAMES)
def test_the_configs_are_like_theirs(tmp_path, name, theirs):
    model, _ = ours()[name]()
    model.save(tmp_path / "m.keras")
    paths = tmp_path / "m.keras", theirs[0] / f"{name}.keras"
    mine, their = (json.loads(zipfile.ZipFile(path).read("config.json")) for path in paths)
    mine.pop("compile_config"), their.pop("compile_config")
    found = [d for d in differences(mine, their) if ".input_layers" not in d[0] and ".output_layers" not in d[0]]
    assert not found


def test_they_open_ours(tmp_path):
    scope, expected = ours(), {}
    for backend in ("jax", "torch", "tensorflow"):
        with triceras.use_backend(backend):
            expected[backend] = _write_ours(scope, tmp_path, backend)
    code = (
        MODELS
        + """
result = {}
for backend in BACKENDS:
    result[backend] = there = {}
    for make in MADE:
        base = os.path.join(folder, f"{backend}_{make.__name__}")
        loaded = [keras.models.load_model(base + ".keras"), keras.models.load_model(base + "_folder")]
        if make.__name__ != "functional":
            loaded.append(keras.models.load_model(base + ".h5"))
        fresh, shape = make()
        fresh.load_weights(base + ".weights.h5")
        loaded.append(fresh)
        if make is MADE[0]:
            fresh, shape = make()
            fresh.load_weights(base + ".weights.json")
            loaded.append(fresh)
            there["optimizer"] = [keras.ops.convert_to_numpy(v) for v in loaded[0].optimizer.variables]
            loaded[0].fit(np.ones((4, 6)), np.ones((4, 2)), verbose=0)
        else:
            there[make.__name__] = [{"out": outputs_of(m, shape), "weights": m.get_weights()} for m in loaded]
"""
    )
    found = run_keras(code, backend="jax", folder=str(tmp_path), BACKENDS=list(expected))
    for backend, results in expected.items():
        for a, b in zip(results.pop("optimizer"), found[backend]["optimizer"], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5)
        for name in NAMES[1:]:
            for there in found[backend][name]:
                for kind in ("weights", "out"):
                    for a, b in zip(results[name][kind], there[kind], strict=True):
                        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def _write_ours(scope, folder, backend):
    """Write every model in every format; returns what they give."""
    expected = {}
    for name in NAMES:
        model, shape = scope[name]()
        base = folder / f"{backend}_{name}"
        if model.compiled:
            model.fit(np.ones((8, *shape), "float32"), np.ones((8, 2), "float32"), batch_size=4, epochs=2, verbose=0)
            expected["optimizer"] = [v.numpy() for v in model.optimizer.variables]
            model.save_weights(f"{base}.weights.json", max_shard_size=3e-7)
        model.save(f"{base}.keras")
        model.save_weights(f"{base}.weights.h5")
        model.save(f"{base}_folder", zipped=False)
        if name != "functional":  # Keras itself can't load ops from .h5
            model.save(f"{base}.h5")
        expected[name] = {"out": scope["outputs_of"](model, shape), "weights": model.get_weights()}
    return expected


OPTIMIZERS = {
    "SGD": {"learning_rate": 0.05, "momentum": 0.9},
    "Adam": {"learning_rate": 0.01},
    "AdamW": {"learning_rate": 0.01},
    "RMSprop": {"learning_rate": 0.01},
}
MORE = {
    "Adam amsgrad": {"amsgrad": True, "use_ema": True, "ema_overwrite_frequency": 3},
    "RMSprop centered": {"momentum": 0.9, "centered": True},
    "SGD accumulating": {"momentum": 0.9, "nesterov": True, "gradient_accumulation_steps": 3, "clipnorm": 0.5},
    **{name: {} for name in ("Adagrad", "Nadam", "Lion", "Adafactor", "Ftrl", "Adadelta", "Adamax", "Lamb")},
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Models that real Keras trained for two epochs on torch and saved, and the losses of its next two epochs."""
    folder = tmp_path_factory.mktemp("trained")
    code = (
        MODELS
        + """
result = {}
for name, options in optimizers.items():
    model, shape = sequential()
    model.compile(getattr(keras.optimizers, name.split()[0])(**options), "mse")
    fit = lambda: model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0).history["loss"]
    fit()
    model.save(os.path.join(folder, name + ".keras"))
    result[name] = fit()
"""
    )
    random = np.random.default_rng(0)
    data = {"x": random.normal(size=(16, 6)).astype("f4"), "y": random.normal(size=(16, 2)).astype("f4")}
    return folder, data, run_keras(code, backend="torch", folder=str(folder), optimizers=OPTIMIZERS | MORE, **data)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_goes_on_from_their_files(trainable_backend, name, trained):
    go_on(name, *trained)


@pytest.mark.parametrize("name", MORE)
def test_training_goes_on_with_other_optimizers(name, trained):
    with triceras.use_backend("torch"):
        go_on(name, *trained)


def go_on(name, folder, data, expected):
    model = saving.load_model(folder / f"{name}.keras")
    history = model.fit(data["x"], data["y"], batch_size=8, epochs=2, shuffle=False, verbose=0)
    np.testing.assert_allclose(history.history["loss"], expected[name], rtol=1e-4)


def test_subclassed_models_both_ways(tmp_path):
    text = """
@keras.saving.register_keras_serializable("pkg")
class Block(keras.layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self._hidden = keras.layers.Dense(units)
        self.out = keras.layers.Dense(units)
    def build(self, shape):
        self.scale = self.add_weight(shape=(self.units,), initializer="ones", name="scale")
        self._hidden.build(shape)
        self.out.build((*shape[:-1], self.units))
    def call(self, x):
        return self.out(self._hidden(x)) * self.scale
    def get_config(self):
        return {**super().get_config(), "units": self.units}

@keras.saving.register_keras_serializable("pkg")
class Net(keras.Model):
    def __init__(self, n=2, **kwargs):
        super().__init__(**kwargs)
        self.n = n
        self.zz = keras.layers.Dense(3)
        self.blocks = [Block(3, name=f"b{i}") for i in range(n)]
        self.named = {"a": keras.layers.Dense(2), "b": [keras.layers.Dense(2)]}
        self.again = self.zz
        self.drop = keras.layers.Dropout(0.5)
        self.inner = keras.Sequential([keras.layers.Dense(2), keras.layers.Dense(2)])
    def call(self, x):
        x = self.zz(x)
        for block in self.blocks:
            x = block(x)
        return self.inner(self.drop(self.named["b"][0](self.named["a"](x))))
    def get_config(self):
        return {"n": self.n}
"""
    scope = {"keras": triceras}
    before = dict(saving.get_custom_objects())
    try:
        exec(text, scope)
        model = scope["Net"]()
        x = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
        expected = model.predict(x, verbose=0)
        model.save(tmp_path / "ours.keras")
        code = (
            text
            + """
model = keras.models.load_model(os.path.join(folder, "ours.keras"))
result = {"out": model.predict(x, verbose=0)}
model = Net(3)
model.compile("sgd", "mse")
model.fit(x, np.ones((3, 2)), verbose=0)
result["out2"] = model.predict(x, verbose=0)
model.save(os.path.join(folder, "theirs.keras"))
"""
        )
        found = run_keras(code, backend="tensorflow", folder=str(tmp_path), x=x)
        np.testing.assert_allclose(found["out"], expected, rtol=1e-4, atol=1e-5)
        loaded = saving.load_model(tmp_path / "theirs.keras")
        np.testing.assert_allclose(loaded.predict(x, verbose=0), found["out2"], rtol=1e-4, atol=1e-5)
        loaded.save(tmp_path / "again.keras")
        assert tree_of(tmp_path / "again.keras") == tree_of(tmp_path / "theirs.keras")
    finally:
        saving.get_custom_objects().clear()
        saving.get_custom_objects().update(before)


def test_seed_states_are_ours_alone_and_do_not_disturb_them(tmp_path):
    model = triceras.Sequential([triceras.Input((4,)), layers.Dropout(0.5), layers.Dense(2)])
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive, h5py.File(archive.open("model.weights.h5")) as file:
        assert "seed_generator" in file["layers/dropout"]
    code = "result = keras.models.load_model(path).count_params()"
    assert run_keras(code, path=str(tmp_path / "m.keras")) == model.count_params()


def test_a_lambda_layer_goes_both_ways_when_trusted(tmp_path):
    model = triceras.Sequential([triceras.Input((2,)), layers.Lambda(lambda x: x * 2)])
    with pytest.warns(UserWarning, match="lambda"):
        model.save(tmp_path / "ours.keras")
    code = """
model = keras.models.load_model(os.path.join(folder, "ours.keras"), safe_mode=False)
result = model.predict(np.ones((1, 2)), verbose=0)
model.save(os.path.join(folder, "theirs.keras"))
"""
    np.testing.assert_allclose(run_keras(code, folder=str(tmp_path)), [[2.0, 2.0]])
    with pytest.raises(saving.UnsafeContent):
        saving.load_model(tmp_path / "theirs.keras")
    loaded = saving.load_model(tmp_path / "theirs.keras", safe_mode=False)
    np.testing.assert_allclose(loaded.predict(np.ones((1, 2)), verbose=0), [[2.0, 2.0]])


def test_ops_in_graphs_both_ways(tmp_path):
    def build(keras, ops):
        x = keras.Input((4, 3), name="x")
        outs = [
            ops.sum(x, axis=(1, 2)),
            ops.transpose(x, (0, 2, 1)),
            ops.reshape(x, (-1, 12)),
            ops.clip(x, 0.0, 0.5),
            ops.where(x > 0, x, 0.0),
            ops.stack([x, x], axis=1),
            ops.matmul(x, ops.transpose(x, (0, 2, 1))),
            ops.expand_dims(x, -1),
            x[:, 0],
            x[..., 1:],
            ops.softmax(x, axis=1),
            ops.concatenate([x, -x], axis=2),
            ops.cast(x, "int32"),
            ops.maximum(x, 0.1),
            ops.split(x, 3, axis=2)[1],
            ops.max(x, axis=1, keepdims=True),
            ops.square(x) / 2,
            ops.einsum("bij,bkj->bik", x, x),
        ]
        return keras.Model(x, outs)

    x = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")
    model = build(triceras, ops)
    expected = [np.asarray(y) for y in model.predict(x, verbose=0)]
    model.save(tmp_path / "ours.keras")
    import inspect
    import textwrap

    code = (
        textwrap.dedent(inspect.getsource(build))
        + """
loaded = keras.models.load_model(os.path.join(folder, "ours.keras"))
own = build(keras, keras.ops)
own.save(os.path.join(folder, "theirs.keras"))
result = {"loaded": loaded.predict(x, verbose=0), "own": own.predict(x, verbose=0)}
"""
    )
    found = run_keras(code, backend="jax", folder=str(tmp_path), x=x)
    again = saving.load_model(tmp_path / "theirs.keras").predict(x, verbose=0)
    for mine, loaded, own, back in zip(expected, found["loaded"], found["own"], again, strict=True):
        for other in (loaded, own, back):
            np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-5)
