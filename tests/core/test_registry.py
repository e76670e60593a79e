"""The registry: which backends there are, whose tensor something is, and plug-ins."""

import sys
import types
from importlib import metadata

import numpy as np
import pytest

import triceras as keras
from tests.conftest import INSTALLED
from triceras.backends.numpy import NumpyBackend
from triceras.core import registry


def test_known_installed_and_loaded():
    assert list(registry.known()) == ["jax", "torch", "tensorflow", "numpy"]
    assert "numpy" in registry.installed()
    registry.get("numpy")
    assert "numpy" in registry.loaded() and set(registry.loaded()) <= set(registry.known())


def test_unknown_backend():
    with pytest.raises(ValueError) as error:
        keras.use_backend("tensorfow")
    assert str(error.value) == (
        "Unknown backend 'tensorfow'. Did you mean 'tensorflow'? Known backends: jax, torch, tensorflow, numpy."
    )
    with pytest.raises(ValueError, match="^Unknown backend 'zzz'. Known backends: jax, torch, tensorflow, numpy.$"):
        keras.use_backend("zzz")
    for wrong in (None, 3, ["jax"], ""):
        with pytest.raises(ValueError, match="Unknown backend"):
            keras.use_backend(wrong)


def test_a_backend_that_is_not_installed_says_what_to_install(monkeypatch):
    monkeypatch.setattr(registry, "_loaded", {})
    monkeypatch.setattr(registry, "is_installed", lambda info: info.name != "jax")
    with pytest.raises(ImportError) as error:
        keras.config.set_backend("jax")
    assert str(error.value) == (
        "Backend 'jax' needs jax, which isn't installed. Install it: pip install \"triceras[jax]\""
    )
    assert "jax" not in registry.installed()


def test_blocked_and_missing_modules_are_not_installed(monkeypatch):
    info = registry.known()["numpy"]._replace(framework="no_such_framework_at_all")
    assert not registry.is_installed(info)
    monkeypatch.setitem(sys.modules, "no_such_framework_at_all", None)
    assert not registry.is_installed(info)
    monkeypatch.setitem(sys.modules, "no_such_framework_at_all", types.ModuleType("no_such_framework_at_all"))
    assert registry.is_installed(info)


class Horn:
    """The tensor of a third party's framework."""

    def __init__(self, values, dtype=None):
        self.values = np.asarray(values, dtype)

    shape = property(lambda self: self.values.shape)
    dtype = property(lambda self: self.values.dtype)


class HornBackend(NumpyBackend):
    name = "horn"
    tensor_types = (Horn,)
    modules = (types.SimpleNamespace(relu=lambda x: Horn(np.maximum(x.values, 0))),)

    def convert(self, x, dtype=None):
        return x if isinstance(x, Horn) else Horn(super().convert(x, dtype))

    def to_numpy(self, x):
        return x.values

    def new_value(self, value, dtype, trainable):
        return Horn(value, dtype)


@pytest.fixture
def plugin(monkeypatch):
    """An installed package that offers a backend by an entry point."""
    module = types.ModuleType("horned")
    module.HornBackend = HornBackend
    point = metadata.EntryPoint("horn", "horned:HornBackend", registry.GROUP)
    monkeypatch.setitem(sys.modules, "horned", module)
    monkeypatch.setattr(metadata, "entry_points", lambda group: [point] if group == registry.GROUP else [])
    monkeypatch.setattr(registry, "_loaded", dict(registry._loaded))
    registry._plugins.cache_clear()
    yield module
    monkeypatch.undo()
    registry._plugins.cache_clear()
    registry.forget_types()


def test_a_plugged_in_backend_is_found_loaded_and_dispatched_to(plugin):
    assert "horn" in registry.known() and "horn" in registry.installed() and "horn" not in registry.loaded()
    with pytest.raises(ValueError, match="Did you mean 'horn'"):
        keras.use_backend("horns")
    with keras.use_backend("horn"):
        assert keras.config.backend() == "horn"
        x = keras.ops.convert_to_tensor([1.0, -1.0])
        v = keras.Variable([3.0, -4.0])
    assert isinstance(x, Horn) and registry.backend_of(x).name == "horn" == v.backend.name
    with keras.use_backend("numpy"):
        assert registry.backend_of(x, 1.0, np.ones(2)).name == "horn"
        assert isinstance(keras.ops.relu(v), Horn)
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(keras.ops.relu(x)), [1.0, 0.0])


def test_backend_of(backend):
    own = keras.Variable([1.0])
    assert registry.backend_of(own) is registry.current()
    assert registry.backend_of([1, {"a": (np.ones(2), own)}], 2.0, None).name == backend
    if backend != "numpy":  # NumPy's arrays are everyone's
        assert registry.backend_of(keras.ops.ones((2,))) is registry.current()
    for neutral in (1, 2.0, "text", None, [1, 2], (), {"a": 1}, object(), slice(None), np.float32(3)):
        assert registry.backend_of(neutral) is None


def test_numpy_arrays_do_not_vote():
    for name in INSTALLED:
        with keras.use_backend(name):
            own = keras.ops.ones((2,))
            assert registry.backend_of(np.ones(2)) is None
        with keras.use_backend("numpy"):
            assert type(keras.ops.add(np.ones(2, "float32"), own)) is type(own)


def test_symbols_go_before_values(backend):
    x = keras.Input((2,))
    assert registry.backend_of(keras.ops.ones((2,)), x).name == "symbolic"
    assert (keras.ops.ones((2,)) + x).shape == (None, 2) if backend != "numpy" else True


def test_two_backends_in_one_op():
    pairs = [(a, b) for a in INSTALLED for b in INSTALLED if a < b and "numpy" not in (a, b)]
    for a, b in pairs:
        values = []
        for name in (a, b):
            with keras.use_backend(name):
                values.append(keras.ops.ones((2,)))
        with pytest.raises(
            TypeError, match=rf"Tensors of two backends in one operation: {a} and {b}\. .*convert\(x, '{a}'\)"
        ):
            keras.ops.concatenate(values)
        with keras.use_backend(a):
            v = keras.Variable([1.0, 2.0])
        with pytest.raises(TypeError, match=f"{a} and {b}"):
            v.assign(values[1])
        with pytest.raises(TypeError, match=f"{a} and {b}"):
            v + values[1]
