"""LoRA: what it makes, trains, saves and refuses; adapters by path."""

import copy
import pickle

import numpy as np
import pytest

import triceras
from triceras import layers, ops, quantization

LAYERS = {
    "dense": (lambda **k: layers.Dense(3, **k), (2, 4), "kernel"),
    "einsum": (lambda **k: layers.EinsumDense("abc,cde->abde", (None, 2, 3), **k), (2, 3, 4), "kernel"),
    "embedding": (lambda **k: layers.Embedding(6, 3, **k), (2, 4), "embeddings"),
    "reversible": (lambda **k: layers.ReversibleEmbedding(6, 3, **k), (2, 4), "embeddings"),
    "conv": (lambda **k: layers.Conv2D(3, 2, **k), (2, 4, 4, 2), "kernel"),
}
RNG = np.random.RandomState(0)


def numpy(x):
    return ops.convert_to_numpy(x)


def given(name):
    shape = LAYERS[name][1]
    return RNG.randint(0, 6, shape) if "e" in name[:2] and name != "einsum" else RNG.randn(*shape).astype("float32")


def adapted(name, **options):
    make, shape, weight = LAYERS[name]
    layer = make(**options)
    layer.build(shape)
    layer.enable_lora(2, lora_alpha=3.0)
    getattr(layer, f"lora_{weight}_b").assign(RNG.randn(2, 3))
    return layer, weight


