"""int8 layers against real Keras: numbers, gradients, weights, configs and files; on every backend and moved."""

import copy
import functools
import json
import pickle
import tempfile
from pathlib import Path

import numpy as np
import pytest

import triceras
from tests.oracle import run_keras
from triceras import dtype_policies, layers, ops, quantizers

CASES = {  # layer, shape of the input, arguments of the call
    "dense": ("layers.Dense(3, activation='relu')", (2, 4), {}),
    "dense_3d": ("layers.Dense(3, use_bias=False)", (2, 5, 4), {}),
    "dense_bf16": ("layers.Dense(3, dtype='mixed_bfloat16')", (2, 4), {}),
    "einsum": ("layers.EinsumDense('abc,cd->abd', (None, 4), bias_axes='d')", (2, 3, 5), {}),
    "einsum_heads": ("layers.EinsumDense('abc,cde->abde', (None, 2, 3), bias_axes='de')", (2, 3, 5), {}),
    "einsum_two": ("layers.EinsumDense('abcd,cde->abe', (None, 4))", (2, 3, 2, 3), {}),
    "einsum_moved": ("layers.EinsumDense('abc,dec->abde', (None, 2, 3))", (2, 3, 4), {}),
    "einsum_batch": ("layers.EinsumDense('abc,acd->abd', (None, 4))", (2, 3, 5), {}),
    "einsum_back": ("layers.EinsumDense('abc,db->adc', (4, 5))", (2, 3, 5), {}),
    "embedding": ("layers.Embedding(7, 3)", "ints", {}),
    "reversible": ("layers.ReversibleEmbedding(7, 3)", "ints", {}),
    "reversed": ("layers.ReversibleEmbedding(7, 3)", (2, 4, 3), {"reverse": True}),
    "reversed_untied": ("layers.ReversibleEmbedding(7, 3, tie_weights=False, logit_soft_cap=2.0)", (2, 3),
                        {"reverse": True}),
}  # fmt: skip
CONFIGS = {
    "default": "None",
    "weights_only": "quantizers.Int8QuantizationConfig(activation_quantizer=None)",
    "coarse": "quantizers.Int8QuantizationConfig(quantizers.AbsMaxQuantizer(axis=0, value_range=(-7, 7)), "
    "quantizers.AbsMaxQuantizer(axis=-1, value_range=(-63, 63)))",
}
PROGRAM = """
def wave(shape, i=0):
    if shape == "ints":
        return (np.arange(8) * 5 % 7).reshape(2, 4).astype("int32")
    return np.sin(np.arange(int(np.prod(shape))) * (0.7 + i) + i + 0.3).reshape(shape).astype("float32")

def made(keras, expression, shape, config="None", lora=False):
    layers, quantizers = keras.layers, keras.quantizers
    layer = eval(expression)
    layer.build((2, 4) if shape == "ints" else shape)
    layer.set_weights([wave(w.shape, i) for i, w in enumerate(layer.weights)])
    layer.quantize("int8", config=eval(config))
    if lora:
        layer.enable_lora(2, lora_alpha=3.0)
        for i, w in enumerate(layer.weights):
            if "lora" in w.name:
                w.assign(wave(w.shape, i))
    return layer

def told(keras, layer, x, kwargs):
    store = {}
    layer.save_own_variables(store)
    numpy = lambda x: keras.ops.convert_to_numpy(keras.ops.cast(x, "float32"))
    return {"y": numpy(layer(x, **kwargs)), "weights": [[w.path, list(w.shape), w.dtype, w.trainable]
            for w in layer.weights], "values": [numpy(w) for w in layer.weights], "store": [numpy(store[k]) for k in
            store], "config": json.dumps(layer.get_config(), sort_keys=True)}

def model_of(keras):
    layers = keras.layers
    i = keras.Input((4,), dtype="int32")
    h = layers.EinsumDense("abc,cd->abd", (4, 6), name="e")(layers.Embedding(7, 5, name="t")(i))
    model = keras.Model(i, layers.Dense(3, name="d")(layers.Flatten()(h)))
    model.set_weights([wave(w.shape, i) for i, w in enumerate(model.weights)])
    return model
"""
exec(PROGRAM)


