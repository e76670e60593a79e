"""Layers that disturb at random: bad arguments, moments, seeds, the same numbers on every backend."""

import numpy as np
import pytest

import triceras
from triceras import layers, ops

LARGE = np.ones((200, 300), "float32") * 2
RANDOM = {
    "Dropout": lambda **kw: layers.Dropout(0.3, **kw),
    "AlphaDropout": lambda **kw: layers.AlphaDropout(0.3, **kw),
    "GaussianDropout": lambda **kw: layers.GaussianDropout(0.3, **kw),
    "GaussianNoise": lambda **kw: layers.GaussianNoise(0.3, **kw),
    "SpatialDropout1D": lambda **kw: layers.SpatialDropout1D(0.3, **kw),
    "SpatialDropout2D": lambda **kw: layers.SpatialDropout2D(0.3, **kw),
    "SpatialDropout3D": lambda **kw: layers.SpatialDropout3D(0.3, **kw),
}
BETWEEN = "Expected a float value between 0 and 1. Received: "
BAD = [
    *((lambda c=c, r=r: getattr(layers, c)(r), f"`rate`. {BETWEEN}rate={r}") for c in RANDOM if c != "GaussianNoise"
      for r in (-0.1, 1.5, "a", None)),
    (lambda: layers.GaussianNoise(2), f"`stddev`. {BETWEEN}stddev=2"),
    (lambda: layers.GaussianNoise(-1), f"`stddev`. {BETWEEN}stddev=-1"),
    (lambda: layers.Dropout(0.5, noise_shape=3), "`noise_shape`.*noise_shape=3"),
    (lambda: layers.Dropout(0.5, noise_shape="abc"), "`noise_shape`.*noise_shape=abc"),
    (lambda: layers.AlphaDropout(0.5, noise_shape=(2, -1)), r"`noise_shape`.*positive.*noise_shape=\(2, -1\)"),
    (lambda: layers.Dropout(0.5, seed="a"), "`seed` must be.*seed=a"),
    (lambda: layers.Dropout(0.5, seed=1.5), "`seed` must be.*seed=1.5"),
    (lambda: layers.Dropout(0.5, noise_shape=(2,), name="d")(LARGE, training=True),
     r"layer 'd'.*noise_shape=\(2,\), input_shape=\(200, 300\)"),
    (lambda: layers.AlphaDropout(1.0, name="d")(LARGE, training=True), "'d' of type AlphaDropout.*rate=1"),
    (lambda: layers.GaussianDropout(1, name="d")(LARGE, training=True), "'d' of type GaussianDropout.*rate=1"),
    (lambda: layers.SpatialDropout1D(0.5, name="s")(LARGE), r"'s'.*expected ndim=3, found ndim=2.*\(200, 300\)"),
    (lambda: layers.SpatialDropout2D(0.5, data_format="bad"), "`data_format`.*data_format=bad"),
    (lambda: layers.SpatialDropout3D(0.5)(LARGE), "expected ndim=5, found ndim=2"),
    (lambda: layers.ActivityRegularization(-0.1), "l1.*non-negative.*l1=-0.1"),
    (lambda: layers.ActivityRegularization(l2="a"), "l2.*non-negative.*l2=a"),
]  # fmt: skip


def numbers(x):
    return ops.convert_to_numpy(x)


def input_of(name):
    shape = {"SpatialDropout1D": (4, 3, 9), "SpatialDropout2D": (4, 2, 3, 9), "SpatialDropout3D": (4, 2, 1, 3, 9)}
    return np.ones(shape.get(name, (4, 9)), "float32")


@pytest.mark.parametrize(("make", "message"), BAD, ids=range(len(BAD)))
def test_bad_arguments(make, message):
    with triceras.use_backend("numpy"), pytest.raises(ValueError, match=message):
        make()


def test_spatial_dropouts_take_what_keras_takes():
    for make in (layers.SpatialDropout1D, layers.SpatialDropout2D, layers.SpatialDropout3D):
        with pytest.raises(TypeError, match="noise_shape"):
            make(0.5, noise_shape=(1,))