@pytest.mark.parametrize("name", LAYERS)
def test_the_layer_computes_with_the_sum(backend, name):
    layer, weight = adapted(name)
    x, (a, b) = given(name), (getattr(layer, f"lora_{weight}_{k}").numpy() for k in "ab")
    plain = LAYERS[name][0]()
    plain.build(LAYERS[name][1])
    total = getattr(layer, weight).base.numpy() + 1.5 * (a @ b)
    plain.set_weights([total, *([layer.bias.numpy()] if getattr(layer, "bias", None) is not None else [])])
    np.testing.assert_allclose(numpy(layer(x)), numpy(plain(x)), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(getattr(layer, weight).numpy(), total, rtol=1e-6, atol=1e-6)
    assert (layer.lora_enabled, layer.lora_rank, layer.lora_alpha) == (True, 2, 3.0)
    assert [w.name for w in layer.trainable_weights if w.name != "bias"] == [f"lora_{weight}_a", f"lora_{weight}_b"]


@pytest.mark.parametrize("name", LAYERS)
def test_a_file_holds_the_sum(name, tmp_path):
    """A plain layer reads it; one with an adapter does, too, and its adapter begins at zero."""
    layer, weight = adapted(name)
    store, x = {}, given(name)
    layer.save_own_variables(store)
    plain = LAYERS[name][0]()
    plain.build(LAYERS[name][1])
    plain.load_own_variables(store)
    np.testing.assert_allclose(numpy(plain(x)), numpy(layer(x)), rtol=1e-5, atol=1e-5)
    want = numpy(layer(x))
    layer.load_own_variables(store)
    np.testing.assert_allclose(numpy(layer(x)), want, rtol=1e-5, atol=1e-5)
    assert not np.any(getattr(layer, f"lora_{weight}_b").numpy())
    assert np.any(getattr(layer, f"lora_{weight}_a").numpy())  # or it would never be trained again


def test_the_way_back_of_a_tied_table_has_the_adapter(backend):
    layer, _ = adapted("reversible")
    x = RNG.randn(2, 3).astype("float32")
    np.testing.assert_allclose(numpy(layer(x, reverse=True)), x @ layer.embeddings.numpy().T, rtol=1e-5, atol=1e-5)
    layer.quantize("int8")
    scale = layer.embeddings_scale.numpy()[:, None]
    table = layer.embeddings.numpy() / scale + 1.5 * layer.lora_embeddings_a.numpy() @ layer.lora_embeddings_b.numpy()
    np.testing.assert_allclose(numpy(layer(x, reverse=True)), x @ table.T, rtol=0.02, atol=0.05)


def net(**options):
    triceras.utils.set_random_seed(2)
    stack = [triceras.Input((4,)), layers.Dense(6, "tanh", name="a", **options), layers.Dense(2, name="b")]
    return triceras.Sequential(stack, name="net")


X = RNG.randn(16, 4).astype("float32")
Y = (X[:, :2] - 1.0).astype("float32")


def test_training_changes_the_adapter_alone(trainable_backend):
    model = net()
    model.predict(X, verbose=0)
    model.layers[0].enable_lora(2)
    model.layers[1].trainable = False
    frozen = [w.numpy() for w in model.non_trainable_weights]
    model.compile(triceras.optimizers.Adam(0.05), "mse")
    losses = model.fit(X, Y, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert [w.path for w in model.trainable_weights] == ["net/a/bias", "net/a/lora_kernel_a", "net/a/lora_kernel_b"]
    for a, b in zip(frozen, [w.numpy() for w in model.non_trainable_weights], strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_allclose(model.predict(X, verbose=0), numpy(model(X)), atol=1e-5)  # compiled anew
    other = model.to_backend("numpy")
    np.testing.assert_allclose(other(X), other.predict(X, verbose=0), atol=1e-6)


def test_copied_pickled_moved(backend):
    layer, _ = adapted("dense")
    x = given("dense")
    want = numpy(layer(x))
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        np.testing.assert_allclose(numpy(other(x)), want, atol=1e-6)
        other.lora_kernel_b.assign(np.zeros((2, 3)))
        assert np.abs(numpy(other(x)) - want).max() > 1e-3
        assert np.abs(numpy(layer(x)) - want).max() < 1e-6
    layer.to_backend("torch" if backend == "numpy" else "numpy")
    np.testing.assert_allclose(layer.backend.to_numpy(layer(x)), want, atol=1e-5)


def test_constructor_config_and_model_file(tmp_path):
    model = net(lora_rank=2, lora_alpha=4.0)
    layer = model.layers[0]
    assert layer.lora_enabled and layer.get_config()["lora_rank"] == 2 and layer.get_config()["lora_alpha"] == 4.0
    assert "lora_rank" not in model.layers[1].get_config()
    layer.lora_kernel_b.assign(np.ones((2, 6)))
    want = model.predict(X, verbose=0)
    model.save(tmp_path / "net.keras")
    again = triceras.saving.load_model(tmp_path / "net.keras")
    assert (again.layers[0].lora_rank, again.layers[0].lora_alpha) == (2, 4.0)
    np.testing.assert_allclose(again.predict(X, verbose=0), want, atol=1e-5)


def test_regularizers_go_with_the_adapter():
    layer = layers.Dense(3, kernel_regularizer="l2", lora_rank=2)
    layer.build((2, 4))
    assert len(layer.losses) == 2 and layer.kernel.base.regularizer is not None


@pytest.mark.parametrize("quantized", [False, True])
def test_merge(backend, quantized):
    model = net(lora_rank=2)
    if quantized:
        model.quantize("int8")
    model.layers[0].lora_kernel_b.assign(RNG.randn(2, 6))
    want = numpy(model(X))
    quantization.merge_lora(model)
    assert not np.any(model.layers[0].lora_kernel_b.numpy())
    np.testing.assert_allclose(numpy(model(X)), want, atol=0.05 if quantized else 1e-5)


def test_adapters_by_path(backend):
    tuned, other = net(), net()
    tuned.layers[0].enable_lora(2, 4.0)
    tuned.layers[0].lora_kernel_b.assign(np.ones((2, 6)))
    adapters = quantization.get_adapters(tuned)
    assert list(adapters) == ["net/a"] and set(adapters["net/a"]) == {"a", "b", "alpha"}
    quantization.set_adapters(other, adapters)
    np.testing.assert_allclose(numpy(other(X)), numpy(tuned(X)), atol=1e-6)
    with pytest.raises(ValueError, match=r"no layers \['net/c'\]"):
        quantization.set_adapters(other, {"net/c": adapters["net/a"]})


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (lambda: layers.Dense(3).enable_lora(2), "isn't yet built"),
        (lambda: adapted("dense")[0].enable_lora(2), "can only be done once per layer"),
        (lambda: adapted("dense", kernel_constraint="non_neg"), "incompatible with kernel constraints"),
        (lambda: adapted("embedding", embeddings_constraint="non_neg"), "incompatible with embeddings constraints"),
        (lambda: layers.Dense(3, lora_rank=-1).build((1, 2)), "rank=-1"),
        (lambda: layers.Dense(3, lora_rank=1.5).build((1, 2)), "rank=1.5"),
    ],
)
def test_errors(act, text):
    with pytest.raises(ValueError, match=text):
        act()
