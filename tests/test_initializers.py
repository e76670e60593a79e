"""Initializers: the same bits on every backend, the right distributions, configs and errors."""

import re

import numpy as np
import pytest

import triceras
from tests.same_as_keras import assert_same, of_keras, of_ours
from triceras import Variable, initializers, ops

RANDOM = [
    "RandomNormal", "RandomUniform", "TruncatedNormal", "VarianceScaling", "GlorotNormal", "GlorotUniform", "HeNormal",
    "HeUniform", "LecunNormal", "LecunUniform", "Orthogonal",
]  # fmt: skip
EXACT = [
    "keras.initializers.Zeros()((2, 3))", "keras.initializers.Ones()((2,), dtype='int32')",
    "keras.initializers.Constant(3)((2, 2))", "keras.initializers.Constant([1.0, 2.0])((3, 2))",
    "keras.initializers.Identity(2.0)((2, 3))", "keras.initializers.STFT('real')((8, 1, 5))",
    "keras.initializers.STFT('imag', window=None, scaling=None)((6, 1, 4))",
    "keras.initializers.STFT('imag', window='hamming', scaling='spectrum', periodic=True)((8, 1, 5))",
    *(f"keras.initializers.{name}().get_config()" for name in (*RANDOM, "Zeros", "Ones", "STFT")),
    "keras.initializers.VarianceScaling(2.0, 'fan_avg', 'uniform', seed=3, input_axes=[0]).get_config()",
    "keras.initializers.serialize(keras.initializers.GlorotUniform(seed=3))",
    "keras.initializers.serialize(keras.initializers.Constant(2.0))",
]  # fmt: skip


@pytest.fixture(scope="module")
def expected():
    return of_keras(EXACT, backend="jax")


@pytest.mark.oracle
@pytest.mark.parametrize("case", EXACT)
def test_as_keras(case, expected):
    with triceras.use_backend("numpy"):
        assert_same(of_ours(case), expected[case])


@pytest.mark.parametrize("name", RANDOM)
def test_a_seed_gives_the_same_bits_everywhere(backend, name):
    initializer = getattr(initializers, name)(seed=7)
    host = initializer.draw((5, 4))
    assert host.dtype == np.float32
    np.testing.assert_array_equal(ops.convert_to_numpy(initializer((5, 4))), host)
    np.testing.assert_array_equal(Variable(initializer, (5, 4)).numpy(), host)
    assert np.array_equal(ops.convert_to_numpy(initializer((5, 4), dtype="float16")), host.astype("float16"))


def test_without_a_seed_the_process_seed_counts():
    draws = []
    for _ in range(2):
        triceras.utils.set_random_seed(0)
        initializer = initializers.GlorotUniform()
        draws.append([initializer.draw((3, 3)), initializer.draw((3, 3)), initializers.HeNormal().draw((3, 3))])
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0][0], draws[0][1])


def test_a_seed_generator_advances():
    with triceras.use_backend("numpy"):
        initializer = initializers.RandomNormal(seed=triceras.random.SeedGenerator(1))
        assert not np.array_equal(initializer.draw((3,)), initializer.draw((3,)))
        again = initializers.deserialize(initializers.serialize(initializer))
        assert isinstance(again.seed, triceras.random.SeedGenerator)


@pytest.mark.parametrize(
    ("initializer", "deviation", "largest"),
    [
        (initializers.RandomNormal(1.0, 0.5, seed=0), 0.5, None),
        (initializers.TruncatedNormal(1.0, 0.5, seed=0), 0.44, 1.0),
        (initializers.RandomUniform(0.0, 2.0, seed=0), 2 / np.sqrt(12), 1.0),
        (initializers.GlorotUniform(seed=0), np.sqrt(2 / 300), np.sqrt(6 / 300)),
        (initializers.GlorotNormal(seed=0), np.sqrt(2 / 300), None),
        (initializers.HeNormal(seed=0), np.sqrt(2 / 100), 2 * np.sqrt(2 / 100) / 0.8796),
        (initializers.LecunUniform(seed=0), np.sqrt(1 / 100), np.sqrt(3 / 100)),
        (initializers.VarianceScaling(3.0, "fan_out", "untruncated_normal", seed=0), np.sqrt(3 / 200), None),
    ],
)
def test_distribution(initializer, deviation, largest):
    values = initializer.draw((100, 200))
    center = 1.0 if isinstance(initializer, (initializers.RandomNormal, initializers.RandomUniform)) else 0.0
    assert values.mean() == pytest.approx(center, abs=4 * deviation / 140)
    assert values.std() == pytest.approx(deviation, rel=0.03)
    if largest is not None:
        assert 0.95 * largest < abs(values - center).max() <= largest * 1.001


@pytest.mark.parametrize(
    ("shape", "axes", "fans"),
    [
        ((), (None, None), (1, 1)),
        ((7,), (None, None), (7, 7)),
        ((3, 5), (None, None), (3, 5)),
        ((2, 3, 5, 7), (None, None), (30, 42)),
        ((2, 3, 5, 7), ([0], [3]), (2, 7)),
        ((2, 3, 5, 7), ([0, 1], [2, -1]), (6, 35)),
    ],
)
def test_fans(shape, axes, fans):
    assert initializers.compute_fans(shape, *axes) == fans


@pytest.mark.parametrize("shape", [(4, 3), (3, 4), (2, 3, 4)])
def test_orthogonal(shape):
    q = initializers.Orthogonal(2.0, seed=0).draw(shape).reshape(-1, shape[-1])
    product = q.T @ q if q.shape[0] >= q.shape[1] else q @ q.T
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-5)


def test_own_initializers(backend):
    class Doubled(initializers.GlorotUniform):
        def __call__(self, shape, dtype=None):
            return 2 * super().__call__(shape, dtype)

    plain = initializers.GlorotUniform(seed=1).draw((2, 2))
    np.testing.assert_allclose(Variable(Doubled(seed=1), (2, 2)).numpy(), 2 * plain, rtol=1e-6)
    with pytest.raises(NotImplementedError, match="must implement"):
        initializers.Initializer()((2,))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: initializers.get("nope"), "Could not interpret initializer identifier: nope"),
        (lambda: initializers.get("he_norml"), "Nearest: he_normal"),
        (lambda: initializers.VarianceScaling(-1), "Argument `scale` must be positive float"),
        (lambda: initializers.VarianceScaling(mode="x"), "Invalid `mode` argument: x"),
        (lambda: initializers.VarianceScaling(distribution="x"), "Invalid `distribution` argument: x"),
        (lambda: initializers.Identity().draw((2, 3, 4)), "can only be used for 2D matrices"),
        (lambda: initializers.Orthogonal().draw((3,)), "must be at least two-dimensional"),
        (lambda: initializers.GlorotUniform(seed="a"), "`seed` argument should be an instance of"),
        (lambda: initializers.STFT("x"), "`side` must be 'real' or 'imag'"),
        (lambda: initializers.STFT(window=None).draw((4, 2, 3)), "STFT gives a kernel of shape"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


def test_names():
    assert isinstance(initializers.get("uniform"), initializers.RandomUniform)
    assert isinstance(initializers.get(initializers.Zeros), initializers.Zeros)
    assert initializers.get({"class_name": "RandomNormal", "config": {"stddev": 0.1}}).stddev == 0.1
    np.testing.assert_array_equal(initializers.get(np.arange(3.0)).draw((3,)), np.arange(3))
    assert initializers.get(None) is None
    copy = initializers.RandomNormal(2.0, seed=4).clone()
    assert copy.get_config() == {"mean": 2.0, "stddev": 0.05, "seed": 4}
