"""Layers around objects of one framework: on their backend as in Keras, refused on any other."""

import base64
import copy
import functools
import inspect
import json
import pickle
import tempfile
import zipfile

import numpy as np
import pytest

import triceras
from tests.conftest import INSTALLED
from tests.oracle import run_keras
from triceras import layers, saving
from triceras.core.scope import use_backend
from triceras.saving.errors import ModelFileError, UnsafeContent

X = np.sin(np.arange(24, dtype="float32")).reshape(6, 4)
Y = np.cos(np.arange(18, dtype="float32")).reshape(6, 3)
CODE = """
import jax
import jax.numpy as jnp

@keras.saving.register_keras_serializable("bridges")
def affine(params, inputs):
    return inputs @ params["kernel"] + params["more"][0]

@keras.saving.register_keras_serializable("bridges")
def affine_weights(rng, inputs):
    return {"kernel": jax.random.normal(rng, (inputs.shape[-1], 3)), "more": [jnp.zeros((3,))]}
"""


def on(backend):
    """The tests of a class run on this backend, and are skipped where it isn't installed."""

    def decorate(cls):
        @pytest.fixture(autouse=True)
        def there(self):
            with use_backend(backend):
                yield

        cls.there = there
        return pytest.mark.skipif(backend not in INSTALLED, reason=f"{backend} isn't installed")(cls)

    return decorate


@pytest.fixture
def functions():
    return jax_functions()


@functools.cache
def jax_functions():
    scope = {"keras": triceras}
    exec(CODE, scope)
    return scope["affine"], scope["affine_weights"]


@functools.cache
def flax_module():
    linen = pytest.importorskip("flax.linen")

    class Net(linen.Module):
        units: int = 3

        @linen.compact
        def __call__(self, inputs, training=False):
            y = linen.BatchNorm(use_running_average=not training)(linen.Dense(self.units)(inputs))
            return linen.Dropout(0.5, deterministic=not training)(y)

        def doubled(self, inputs):
            return 2 * self(inputs)

        def get_config(self):
            return {"units": self.units}

        @classmethod
        def from_config(cls, config):
            return cls(**config)

    return saving.register_keras_serializable("bridges")(Net)


@functools.cache
def saved_model():
    import tensorflow as tf

    class Module(tf.Module):
        def __init__(self):
            super().__init__()
            self.w = tf.Variable(tf.ones((4, 3)), name="w")
            self.calls = tf.Variable(0.0, trainable=False, name="calls")

        @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32)])
        def serve(self, inputs):
            return tf.matmul(inputs, self.w)

        @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32)])
        def train(self, inputs):
            self.calls.assign_add(1.0)
            return 2 * tf.matmul(inputs, self.w)

    path = tempfile.mkdtemp(prefix="saved_model_")
    module = Module()
    tf.saved_model.save(module, path, signatures={"serving_default": module.serve})
    return path


def predicted(model):
    return model.predict(X, verbose=0)


def refuses_to_move(model, layer):
    before = predicted(model)
    for moved in (model, layer):
        with pytest.raises(ValueError, match=f"'{layer.path}'.*can't go to numpy.*Nothing has moved"):
            moved.to_backend("numpy")
    assert model.backend is layer.backend is model.optimizer.backend
    np.testing.assert_array_equal(predicted(model), before)


@pytest.mark.parametrize(
    ("make", "wraps", "home"),
    [
        (lambda: layers.TorchModuleWrapper(object()), "a PyTorch module", "torch"),
        (lambda: layers.TFSMLayer("nowhere"), "a TensorFlow SavedModel", "tensorflow"),
        (lambda: layers.JaxLayer(lambda inputs: inputs), "a function of JAX", "jax"),
        (lambda: layers.FlaxLayer(object()), "a Flax module", "jax"),
    ],
)
def test_on_another_backend_it_says_where_it_lives(make, wraps, home):
    with use_backend("numpy"), pytest.raises(ValueError, match=f"wraps {wraps} and lives on backend {home} alone") as e:
        make()
    assert "current backend is numpy" in str(e.value) and f"use_backend('{home}')" in str(e.value)


