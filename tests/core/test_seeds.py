"""Seeds: the same seed gives the same numbers; every draw without one gives others."""

import subprocess
import sys

import numpy as np
import pytest

import triceras as keras
from tests.conftest import INSTALLED
from tests.core.test_settings import ROOT
from triceras.core import seeds


def drawn(seed=None):
    return keras.ops.convert_to_numpy(keras.random.uniform((4,), seed=seed)).tolist()


def test_seed_generator_counts(backend):
    a, b = keras.random.SeedGenerator(7), keras.random.SeedGenerator(7)
    first = [drawn(a) for _ in range(3)]
    assert first == [drawn(b) for _ in range(3)] and len({str(x) for x in first}) == 3
    assert first[0] != drawn(keras.random.SeedGenerator(8))
    assert drawn(5) == drawn(5) != drawn(6)
    assert drawn() != drawn()


def test_its_state_is_a_variable(backend):
    generator = keras.random.SeedGenerator(3, name="mine")
    state = generator.state
    assert (state.shape, state.trainable, state.path) == ((2,), False, "mine/seed_generator_state")
    assert generator.variables == [state] and "int" in state.dtype
    before = state.numpy().tolist()
    drawn(generator)
    assert state.numpy().tolist() == [before[0], before[1] + 1]
    state.assign(before)
    assert drawn(generator) == drawn(keras.random.SeedGenerator(3))
    assert keras.random.SeedGenerator.from_config(generator.get_config()).get_config() == {"seed": 3, "name": "mine"}


def test_large_seeds(backend):
    assert drawn(keras.random.SeedGenerator(2**31 + 5)) != drawn(keras.random.SeedGenerator(5))
    assert drawn(2**32 - 1) != drawn(5)


@pytest.mark.parametrize("wrong", [-1, 1.5, "1", True])
def test_wrong_seeds(wrong):
    with keras.use_backend("numpy"):
        with pytest.raises(ValueError, match="must be a non-negative integer. Received: seed="):
            keras.random.SeedGenerator(wrong)
        with pytest.raises(ValueError, match="non-negative integer. Received: seed="):
            keras.utils.set_random_seed(wrong)
        if not isinstance(wrong, int) or wrong is True:
            with pytest.raises(ValueError, match="`seed` must be an integer, a SeedGenerator or None"):
                keras.random.uniform((1,), seed=wrong)


def test_moves():
    with keras.use_backend("numpy"):
        generator = keras.random.SeedGenerator(11)
        generator.next()
    for name in INSTALLED:
        before = generator.state.numpy().tolist()
        assert generator.to_backend(name) is generator and generator.backend.name == name
        assert generator.state.numpy().tolist() == before
        with keras.use_backend(name):
            drawn(generator)


def test_set_random_seed_repeats_everything(backend):
    import random

    def everything():
        keras.utils.set_random_seed(42)
        layer = keras.layers.Dense(3)
        layer.build((None, 2))
        x = keras.ops.convert_to_numpy(keras.layers.Dropout(0.5)(np.ones((4, 4), "float32"), training=True)).tolist()
        return [random.random(), np.random.rand(), drawn(), drawn(), layer.kernel.numpy().tolist(), x]

    assert everything() == everything()


def test_the_host_gives_the_same_everywhere():
    found = {}
    for name in INSTALLED:
        with keras.use_backend(name):
            keras.utils.set_random_seed(5)
            generator = keras.random.SeedGenerator(2)
            found[name] = [
                keras.initializers.GlorotUniform()((3, 3)), keras.initializers.RandomNormal(seed=1)((2,)),
                keras.initializers.Orthogonal(seed=generator)((3, 3)), seeds.host_generator().random(3),
            ]  # fmt: skip
            found[name] = [np.asarray(keras.ops.convert_to_numpy(x)).tobytes() for x in found[name]]
    assert all(values == found["numpy"] for values in found.values())


def test_a_global_generator_for_each_backend():
    first = {}
    for name in INSTALLED:
        with keras.use_backend(name):
            assert seeds.global_seed_generator().backend.name == name
            first[name] = seeds.global_seed_generator()
    for name in INSTALLED:
        with keras.use_backend(name):
            assert seeds.global_seed_generator() is first[name]


@pytest.mark.slow
def test_set_random_seed_imports_no_framework(tmp_path):
    code = (
        "import sys, triceras as keras\nkeras.utils.set_random_seed(1)\n"
        "print(sorted({m.partition('.')[0] for m in sys.modules} & {'jax', 'torch', 'tensorflow', 'keras'}))"
    )
    env = {"PYTHONPATH": ROOT, "KERAS_HOME": str(tmp_path), "KERAS_BACKEND": "numpy", "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "[]", done.stderr