def test_moments(backend):
    """Means stay; variances are as promised."""
    dropped = numbers(layers.Dropout(0.3, seed=1)(LARGE, training=True))
    assert abs((dropped == 0).mean() - 0.3) < 0.01 and np.allclose(dropped[dropped > 0], 2 / 0.7)
    noisy = numbers(layers.GaussianNoise(0.3, seed=1)(LARGE, training=True)) - 2
    assert abs(noisy.mean()) < 0.01 and abs(noisy.std() - 0.3) < 0.01 and abs((noisy**3).mean()) < 0.01
    factors = numbers(layers.GaussianDropout(0.3, seed=1)(LARGE, training=True)) / 2
    assert abs(factors.mean() - 1) < 0.01 and abs(factors.std() - (0.3 / 0.7) ** 0.5) < 0.01
    normal = np.random.default_rng(1).normal(size=LARGE.shape).astype("float32")
    alpha = numbers(layers.AlphaDropout(0.3, seed=1)(normal, training=True))
    assert abs(alpha.mean()) < 0.02 and abs(alpha.std() - 1) < 0.02
    values, counts = np.unique(alpha, return_counts=True)
    assert abs(counts.max() / alpha.size - 0.3) < 0.01  # what was dropped has one value


def test_spatial_dropouts_drop_whole_channels(backend):
    for make, shape, channels in (
        (layers.SpatialDropout1D(0.5, seed=1), (8, 3, 30), -1),
        (layers.SpatialDropout2D(0.5, "channels_first", seed=1), (8, 30, 2, 3), 1),
        (layers.SpatialDropout3D(0.5, seed=1), (8, 2, 1, 3, 30), -1),
    ):
        out = np.moveaxis(numbers(make(np.ones(shape, "float32"), training=True)), channels, 1).reshape(8, 30, -1)
        assert (out == out[:, :, :1]).all() and abs((out == 0).mean() - 0.5) < 0.15
        assert not (out == out[:1]).all()  # other channels in other samples


def test_noise_shape(backend):
    out = numbers(layers.Dropout(0.5, noise_shape=(None, 1), seed=1)(LARGE[:40, :3], training=True))
    assert (out == out[:, :1]).all() and 5 < (out[:, 0] == 0).sum() < 35
    out = numbers(layers.AlphaDropout(0.5, noise_shape=(1, None), seed=1)(LARGE[:3, :40], training=True))
    assert np.allclose(out, out[:1]) and len(np.unique(out)) == 2


@pytest.mark.parametrize("name", RANDOM)
def test_seeds(backend, name):
    """The same seed gives the same numbers, each call others; inference gives the input and advances nothing."""
    x = input_of(name)
    first, again, other = (RANDOM[name](seed=s) for s in (3, 3, 4))
    a = [numbers(first(x, training=True)) for _ in range(2)]
    assert not np.array_equal(a[0], a[1])
    assert np.array_equal(numbers(again(x)), x) and np.array_equal(numbers(again(x, training=False)), x)
    b = [numbers(again(x, training=True)) for _ in range(2)]
    assert np.array_equal(a, b)
    assert not np.array_equal(a[0], numbers(other(x, training=True)))


@pytest.mark.parametrize("name", RANDOM)
def test_portable_numbers_are_the_same_on_every_backend(name):
    x, found = input_of(name), {}
    before = triceras.config.rng()
    triceras.config.set_rng("portable")
    try:
        for backend in triceras.core.registry.installed():
            with triceras.use_backend(backend):
                layer = RANDOM[name](seed=7)
                found[backend] = [numbers(layer(x, training=True)) for _ in range(2)]
    finally:
        triceras.config.set_rng(before)
    for backend, values in found.items():
        np.testing.assert_allclose(values, found["numpy"], atol=2e-6, err_msg=backend)


def test_compiled_steps_draw_afresh(trainable_backend):
    layer = layers.Dropout(0.5, seed=1)
    step = triceras.jit(lambda x: layer(x, training=True))
    x = ops.ones((4, 50))
    eager = layers.Dropout(0.5, seed=1)
    found = [numbers(step(x)) for _ in range(3)]
    assert all(not np.array_equal(a, b) for a, b in zip(found, found[1:], strict=False))
    np.testing.assert_array_equal(found, [numbers(eager(x, training=True)) for _ in range(3)])


def test_nothing_is_left_at_rate_one(trainable_backend):
    layer, x = layers.Dropout(1.0), triceras.Variable(np.ones((2, 3), "float32"))
    value, (slope,) = triceras.value_and_grad(lambda: ops.sum(layer(ops.convert_to_tensor(x), training=True)), [x])()
    assert float(value) == 0 and not np.any(numbers(slope))
