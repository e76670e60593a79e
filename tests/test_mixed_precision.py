"""Mixed precision: training in 16 bits follows float32 and real Keras; loss scaling; what is cast and what isn't."""

import functools

import numpy as np
import pytest

import triceras
from tests.oracle import run_keras
from triceras import layers, ops, optimizers

POLICIES = ["mixed_bfloat16", "mixed_float16"]
RNG = np.random.RandomState(0)
X, Y = RNG.randn(32, 6).astype("float32"), RNG.randn(32, 2).astype("float32")
WEIGHTS = [RNG.randn(*shape).astype("float32") * 0.3 for shape in ((6, 8), (8,), (8,), (8,), (8, 2), (2,))]
PROGRAM = """
def trained(keras, policy, weights, x, y):
    layers = keras.layers
    model = keras.Sequential([
        keras.Input((6,)), layers.Dense(8, "relu", dtype=policy), layers.LayerNormalization(dtype=policy),
        layers.Dense(2, dtype=policy),
    ])
    model.dtype_policy = policy
    model.set_weights(weights)
    model.compile(keras.optimizers.Adam(0.02), "mse", metrics=["mae"])
    history = model.fit(x, y, batch_size=16, epochs=6, shuffle=False, verbose=0).history
    return {"loss": history["loss"], "mae": history["mae"], "scaled": type(model.optimizer).__name__,
            "dtypes": [w.dtype for w in model.weights], "made": keras.backend.standardize_dtype(model(x).dtype)}
"""
exec(PROGRAM)


@functools.cache
def of_keras():
    code = PROGRAM + "result = {p: trained(keras, p, weights, x, y) for p in policies}"
    return run_keras(code, policies=["float32", *POLICIES], weights=WEIGHTS, x=X, y=Y)


@pytest.mark.oracle
@pytest.mark.parametrize("policy", POLICIES)
def test_training_follows_float32_and_keras(trainable_backend, policy):
    triceras.utils.set_random_seed(0)
    found, theirs = trained(triceras, policy, WEIGHTS, X, Y), of_keras()  # noqa: F821
    tolerance = 0.03 if policy == "mixed_bfloat16" else 0.005
    for name in ("loss", "mae"):
        np.testing.assert_allclose(found[name], theirs[policy][name], rtol=tolerance)
        np.testing.assert_allclose(found[name], theirs["float32"][name], rtol=tolerance)
    assert found["loss"][-1] < 0.8 * found["loss"][0]
    assert found["dtypes"] == theirs[policy]["dtypes"] == ["float32"] * 6
    assert found["made"] == theirs[policy]["made"] == policy.removeprefix("mixed_")
    assert found["scaled"] == theirs[policy]["scaled"]


def net(policy, **options):
    model = triceras.Sequential([triceras.Input((2,)), layers.Dense(1, dtype=policy)])
    model.dtype_policy = policy
    model.compile("sgd", "mse", **options)
    return model


@pytest.mark.parametrize(
    ("policy", "options", "scaled"),
    [
        ("mixed_float16", {}, True),
        ("mixed_float16", {"auto_scale_loss": False}, False),
        ("mixed_bfloat16", {}, False),
        ("float16", {}, False),
    ],
)
def test_compile_scales_the_loss_where_it_must(policy, options, scaled):
    optimizer = net(policy, **options).optimizer
    assert isinstance(optimizer, optimizers.LossScaleOptimizer) == scaled
    assert not scaled or isinstance(optimizer.inner_optimizer, optimizers.SGD)


def test_compile_scales_once():
    model = triceras.Sequential([triceras.Input((2,)), layers.Dense(1)])
    model.dtype_policy = "mixed_float16"
    given = optimizers.LossScaleOptimizer(optimizers.SGD(), initial_scale=4.0)
    model.compile(given, "mse")
    assert model.optimizer is given


def test_infinite_gradients_are_skipped_and_halve_the_scale(trainable_backend):
    model = net("mixed_float16")
    before = model.get_weights()
    huge = np.full((4, 2), 3e4, "float32")
    model.train_on_batch(huge, np.zeros((4, 1), "float32"))
    assert float(model.optimizer.dynamic_scale) == 2.0**14
    assert int(model.optimizer.iterations) == 0
    np.testing.assert_array_equal(
        np.concatenate([w.ravel() for w in model.get_weights()]), np.concatenate([w.ravel() for w in before])
    )
    model.train_on_batch(np.ones((4, 2), "float32"), np.zeros((4, 1), "float32"))
    assert int(model.optimizer.iterations) == 1
    assert any(np.any(a != b) for a, b in zip(model.get_weights(), before, strict=True))