@functools.cache
def of_keras():
    """What real Keras gives; it opens our file, too, and leaves one of its own."""
    folder = Path(tempfile.mkdtemp(prefix="int8_"))
    with triceras.use_backend("numpy"):
        model = model_of(triceras)  # noqa: F821
        model.quantize("int8")
        model.save(folder / "ours.keras")
        model.save_weights(folder / "ours.weights.h5")
    code = (
        PROGRAM
        + """
import tensorflow as tf
def slopes(keras, layer, x, kwargs):
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, **kwargs)
        loss = tf.reduce_sum(y * tf.cos(tf.reshape(tf.range(tf.size(y), dtype="float32"), y.shape)))
    return tape.gradient(loss, [*(v.value for v in layer.trainable_variables), x])
result = {"cases": {}, "configs": {}, "lora": {}, "slopes": {}}
for name, (expression, shape, kwargs) in cases.items():
    keras.utils.clear_session()
    layer = made(keras, expression, shape)
    result["cases"][name] = told(keras, layer, wave(shape), kwargs)
    if shape != "ints" and "bf16" not in name:
        result["slopes"][name] = slopes(keras, layer, wave(shape), kwargs)
for name in ("dense", "einsum", "einsum_heads", "einsum_two", "embedding"):
    expression, shape, kwargs = cases[name]
    keras.utils.clear_session()
    result["lora"][name] = told(keras, made(keras, expression, shape, lora=True), wave(shape), kwargs)
for name, config in configs.items():
    keras.utils.clear_session()
    result["configs"][name] = told(keras, made(keras, "layers.Dense(3)", (2, 4), config), wave((2, 4)), {})
model = model_of(keras)
model.quantize("int8")
model.save(folder + "/theirs.keras")
result["model"], opened = model(wave("ints")), keras.models.load_model(folder + "/ours.keras")
result["opened"], again = opened(wave("ints")), model_of(keras)
again.quantize("int8")
again.set_weights([np.zeros_like(w) for w in again.get_weights()])
again.load_weights(folder + "/ours.weights.h5")
result["loaded"] = again(wave("ints"))
"""
    )
    return run_keras(code, cases=CASES, configs=CONFIGS, folder=str(folder)), folder


def compare(found, want, half=False):
    assert found["weights"] == want["weights"]
    assert json.loads(found["config"]) == json.loads(want["config"])
    for name in ("values", "store"):
        for a, b in zip(found[name], want[name], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-2 if half else 1e-6, atol=1 if half else 1e-6)
    np.testing.assert_allclose(found["y"], want["y"], rtol=2e-2 if half else 2e-5, atol=2e-2 if half else 2e-5)


@pytest.mark.oracle
@pytest.mark.parametrize("name", CASES)
def test_same_as_keras(backend, name):
    expression, shape, kwargs = CASES[name]
    triceras.utils.clear_session(free_memory=False)
    layer = made(triceras, expression, shape)  # noqa: F821
    x = ops.array(wave(shape))  # noqa: F821
    compare(told(triceras, layer, x, kwargs), of_keras()[0]["cases"][name], "bf16" in name)  # noqa: F821


@pytest.mark.oracle
@pytest.mark.parametrize("name", [n for n in CASES if n == "dense" or "3d" in n or n.startswith("einsum")])
def test_same_gradients_as_keras(trainable_backend, name):
    """But for the way back of a ReversibleEmbedding, where Keras's gradient goes through the scale alone."""
    expression, shape, kwargs = CASES[name]
    layer = made(triceras, expression, shape)  # noqa: F821
    x = triceras.Variable(wave(shape))  # noqa: F821

    def loss():
        y = layer(ops.convert_to_tensor(x), **kwargs)
        return ops.sum(y * ops.cos(ops.reshape(ops.cast(ops.arange(ops.size(y)), y.dtype), y.shape)))

    _, found = triceras.value_and_grad(loss, [*layer.trainable_variables, x])()
    for a, b in zip(found, of_keras()[0]["slopes"][name], strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(a), b, rtol=1e-4, atol=1e-4)


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["dense", "einsum", "einsum_heads", "einsum_two", "embedding"])
def test_an_adapter_beside_integers_is_as_in_keras(backend, name):
    expression, shape, kwargs = CASES[name]
    triceras.utils.clear_session(free_memory=False)
    layer = made(triceras, expression, shape, lora=True)  # noqa: F821
    found, want = told(triceras, layer, ops.array(wave(shape)), kwargs), of_keras()[0]["lora"][name]  # noqa: F821
    compare(found, want)


