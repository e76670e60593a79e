"""The template of a backend, installed as a user's would be: its own tests, and models that run on it."""

import runpy
import sys
import tomllib

import numpy as np
import pytest

import triceras as keras
from tools.check_architecture import ROOT
from triceras import layers
from triceras.core import registry

HOME = ROOT / "examples/template_backend"
NAME = "template"
IMAGES = np.random.default_rng(0).normal(size=(4, 6, 6, 2)).astype("float32")
TARGETS = np.eye(3, dtype="float32")[[0, 1, 2, 0]]


def write_metadata(folder):
    """What `pip install` would write of the package: its name and its entry points."""
    project = tomllib.loads((HOME / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    points = [f"{name} = {target}\n" for name, target in project["entry-points"][registry.GROUP].items()]
    (info / "entry_points.txt").write_text("".join([f"[{registry.GROUP}]\n", *points]))


@pytest.fixture(scope="module", autouse=True)
def installed(tmp_path_factory):
    """The package and its metadata on the path; afterwards all is as before."""
    folder = tmp_path_factory.mktemp("site")
    write_metadata(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [*sys.path, str(folder), str(HOME)])
        patch.setattr(registry, "_loaded", dict(registry._loaded))
        registry._plugins.cache_clear()
        yield
    registry._plugins.cache_clear()
    registry.forget_types()
    for name in [name for name in sys.modules if name.partition(".")[0] == "triceras_template"]:
        del sys.modules[name]


def its_own_tests():
    """The tests and fixtures of the template's own file, which pytest collects as this file's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(HOME)
        found = runpy.run_path(str(HOME / "tests/test_template.py"))
    return {name: value for name, value in found.items() if name == "home" or name.startswith("test_")}


globals().update(its_own_tests())


def test_it_stays_small():
    files = [HOME / "README.md", HOME / "pyproject.toml", *HOME.glob("*/*.py")]
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in files) <= 600


def values(x):
    return keras.ops.convert_to_numpy(x)


def small_model():
    keras.utils.set_random_seed(3)
    image = keras.Input((6, 6, 2))
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(image)
    x = layers.MaxPooling2D()(layers.BatchNormalization()(x))
    x = layers.LSTM(5)(layers.Reshape((9, 4))(x))
    model = keras.Model(image, layers.Dense(3, activation="softmax")(layers.Dropout(0.5)(x)))
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model


def test_a_model_is_made_there_as_anywhere():
    with keras.use_backend("numpy"):
        expected = small_model()(IMAGES)
    with keras.use_backend(NAME):
        model = small_model()
    found = model(IMAGES)
    assert model.backend.name == registry.backend_of(found).name == NAME
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_trained_model_lives_there(trainable_backend, tmp_path):
    model = small_model()
    model.fit(IMAGES, TARGETS, verbose=0)
    model.save(tmp_path / "trained.keras")
    with keras.use_backend(NAME):
        there = keras.models.load_model(tmp_path / "trained.keras")
    expected, scores = model(IMAGES), model.evaluate(IMAGES, TARGETS, verbose=0)
    np.testing.assert_allclose(there.predict(IMAGES, verbose=0), values(expected), atol=1e-5)
    np.testing.assert_allclose(there.evaluate(IMAGES, TARGETS, verbose=0), scores, atol=1e-5)
    there.save(tmp_path / "again.keras")
    again = keras.models.load_model(tmp_path / "again.keras")
    assert again.optimizer.iterations.numpy() == 1
    for moved in (again, model.to_backend(NAME)):
        np.testing.assert_allclose(values(moved(IMAGES)), values(expected), atol=1e-5)
    with pytest.raises(NotImplementedError) as error:
        model.fit(IMAGES, TARGETS, verbose=0)
    assert "template backend can't train" in str(error.value) and "numpy" not in str(error.value)


@pytest.mark.parametrize("rng", ["native", "portable"])
def test_it_draws_the_portable_numbers_always(rng):
    def draw(backend, rng):
        keras.config.set_rng(rng)
        with keras.use_backend(backend):
            return np.asarray(keras.random.uniform((3, 4), seed=7)), np.asarray(keras.random.normal((5,), seed=8))

    try:
        for found, expected in zip(draw(NAME, rng), draw("numpy", "portable"), strict=True):
            np.testing.assert_allclose(found, expected, atol=1e-6)
    finally:
        keras.config.set_rng("native")
