"""What the cases don't show of normalizations: bad arguments, averages over several steps, power iteration."""

import numpy as np
import pytest

import triceras
from triceras import layers, ops

X = np.sin(np.arange(24.0) * 0.7).reshape(2, 3, 4).astype("float32")
BAD = [
    (lambda: layers.BatchNormalization(axis=(1, 2)), ValueError, r"`axis` of a BatchNormalization.*one int.*\(1, 2\)"),
    (lambda: layers.BatchNormalization(momentum="a"), ValueError, r"`momentum` of a Batch.*momentum='a'"),
    (lambda: layers.BatchNormalization(renorm=True, renorm_clipping={"foo": 1}), ValueError, r"foo.*\['rmax', 'rmin'"),
    (lambda: layers.BatchNormalization(renorm=True, renorm_clipping=3), ValueError, "`renorm_clipping` argument: 3"),
    (lambda: layers.BatchNormalization(renorm=True, renorm_clipping={"dmax": -1}), ValueError, "dmax=-1"),
    (
        lambda: layers.BatchNormalization(renorm=True, renorm_clipping={"rmin": 2, "rmax": 1}),
        ValueError,
        "rmin=2, rmax=1",
    ),
    (lambda: layers.BatchNormalization(axis=3, name="b")(X), ValueError, r"'b'.*axis=3, input_shape=\(2, 3, 4\)"),
    (lambda: layers.BatchNormalization(name="b").build((2, None)), ValueError, r"'b'.*known size.*\(2, None\)"),
    (
        lambda: layers.BatchNormalization(name="b")(X, mask=np.ones(2, bool)),
        ValueError,
        r"'b'.*mask.shape=\(2,\), inputs.shape=\(2, 3, 4\)",
    ),
    (lambda: layers.BatchNormalization(fused=True), ValueError, "Unrecognized keyword arguments.*fused"),
    (lambda: layers.LayerNormalization(axis="a"), TypeError, "'axis', but received: 'a'"),
    (lambda: layers.LayerNormalization(axis=(1, None)), TypeError, r"'axis', but received: \(1, None\)"),
    (lambda: layers.LayerNormalization(axis=4, name="l")(X), ValueError, r"'l'.*axis=4, input_shape=\(2, 3, 4\)"),
    (lambda: layers.LayerNormalization(axis=(1, -2))(X), ValueError, r"different dimensions.*axis=\[1, -2\]"),
    (lambda: layers.GroupNormalization(0), ValueError, "expected a positive integer .or `-1`.*groups=0"),
    (lambda: layers.GroupNormalization(2.0), ValueError, "groups=2.0"),
    (lambda: layers.GroupNormalization(axis=(1, 2)), ValueError, r"`axis` .* must be an integer.*\(1, 2\)"),
    (lambda: layers.GroupNormalization(name="g")(X), ValueError, r"'g'.*groups=32.*4 channels.*\(2, 3, 4\)"),
    (lambda: layers.GroupNormalization(3)(X), ValueError, "must divide.*groups=3, axis=-1, 4 channels"),
    (lambda: layers.GroupNormalization(2, axis=0)(X), ValueError, "can't be the batch dimension.*axis=0"),
    (lambda: layers.RMSNormalization(axis="a"), TypeError, "axis='a'"),
    (lambda: layers.RMSNormalization(axis=5, name="r")(X), ValueError, r"'r'.*axis=5, input_shape=\(2, 3, 4\)"),
    (lambda: layers.UnitNormalization(axis=None), TypeError, "expected an int or a list/tuple of ints.*axis=None"),
    (lambda: layers.UnitNormalization(axis=1.5), TypeError, "axis=1.5"),
    (lambda: layers.UnitNormalization(axis=4)(triceras.Input((2,))), ValueError, r"axis=4, input_shape=\(None, 2\)"),
    (lambda: layers.SpectralNormalization(3), ValueError, "Layer 3 supplied to Wrapper isn't a supported layer type"),
    (lambda: layers.SpectralNormalization(layers.Dense(2), 0), ValueError, "power_iterations=0"),
    (lambda: layers.SpectralNormalization(layers.Dense(2), 1.5), ValueError, "power_iterations=1.5"),
    (lambda: layers.SpectralNormalization(layers.ReLU())(X), ValueError, "no attribute 'kernel' nor 'embeddings'"),
]  # fmt: skip


def numbers(x):
    return ops.convert_to_numpy(x)


@pytest.mark.parametrize(("make", "error", "message"), BAD, ids=range(len(BAD)))
def test_bad_arguments(make, error, message):
    with triceras.use_backend("numpy"), pytest.raises(error, match=message):
        make()


def test_rms_scaling_is_deprecated():
    with triceras.use_backend("numpy"), pytest.warns(UserWarning, match="Use `RMSNormalization` instead"):
        layer = layers.LayerNormalization(rms_scaling=True)
    with triceras.use_backend("numpy"):
        want = X / np.sqrt(X.var(-1, keepdims=True) + 1e-3)
        np.testing.assert_allclose(numbers(layer(X)), want, rtol=1e-5)
        assert [w.name for w in layer.weights] == ["gamma"]


def test_group_normalization_between_layer_and_instance_normalization(backend):
    def by_hand(x, axes):
        return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-3)

    for groups, axes in ((1, (1, 2)), (-1, (1,))):
        found = numbers(layers.GroupNormalization(groups)(X))
        np.testing.assert_allclose(found, by_hand(X, axes), atol=2e-5)


def test_averages_follow_the_batches(backend):
    """With renormalization, training comes to give what inference gives."""
    layer = layers.BatchNormalization(momentum=0.5, renorm=True, renorm_momentum=0.5)
    x = X[0] * 3 + 1
    for _ in range(40):
        trained = layer(x, training=True)
    np.testing.assert_allclose(numbers(layer.moving_mean), x.mean(0), atol=1e-4)
    np.testing.assert_allclose(numbers(layer.moving_variance), x.var(0), rtol=1e-3)
    np.testing.assert_allclose(numbers(trained), numbers(layer(x)), atol=1e-3)


def test_power_iteration_finds_the_spectral_norm(backend):
    layer = layers.SpectralNormalization(layers.Dense(5), power_iterations=50)
    x = np.ones((1, 4), "float32")
    layer(x)
    before = numbers(layer.layer.kernel)
    vector, kernel = (numbers(w) for w in layer.normalized_weights())
    np.testing.assert_allclose(kernel, before / np.linalg.svd(before, compute_uv=False)[0], rtol=1e-3)
    assert np.isclose(np.linalg.norm(vector), 1, atol=1e-5) and np.array_equal(numbers(layer.layer.kernel), before)
    layer(x, training=True)
    np.testing.assert_allclose(numbers(layer.layer.kernel), kernel, atol=1e-6)