@pytest.mark.oracle
@pytest.mark.parametrize("name", CONFIGS)
def test_configs(backend, name):
    triceras.utils.clear_session(free_memory=False)
    layer = made(triceras, "layers.Dense(3)", (2, 4), CONFIGS[name])  # noqa: F821
    compare(told(triceras, layer, ops.array(wave((2, 4))), {}), of_keras()[0]["configs"][name])  # noqa: F821
    again = layers.Dense.from_config(layer.get_config())
    again.build((2, 4))
    again.set_weights(layer.get_weights())
    y = ops.convert_to_numpy(again(wave((2, 4))))  # noqa: F821
    np.testing.assert_allclose(y, of_keras()[0]["configs"][name]["y"], rtol=2e-5, atol=2e-5)


@pytest.mark.oracle
def test_files_of_each_open_in_the_other(backend):
    want, folder = of_keras()
    model = triceras.saving.load_model(folder / "theirs.keras")
    found = ops.convert_to_numpy(model(wave("ints")))  # noqa: F821
    for y in (want["model"], want["opened"], want["loaded"]):
        np.testing.assert_allclose(found, y, rtol=2e-5, atol=2e-5)
    assert [layer.quantization_mode for layer in model.layers] == [None, "int8", "int8", None, "int8"]
    fresh = model_of(triceras)  # noqa: F821
    fresh.quantize("int8")
    fresh.set_weights([np.zeros_like(w) for w in fresh.get_weights()])
    fresh.load_weights(folder / "ours.weights.h5")
    np.testing.assert_allclose(ops.convert_to_numpy(fresh(wave("ints"))), found, rtol=2e-5, atol=2e-5)  # noqa: F821


# --- by itself ------------------------------------------------------------------------------------------------------
X = np.random.RandomState(0).randn(16, 4).astype("float32")
Y = X[:, :3] * 0.5


def small(**options):
    triceras.utils.set_random_seed(1)
    stack = [triceras.Input((4,)), layers.Dense(8, "tanh", name="a"), layers.Dense(3, name="b", **options)]
    return triceras.Sequential(stack, name="net")


def test_predictions_follow_although_they_were_compiled(backend):
    model = small()
    before = model.predict(X, verbose=0)
    model.layers[0].quantize("int8")
    eager = ops.convert_to_numpy(model(X))
    assert np.abs(eager - before).max() > 1e-4
    np.testing.assert_allclose(model.predict(X, verbose=0), eager, atol=1e-6)
    model.quantize("int8", filters="b")
    np.testing.assert_allclose(model.predict(X, verbose=0), ops.convert_to_numpy(model(X)), atol=1e-6)


def test_what_is_left_is_trained(trainable_backend):
    model = small()
    model.quantize("int8")
    model.compile("sgd", "mse")
    integers = [w.numpy() for w in model.weights if w.dtype == "int8"]
    losses = model.fit(X, Y, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0] and [w.name for w in model.trainable_weights] == ["bias", "bias"]
    for a, b in zip(integers, [w.numpy() for w in model.weights if w.dtype == "int8"], strict=True):
        np.testing.assert_array_equal(a, b)


def test_moved_copied_pickled(backend):
    model = small(lora_rank=2)
    model.quantize("int8")
    model.layers[1].lora_kernel_b.assign(np.ones((2, 3)))
    want = ops.convert_to_numpy(model(X))
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_allclose(ops.convert_to_numpy(other(X)), want, atol=1e-6)
        assert all(layer.call.__self__ is layer for layer in other.layers)
    moved = model.to_backend("torch" if backend == "numpy" else "numpy")
    np.testing.assert_allclose(moved.backend.to_numpy(moved(X)), want, atol=1e-5)


def test_accuracy_is_kept(backend):
    """A layer of 256 inputs: the error is below a percent of the outputs' size."""
    rng = np.random.RandomState(0)
    x, layer = rng.randn(8, 256).astype("float32"), layers.Dense(64)
    exact = ops.convert_to_numpy(layer(x))
    layer.quantize("int8")
    error = ops.convert_to_numpy(layer(x)) - exact
    assert 0 < np.sqrt(np.mean(error**2)) < 0.01 * exact.std()