def test_the_scale_grows_after_a_row_of_good_steps(trainable_backend):
    model = triceras.Sequential([triceras.Input((2,)), layers.Dense(1, dtype="mixed_float16")])
    scaled = optimizers.LossScaleOptimizer(optimizers.SGD(0.0), initial_scale=8.0, dynamic_growth_steps=3)
    model.compile(scaled, "mse")
    scales = []
    for _ in range(7):
        model.train_on_batch(np.ones((4, 2), "float32"), np.zeros((4, 1), "float32"))
        scales.append(float(scaled.dynamic_scale))
    assert scales == [8.0, 8.0, 16.0, 16.0, 16.0, 32.0, 32.0]


def test_gradients_too_small_for_float16_arrive(trainable_backend):
    """Without a scale, 1e-8 is 0 in float16."""
    moved = []
    for auto in (False, True):
        model = triceras.Sequential([triceras.Input((1,)), layers.Dense(1, use_bias=False, dtype="mixed_float16")])
        model.dtype_policy = "mixed_float16"
        model.set_weights([np.zeros((1, 1), "float32")])
        model.compile(
            optimizers.SGD(1e6), lambda y, p: ops.mean((y - ops.cast(p, "float32")) * 1e-8), auto_scale_loss=auto
        )
        model.train_on_batch(np.ones((1, 1), "float32"), np.zeros((1, 1), "float32"))
        moved.append(float(model.get_weights()[0][0, 0]))
    assert moved[0] == 0.0
    np.testing.assert_allclose(moved[1], 1e-2, rtol=1e-2)


class Probe(layers.Layer):
    """Notes in which dtypes it sees its input, weights and integers."""

    def build(self, input_shape):
        self.cast = self.add_weight(shape=(3,), name="cast")
        self.kept = self.add_weight(shape=(3,), autocast=False, name="kept")
        self.count = self.add_weight(shape=(3,), dtype="int32", trainable=False, name="count")

    def call(self, inputs, numbers=None):
        read = [
            inputs,
            ops.convert_to_tensor(self.cast),
            ops.convert_to_tensor(self.kept),
            numbers,
            ops.convert_to_tensor(self.count),
        ]
        self.seen = [triceras.backend.standardize_dtype(x.dtype) for x in read]
        return inputs


@pytest.mark.parametrize("policy", POLICIES)
def test_floats_are_cast_and_nothing_else(backend, policy):
    half = policy.removeprefix("mixed_")
    probe = Probe(dtype=policy)
    probe(np.ones((2, 3), "float32"), numbers=np.arange(3, dtype="int32"))
    assert probe.seen == [half, half, "float32", "int32", "int32"]
    assert [w.dtype for w in probe.weights] == ["float32", "float32", "int32"]
    plain = Probe(dtype=policy, autocast=False)
    plain(np.ones((2, 3), "float32"), numbers=np.arange(3, dtype="int32"))
    assert plain.seen[0] == "float32"


def test_a_layer_keeps_its_own_dtype(backend):
    model = triceras.Sequential([triceras.Input((3,)), layers.Dense(4, dtype="mixed_bfloat16"), layers.Dense(2)])
    assert [layer.compute_dtype for layer in model.layers] == ["bfloat16", "float32"]
    assert triceras.backend.standardize_dtype(model(np.ones((1, 3), "float32")).dtype) == "float32"


def test_losses_and_metrics_stay_in_float32(backend):
    y, p = ops.ones((2, 3), "float16"), ops.zeros((2, 3), "float16")
    before = triceras.config.dtype_policy()
    triceras.config.set_dtype_policy("mixed_float16")
    try:
        loss, metric = triceras.losses.MeanSquaredError(), triceras.metrics.Sum()
        metric.update_state(y * 3e4)
        assert triceras.backend.standardize_dtype(loss(y * 300.0, p).dtype) == "float32"
        assert float(loss(y * 300.0, p)) == 90000.0  # which float16 doesn't hold, as little as the sum
        np.testing.assert_allclose(float(metric.result()), 6 * 3e4, rtol=1e-3)
    finally:
        triceras.config.set_dtype_policy(before)


def test_policies_and_scales_are_in_files(trainable_backend, tmp_path):
    model = net("mixed_float16")
    model.train_on_batch(np.full((4, 2), 3e4, "float32"), np.zeros((4, 1), "float32"))
    model.save(tmp_path / "net.keras")
    again = triceras.saving.load_model(tmp_path / "net.keras")
    assert again.layers[0].dtype_policy.name == "mixed_float16"
    assert isinstance(again.optimizer, optimizers.LossScaleOptimizer)
    assert not isinstance(again.optimizer.inner_optimizer, optimizers.LossScaleOptimizer)
    assert float(again.optimizer.dynamic_scale) == 2.0**14


def test_training_goes_on_elsewhere():
    with triceras.use_backend("jax"):
        model = net("mixed_float16")
        model.train_on_batch(np.full((4, 2), 3e4, "float32"), np.zeros((4, 1), "float32"))
    model.to_backend("torch")
    model.train_on_batch(np.ones((4, 2), "float32"), np.zeros((4, 1), "float32"))
    assert float(model.optimizer.dynamic_scale) == 2.0**14 and int(model.optimizer.iterations) == 1
