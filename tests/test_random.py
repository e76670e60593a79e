"""Random tensors: distributions, seeds, the two generators."""

import numpy as np
import pytest

import triceras
from triceras import ops, random
from triceras.core import config, registry
from triceras.core.scope import use_backend
from triceras.core.spec import Spec

N = 4000


def values(x):
    return np.asarray(ops.convert_to_numpy(x), np.float64)


@pytest.fixture(params=["native", "portable"])
def rng(request):
    config.set_rng(request.param)
    yield request.param
    config.set_rng("native")


# name, draw, mean, standard deviation, lowest, highest
DRAWS = {
    "uniform": (lambda seed: random.uniform((N,), -1, 3, seed=seed), 1, 4 / 12**0.5, -1, 3),
    "normal": (lambda seed: random.normal((N,), 2, 3, seed=seed), 2, 3, -20, 20),
    "truncated_normal": (lambda seed: random.truncated_normal((N,), 1, 2, seed=seed), 1, 2 * 0.8796, -3, 5),
    "randint": (lambda seed: random.randint((N,), -2, 5, seed=seed), 1, 2, -2, 4),
    "gamma": (lambda seed: random.gamma((N,), 3.0, seed=seed), 3, 3**0.5, 0, 30),
    "gamma_below_1": (lambda seed: random.gamma((N,), 0.5, seed=seed), 0.5, 0.5**0.5, 0, 20),
    "beta": (lambda seed: random.beta((N,), 2.0, 3.0, seed=seed), 0.4, 0.2, 0, 1),
    "binomial": (lambda seed: random.binomial((N,), 10, 0.3, seed=seed), 3, 2.1**0.5, 0, 10),
    "categorical": (lambda seed: random.categorical(np.log([[0.2, 0.3, 0.5]]), N, seed=seed), 1.3, 0.781, 0, 2),
}


@pytest.mark.parametrize("name", DRAWS)
def test_distributions(backend, rng, name):
    draw, mean, deviation, low, high = DRAWS[name]
    x = values(draw(5))
    assert abs(x.mean() - mean) < 5 * deviation / N**0.5
    assert abs(x.std() - deviation) < 0.08 * deviation
    assert low <= x.min() and x.max() <= high


@pytest.mark.parametrize("name", ["uniform", "normal", "randint", "gamma"])
def test_seeds(backend, rng, name):
    draw = DRAWS[name][0]
    generator = random.SeedGenerator(5)
    first, second = values(draw(generator)), values(draw(generator))
    assert not np.array_equal(first, second)
    assert np.array_equal(values(draw(random.SeedGenerator(5))), first)
    assert np.array_equal(values(draw(3)), values(draw(3)))
    assert not np.array_equal(values(draw(None)), values(draw(None)))


def test_portable_numbers_are_the_same_everywhere():
    config.set_rng("portable")
    try:
        found = {}
        for name in registry.installed():
            with use_backend(name):
                found[name] = [values(draw(7)) for draw, *_ in DRAWS.values()]
    finally:
        config.set_rng("native")
    reference = found.pop("numpy")
    for name, drawn in found.items():
        for expected, got, what in zip(reference, drawn, DRAWS, strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5, err_msg=f"{what} on {name}")


def test_dtypes(backend):
    for dtype in ("float16", "bfloat16", "float32"):
        assert ops.dtype(random.normal((2,), dtype=dtype, seed=1)) == dtype
        x = values(random.uniform((2000,), dtype=dtype, seed=1))
        assert x.min() >= 0 and x.max() < 1
    assert ops.dtype(random.randint((2,), 0, 5, seed=1)) == "int32"
    with pytest.raises(ValueError, match="dtype must be an integer one; got 'float32'"):
        random.randint((2,), 0, 5, dtype="float32")
    with pytest.raises(ValueError, match="dtype must be a floating one; got 'int32'"):
        random.uniform((2,), dtype="int32")


def test_dropout(backend, rng):
    x = values(random.dropout(ops.ones((100, 50)), 0.3, seed=2))
    assert set(np.round(np.unique(x), 4)) == {0.0, 1.4286}
    assert abs(x.mean() - 1) < 0.05
    rows = values(random.dropout(ops.ones((100, 3)), 0.5, noise_shape=(None, 1), seed=2))
    assert (rows == rows[:, :1]).all() and 0 < rows.mean() < 2
    assert values(random.dropout(ops.ones(3), 0.0)).tolist() == [1, 1, 1]
    with pytest.raises(ValueError, match="at least 0 and below 1; got 1.5"):
        random.dropout(ops.ones(3), 1.5)


def test_dropout_has_a_gradient(trainable_backend):
    x = ops.ones((50,))
    seed = 3
    kept = values(random.dropout(x, 0.5, seed=seed))
    gradient = registry.current().value_and_grad(lambda x: ops.sum(random.dropout(x, 0.5, seed=seed)))(x)[1]
    np.testing.assert_allclose(values(gradient), kept)


def test_shuffle(backend):
    x = np.arange(12).reshape(6, 2)
    rows = values(random.shuffle(x, seed=1))
    assert sorted(rows[:, 0]) == list(range(0, 12, 2)) and rows[:, 0].tolist() != list(range(0, 12, 2))
    columns = values(random.shuffle(x, axis=1, seed=4))
    assert np.array_equal(np.sort(columns, 1), x)


def test_draws_in_compiled_code_differ_from_call_to_call(backend, rng):
    generator = random.SeedGenerator(1)
    step = registry.current().jit(lambda x: x + random.normal((3,), seed=generator))
    first, second = values(step(ops.zeros(3))), values(step(ops.zeros(3)))
    assert not np.array_equal(first, second)
    eager = random.SeedGenerator(1)
    np.testing.assert_allclose(values(random.normal((3,), seed=eager)), first, rtol=1e-5)


def test_random_follows_the_inputs_backend(backend):
    x = ops.ones((4,))
    with use_backend("numpy"):
        assert isinstance(random.dropout(x, 0.5, seed=1), registry.get(backend).tensor_types)


def test_specs():
    assert random.dropout(Spec((None, 3)), 0.5).shape == (None, 3)
    assert random.normal((None, 3)).shape == (None, 3)
    with pytest.raises(TypeError, match="use a layer"):
        random.dropout(triceras.KerasTensor((None, 3)), 0.5)