def test_layers_that_make_layers_are_in_files(tmp_path):
    i = triceras.Input((3, 4))
    model = triceras.Model(i, layers.MultiHeadAttention(2, 3, name="mha")(i, i))
    model.quantize("int8")
    want = model.predict(x := np.random.RandomState(0).randn(2, 3, 4).astype("float32"), verbose=0)
    model.save(tmp_path / "m.keras")
    again = triceras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(again.predict(x, verbose=0), want, atol=1e-6)
    assert [w.dtype for w in again.weights] == [w.dtype for w in model.weights]


@pytest.mark.parametrize(
    ("filters", "modes"),
    [("a", ["int8", None]), (["^a$", "nope"], ["int8", None]), (lambda layer: layer.name == "b", [None, "int8"])],
)
def test_filters(filters, modes):
    model = small()
    model.quantize("int8", filters=filters)
    assert [layer.quantization_mode for layer in model.layers] == modes


def test_a_policy_that_is_set_quantizes():
    layer = layers.Dense(3)
    layer.build((None, 4))
    layer.dtype_policy = "int8_from_float32"
    assert [w.dtype for w in layer.weights] == ["float32", "int8", "float32"]
    layer.dtype_policy = "mixed_bfloat16"
    assert layer.dtype_policy.name == "int8_from_mixed_bfloat16" and layer.compute_dtype == "bfloat16"


def test_policies_by_path():
    policies = dtype_policies.DTypePolicyMap("float32")
    layer = layers.Dense(3, dtype=policies, name="d")
    layer.build((None, 4))
    layer.quantize("int8")
    assert layer.dtype_policy is policies and policies["d"].name == "int8_from_float32"
    with pytest.raises(ValueError, match="already quantized"):
        layer.quantize("int8")


def built(cls=layers.Dense, **options):
    layer = cls(3, **options)
    layer.build((None, 4))
    return layer


class Own(layers.Dense):
    pass


@pytest.mark.parametrize(
    ("act", "error", "text"),
    [
        (lambda: built().quantize(), ValueError, "either `mode` or `config`"),
        (lambda: built().quantize("foo"), ValueError, "Invalid quantization mode.*mode=foo"),
        (lambda: built().quantize("int8", config=quantizers.Int4QuantizationConfig()), ValueError, "Contradictory"),
        (lambda: built().quantize("int4"), NotImplementedError, "'int4' isn't available yet; 'int8' is"),
        (lambda: built().quantize(config=quantizers.Float8QuantizationConfig()), NotImplementedError, "'float8'"),
        (lambda: small().quantize("gptq"), NotImplementedError, "'gptq'"),
        (lambda: small().quantize("awq"), NotImplementedError, "'awq'"),
        (lambda: layers.Dense(3).quantize("int8"), ValueError, "isn't yet built. Layer 'dense"),
        (lambda: built(dtype="int8_from_float32").quantize("int8"), ValueError, "already quantized"),
        (lambda: built(dtype="float16").quantize("int8"), ValueError, "doesn't work well with.*float16"),
        (lambda: built(Own).quantize("int8"), NotImplementedError, "Layer Own does not have a `quantize`"),
        (lambda: layers.Dropout(0.5).quantize("int8"), NotImplementedError, "Dropout does not have a `quantize`"),
        (lambda: small().quantize("int8", filters=3), ValueError, "`filters` argument must be a regex"),
        (lambda: small().quantize("int8", foo=3), ValueError, "Unrecognized keyword"),
        (lambda: triceras.Sequential([layers.Dense(1)]).quantize("int8"), ValueError, "isn't yet built"),
        (lambda: layers.Dense(3, quantization_config="int8"), ValueError, "must be a `QuantizationConfig`"),
    ],
)  # fmt: skip
def test_errors(act, error, text):
    with pytest.raises(error, match=text):
        act()


def test_a_subclass_on_request():
    layer = built(Own)
    layer.quantize("int8", type_check=False)
    assert layer.quantization_mode == "int8"


def test_layers_with_weights_that_stay_floats_are_named():
    model = triceras.Sequential([triceras.Input((4, 3)), layers.Conv1D(2, 2), layers.Dense(2)])
    with pytest.warns(UserWarning, match="Conv1D does not have a `quantize`"):
        model.quantize("int8")
    assert [layer.quantization_mode for layer in model.layers] == [None, "int8"]