@on("torch")
class TestTorchModuleWrapper:
    def net(self):
        import torch

        torch.manual_seed(0)
        return torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3), torch.nn.Tanh())

    def model(self, net):
        model = triceras.Sequential([triceras.Input((4,)), layers.TorchModuleWrapper(net, name="net")])
        model.compile(triceras.optimizers.SGD(0.1), "mse")
        return model

    def test_its_tensors_are_the_layers_variables(self):
        layer = layers.TorchModuleWrapper(net := self.net(), name="net")
        told = [(v.path, v.trainable, v.dtype) for v in layer.weights]
        assert told == [
            ("net/0.weight", True, "float32"),
            ("net/0.bias", True, "float32"),
            ("net/1.weight", True, "float32"),
            ("net/1.bias", True, "float32"),
            ("net/1.running_mean", False, "float32"),
            ("net/1.running_var", False, "float32"),
            ("net/1.num_batches_tracked", False, "int64"),
        ]
        assert all(v.native is t for v, t in zip(layer.weights, [*net.parameters(), *net.buffers()], strict=True))
        assert list(layer.state_dict()) == [f"module.{name}" for name in net.state_dict()]
        assert [id(p) for p in layer.parameters()] == [id(p) for p in net.parameters()]
        layer.trainable = False
        assert not any(p.requires_grad for p in net.parameters())
        assert layer.trainable_weights == []

    def test_what_is_frozen_or_tied_stays_so(self):
        import torch

        net = torch.nn.ModuleDict({"a": torch.nn.Linear(4, 4), "b": torch.nn.Linear(4, 4)})
        net["b"].weight = net["a"].weight
        net["a"].bias.requires_grad_(False)
        layer = layers.TorchModuleWrapper(net)
        assert [(v.name, v.trainable) for v in layer.weights] == [
            ("a.weight", True),
            ("b.bias", True),
            ("a.bias", False),
        ]

    @pytest.mark.parametrize("compiled", ["0", "eager"])
    def test_training_equals_a_loop_of_pytorch(self, monkeypatch, compiled):
        import torch

        monkeypatch.setenv("TRICERAS_TORCH_COMPILE", compiled)
        net = self.net()
        other, losses = copy.deepcopy(net), []
        optimizer = torch.optim.SGD(other.parameters(), 0.1)
        for _ in range(4):
            optimizer.zero_grad()
            loss = (other(torch.tensor(X)) - torch.tensor(Y)).square().mean()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        history = self.model(net).fit(X, Y, batch_size=6, epochs=4, verbose=0, shuffle=False).history
        np.testing.assert_allclose(history["loss"], losses, rtol=1e-5)
        for name, value in other.state_dict().items():
            np.testing.assert_allclose(net.state_dict()[name], value, atol=1e-6, err_msg=name)

    def test_modes(self):
        import torch

        layer = layers.TorchModuleWrapper(torch.nn.Dropout(0.5))
        ones = np.ones((8, 8), "float32")

        def drops(**kwargs):
            return bool((layer(ones, **kwargs) == 0).any())

        assert drops(training=True) and not drops(training=False)
        assert drops()  # as in PyTorch and Keras
        assert not layer.eval().module.training and not drops()
        assert layer.train().module.training and drops()

    def test_arguments_and_buffers_that_are_set(self):
        import torch

        class Counting(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.register_buffer("count", torch.zeros(()))

            def forward(self, a, b, scale=1.0):
                self.count = self.count + 1
                return (a + b) * scale

        layer = layers.TorchModuleWrapper(Counting())
        np.testing.assert_allclose(layer(X, X, scale=2.0), X * 4)
        layer(X, X, training=False)
        assert layer.weights[0].numpy() == layer.module.count == 2

    def test_shapes(self):
        fresh = layers.TorchModuleWrapper(self.net())
        out = fresh(triceras.Input((4,)))
        assert out.shape == (None, 3) and out.dtype == "float32"
        assert fresh.compute_output_shape((5, 4)) == (5, 3)
        assert fresh.module[1].num_batches_tracked == 0
        told = layers.TorchModuleWrapper(self.net(), output_shape=(None, 7))
        assert told(triceras.Input((4,))).shape == (None, 7) == told.compute_output_shape((None, 4))

    def test_moving_between_dtypes_and_copying(self):
        layer = layers.TorchModuleWrapper(self.net())
        model = triceras.Sequential([layer])
        model.double()
        assert [v.dtype for v in layer.weights[:6]] == ["float64"] * 6
        tensors = [*layer.module.parameters(), *layer.module.buffers()]
        assert all(v.native is t for v, t in zip(layer.weights, tensors, strict=True))
        model.float()
        twin = copy.deepcopy(layer)
        assert twin.weights[0].native is twin.module[0].weight is not layer.module[0].weight
        np.testing.assert_array_equal(twin(X, training=False).detach(), layer(X, training=False).detach())
        assert list(twin.state_dict()) == list(layer.state_dict())

    def test_half_precision_keeps_statistics_in_full(self):
        import torch

        layer = layers.TorchModuleWrapper(torch.nn.Linear(4, 2), dtype="mixed_bfloat16")
        assert layer(X).dtype == torch.bfloat16 and layer.weights[0].dtype == "float32"

    def test_files(self, tmp_path):
        model = self.model(self.net())
        model.fit(X, Y, epochs=1, verbose=0)
        model.save(tmp_path / "m.keras")
        loaded = saving.load_model(tmp_path / "m.keras", safe_mode=False)
        np.testing.assert_array_equal(predicted(loaded), predicted(model))
        model.save_weights(tmp_path / "m.weights.h5")
        for v in loaded.weights:
            v.assign(v.numpy() * 0)
        loaded.load_weights(tmp_path / "m.weights.h5")
        np.testing.assert_array_equal(predicted(loaded), predicted(model))
        assert loaded.layers[0].module[1].num_batches_tracked == model.layers[0].module[1].num_batches_tracked
        with pytest.raises(ValueError, match="other entries"):
            loaded.layers[0].load_own_variables({"0.weight": np.zeros((3, 4))})
        with pytest.raises(ValueError, match="'0.weight'.*another shape"):
            loaded.layers[0].load_own_variables({**loaded.layers[0]._wrapped.state(), "0.weight": np.zeros((1, 4))})

    def test_nothing_is_unpickled_unless_asked_for(self, tmp_path, monkeypatch):
        """Neither through a file nor through any other way in."""
        import torch

        ran = tmp_path / "ran"

        class Evil:
            def __reduce__(self):
                return exec, (f"open({str(ran)!r}, 'w')",)

        evil = base64.b64encode(pickle.dumps(Evil())).decode()
        model = self.model(self.net())
        path = tmp_path / "m.keras"
        model.save(path)
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        config = json.loads(members["config.json"])
        config["config"]["layers"][1]["config"]["module"] = evil
        members["config.json"] = json.dumps(config).encode()
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in members.items():
                archive.writestr(name, data)
        monkeypatch.setattr(torch, "load", lambda *args, **kwargs: pytest.fail("it was unpickled"))
        entry = config["config"]["layers"][1]
        for load in (
            lambda: saving.load_model(path),
            lambda: saving.load_model(path, safe_mode=True),
            lambda: saving.load_model(path, safe_mode=None),
            lambda: layers.deserialize(entry),
            lambda: saving.deserialize_keras_object(entry),
            lambda: layers.TorchModuleWrapper.from_config(entry["config"]),
            lambda: triceras.Sequential.from_config(config["config"]),
            lambda: triceras.models.model_from_json(json.dumps(config)),
            lambda: triceras.models.clone_model(model),
        ):
            with pytest.raises(UnsafeContent, match="can run any code"):
                load()
        assert not ran.exists()

    def test_it_stays(self):
        model = self.model(self.net())
        model.fit(X, Y, epochs=1, verbose=0)
        refuses_to_move(model, model.layers[0])

    def test_bad_modules(self):
        import torch

        with pytest.raises(ValueError, match="`module` must be a torch.nn.Module. Received: module=3"):
            layers.TorchModuleWrapper(3)
        with pytest.raises(ValueError, match="lazy parameters weight"):
            layers.TorchModuleWrapper(torch.nn.LazyLinear(3))

    @pytest.mark.oracle
    @pytest.mark.slow
    def test_files_of_each_open_in_the_other(self, tmp_path):
        model = self.model(self.net())
        model.fit(X, Y, epochs=1, verbose=0)
        model.save(tmp_path / "ours.keras")
        code = """
import torch
opened = keras.models.load_model(f"{folder}/ours.keras", safe_mode=False)
net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3))
model = keras.Sequential([keras.Input((4,)), keras.layers.TorchModuleWrapper(net, output_shape=(None, 3))])
model.compile("sgd", "mse")
model.fit(x, y, verbose=0)
model.save(f"{folder}/theirs.keras")
result = {"ours": opened.predict(x, verbose=0), "theirs": model.predict(x, verbose=0),
          "config": list(model.layers[0].get_config())}
"""
        found = run_keras(code, backend="torch", folder=tmp_path, x=X, y=Y)
        np.testing.assert_allclose(found["ours"], predicted(model), atol=2e-6)
        theirs = saving.load_model(tmp_path / "theirs.keras", safe_mode=False)
        np.testing.assert_allclose(found["theirs"], predicted(theirs), atol=2e-6)
        assert list(model.layers[0].get_config()) == found["config"]


@on("jax")
class TestJaxLayer:
    def model(self, functions):
        model = triceras.Sequential([triceras.Input((4,)), layers.JaxLayer(*functions, seed=1, name="affine")])
        model.compile(triceras.optimizers.SGD(0.1), "mse")
        return model

    def test_parameters_are_variables(self, functions):
        model = self.model(functions)
        assert [(v.path.partition("/")[2], v.trainable, v.shape) for v in model.weights] == [
            ("affine/kernel", True, (4, 3)),
            ("affine/more.0", True, (3,)),
        ]
        kernel, bias = model.get_weights()
        np.testing.assert_allclose(predicted(model), X @ kernel + bias, atol=1e-6)
        losses = model.fit(X, Y, epochs=5, verbose=0).history["loss"]
        assert losses[-1] < losses[0]
        again = self.model(functions)
        np.testing.assert_array_equal(again.get_weights()[0], kernel)
        refuses_to_move(model, model.layers[0])

    def test_state_keys_and_training(self):
        import jax
        import jax.numpy as jnp

        def call(params, training, state, rng, inputs):
            assert (rng is None) != training
            noise = jax.random.normal(rng, (2,)) if training else 0.0
            return inputs @ params["w"] + noise, {"steps": state["steps"] + training, "scale": state["scale"]}

        def init(inputs, training):
            assert training and inputs.shape == (1, 4)
            return {"w": jnp.ones((4, 2))}, {"steps": jnp.zeros((), "int32"), "scale": jnp.ones(())}

        layer = layers.JaxLayer(call, init, seed=3)
        model = triceras.Sequential([triceras.Input((4,)), layer])
        assert [(v.name, v.trainable) for v in layer.weights] == [("w", True), ("scale", False), ("steps", False)]
        plain, one, two = layer(X), layer(X, training=True), layer(X, training=True)
        assert layer.state["steps"] == 2
        np.testing.assert_allclose(plain, X.sum(1, keepdims=True) * [1, 1], atol=1e-5)
        assert abs(one - two).max() > 1e-3
        np.testing.assert_array_equal(layers.JaxLayer(call, init, seed=3)(X[:1], training=True), one[:1])
        model.compile("sgd", "mse")
        model.fit(X, Y[:, :2], batch_size=3, verbose=0)
        assert layer.state["steps"] == 4
        assert layer.params["w"].shape == (4, 2)
        np.testing.assert_array_equal(copy.deepcopy(layer)(X), layer(X))

    def test_given_parameters(self, functions):
        layer = layers.JaxLayer(functions[0], params={"kernel": np.ones((4, 2), "float32"), "more": [np.zeros(2)]})
        assert len(layer.weights) == 2
        np.testing.assert_allclose(layer(X), X.sum(1, keepdims=True) * [1, 1], atol=1e-5)

    def test_trees_of_inputs_and_shapes(self):
        layer = layers.JaxLayer(lambda inputs: inputs["a"] + inputs["b"])
        assert layer({"a": X, "b": X}).shape == X.shape
        out = layer({"a": triceras.Input((4,)), "b": triceras.Input((4,))})
        assert out.shape == (None, 4)

    def test_files(self, tmp_path, functions):
        model = self.model(functions)
        model.fit(X, Y, verbose=0)
        model.save(tmp_path / "m.keras")
        loaded = saving.load_model(tmp_path / "m.keras")  # the functions are registered: nothing but names in the file
        np.testing.assert_array_equal(predicted(loaded), predicted(model))
        entry = layers.serialize(model.layers[0])
        entry["config"]["call_fn"] = {"class_name": "function", "config": "system", "module": "os"}
        with pytest.raises(ModelFileError):
            layers.deserialize(entry)
        entry["config"]["call_fn"] = {"class_name": "__lambda__", "config": {"value": ["4wEA", None, None]}}
        with pytest.raises(UnsafeContent):
            layers.deserialize(entry)

    @pytest.mark.parametrize(
        ("arguments", "error", "text"),
        [
            ((3,), TypeError, "call_fn=3 is not a callable"),
            ((lambda x: x,), ValueError, "Unsupported argument in `call_fn`: `x`"),
            ((lambda inputs, *rest: inputs,), ValueError, "Unsupported argument in `call_fn`: `rest`"),
            ((lambda params: params,), ValueError, "Missing required argument in `call_fn`: `inputs`"),
            ((lambda params, inputs: inputs,), ValueError, "cannot all be `None`"),
            ((lambda params, inputs: inputs, lambda rng: {}), ValueError, "in `init_fn`: `inputs`"),
            ((lambda params, inputs: inputs, lambda state, inputs: {}), ValueError, "in `init_fn`: `state`"),
        ],
    )
    def test_bad_arguments(self, arguments, error, text):
        with pytest.raises(error, match=text):
            layers.JaxLayer(*arguments)

    def test_half_of_what_is_needed(self):
        layer = layers.JaxLayer(lambda params, state, inputs: (inputs, state), params={})
        with pytest.raises(ValueError, match="nothing gives `state`"):
            layer(X)

    @pytest.mark.oracle
    @pytest.mark.slow
    def test_files_of_each_open_in_the_other(self, tmp_path, functions):
        model = self.model(functions)
        model.fit(X, Y, verbose=0)
        model.save(tmp_path / "ours.keras")
        code = (
            CODE
            + """
opened = keras.models.load_model(f"{folder}/ours.keras")
model = keras.Sequential([keras.Input((4,)), keras.layers.JaxLayer(affine, affine_weights)])
model.save(f"{folder}/theirs.keras")
result = {"ours": opened.predict(x, verbose=0), "theirs": model.predict(x, verbose=0),
          "config": list(model.layers[0].get_config())}
"""
        )
        found = run_keras(code, backend="jax", folder=tmp_path, x=X)
        np.testing.assert_allclose(found["ours"], predicted(model), atol=2e-6)
        theirs = saving.load_model(tmp_path / "theirs.keras")
        np.testing.assert_allclose(found["theirs"], predicted(theirs), atol=2e-6)
        assert list(model.layers[0].get_config()) == found["config"]


@on("jax")
class TestFlaxLayer:
    @pytest.fixture
    def module(self):
        return flax_module()

    def test_variables_training_and_state(self, module):
        layer = layers.FlaxLayer(module(), seed=1)
        model = triceras.Sequential([triceras.Input((4,)), layer])
        assert sorted((v.name, v.trainable) for v in layer.weights) == [
            ("BatchNorm_0.bias", True),
            ("BatchNorm_0.scale", True),
            ("Dense_0.bias", True),
            ("Dense_0.kernel", True),
            ("batch_stats.BatchNorm_0.mean", False),
            ("batch_stats.BatchNorm_0.var", False),
        ]
        variables = {"params": layer.params, **layer.state}
        np.testing.assert_allclose(layer(X), module().apply(variables, X), atol=1e-6)
        assert (layer(X, training=True) == 0).any()
        before = layer.get_weights()
        model.compile("sgd", "mse")
        model.fit(X, Y, verbose=0)
        assert all(abs(a - b).max() > 0 for a, b in zip(before, layer.get_weights(), strict=True))
        refuses_to_move(model, layer)

    def test_method_and_variables(self, module):
        import jax

        variables = module().init(jax.random.key(0), X)
        layer = layers.FlaxLayer(module(), method=module.doubled, variables=variables)
        np.testing.assert_allclose(layer(X), 2 * module().apply(variables, X), atol=1e-6)

    def test_files(self, tmp_path, module):
        model = triceras.Sequential([triceras.Input((4,)), layers.FlaxLayer(module(units=2))])
        model.save(tmp_path / "m.keras")
        loaded = saving.load_model(tmp_path / "m.keras")
        np.testing.assert_array_equal(predicted(loaded), predicted(model))

    def test_bad_modules(self, module):
        with pytest.raises(ValueError, match="`module` must be a flax.linen.Module. Received: module=3"):
            layers.FlaxLayer(3)
        with pytest.raises(TypeError, match="`method` must be a function.*method='nope'"):
            layers.FlaxLayer(module(), method="nope")

    def test_without_flax(self, module, monkeypatch):
        monkeypatch.setitem(__import__("sys").modules, "flax.linen", None)
        with pytest.raises(ImportError, match="pip install flax"):
            layers.FlaxLayer(module())


@on("tensorflow")
class TestTFSMLayer:
    @pytest.fixture
    def folder(self):
        return saved_model()

    def test_endpoints_variables_and_training(self, folder, tmp_path):
        layer = layers.TFSMLayer(folder, call_training_endpoint="train")
        assert [(v.name, v.trainable, v.shape) for v in layer.weights] == [("w", True, (4, 3)), ("calls", False, ())]
        total = X.sum(1, keepdims=True) * [1, 1, 1]
        np.testing.assert_allclose(layer(X), total, atol=1e-5)
        np.testing.assert_allclose(layer(X, training=True), 2 * total, atol=1e-5)
        model = triceras.Sequential([triceras.Input((4,)), layer])
        assert model.output_shape == (None, 3)
        model.compile("sgd", "mse")
        model.fit(X, Y, batch_size=3, verbose=0)
        w, calls = layer.get_weights()
        assert calls == 3 and abs(w - 1).max() > 0
        refuses_to_move(model, layer)
        model.save(tmp_path / "m.keras")
        for load in (
            lambda: saving.load_model(tmp_path / "m.keras"),
            lambda: layers.TFSMLayer.from_config(layer.get_config()),
            lambda: layers.deserialize(layers.serialize(layer)),
        ):
            with pytest.raises(UnsafeContent, match="SavedModel from a path"):
                load()
        loaded = saving.load_model(tmp_path / "m.keras", safe_mode=False)
        np.testing.assert_array_equal(predicted(loaded), predicted(model))

    def test_a_signature(self, folder):
        layer = layers.TFSMLayer(folder, call_endpoint="serving_default", trainable=False)
        assert layer(X)["output_0"].shape == (6, 3)
        assert layer.trainable_weights == []

    def test_bad_arguments(self, folder):
        for name in ("call_endpoint", "call_training_endpoint"):
            with pytest.raises(ValueError, match=rf"'nope'.*`{name}`.*\['serving_default'\]"):
                layers.TFSMLayer(folder, **{name: "nope"})
        with pytest.raises(OSError, match="does not exist"):
            layers.TFSMLayer("nowhere")


def test_calls_with_any_number_of_tensors():
    """`call(*args, training=None)` gets `training`, and `build` the first input's shape."""

    class Total(layers.Layer):
        def build(self, input_shape):
            self.width = input_shape[-1]

        def call(self, *args, training=None):
            return sum(args) if training else args[0]

    with use_backend("numpy"):
        layer = Total()
        np.testing.assert_array_equal(layer(X, X, training=True), 2 * X)
        np.testing.assert_array_equal(layer(X, X), X)
        np.testing.assert_array_equal(layer(X), X)
        np.testing.assert_array_equal(layer(X, training=True), X)
        assert layer.width == 4 and "training" in inspect.signature(layer.call).parameters
