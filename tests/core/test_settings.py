"""Settings: the environment goes before `keras.json`, and that before the defaults; nothing is written."""

import json
import os
import subprocess
import sys

import pytest

import triceras as keras
from triceras import dtype_policies
from triceras.backends import BUILTIN
from triceras.core import config, registry

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """Settings as at the start of a process whose home folder for Keras is `tmp_path`."""
    monkeypatch.setattr(config, "_settings", config._Settings())
    monkeypatch.setattr(registry, "_default", None)
    monkeypatch.setattr(dtype_policies, "_default", None)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    return tmp_path


def write(folder, text):
    (folder / "keras.json").write_text(text if isinstance(text, str) else json.dumps(text))


def test_defaults(fresh):
    assert (config.floatx(), config.epsilon(), config.image_data_format()) == ("float32", 1e-7, "channels_last")
    assert registry.choose_default() == ("jax", "first that is installed")
    assert os.listdir(fresh) == []


def test_the_first_installed_is_the_default(fresh, monkeypatch):
    monkeypatch.setattr(registry, "is_installed", lambda info: info.name in ("tensorflow", "numpy"))
    assert registry.choose_default()[0] == "tensorflow"
    monkeypatch.setattr(registry, "is_installed", lambda info: info.name == "numpy")
    assert registry.choose_default()[0] == "numpy"


def test_all_four_keys_of_keras_json(fresh):
    write(fresh, {"backend": "torch", "floatx": "bfloat16", "epsilon": 1e-5, "image_data_format": "channels_first"})
    assert config.backend() == "torch"
    assert (config.floatx(), config.epsilon(), config.image_data_format()) == ("bfloat16", 1e-5, "channels_first")
    assert registry.choose_default()[1] == str(fresh / "keras.json")


def test_the_environment_goes_before_the_file(fresh, monkeypatch):
    write(fresh, {"backend": "torch", "floatx": "float16"})
    monkeypatch.setenv("KERAS_BACKEND", "numpy")
    assert registry.choose_default() == ("numpy", "KERAS_BACKEND")
    assert config.backend() == "numpy" and config.floatx() == "float16"


def test_what_the_program_sets_goes_before_all(fresh, monkeypatch):
    write(fresh, {"backend": "torch", "floatx": "float16", "epsilon": 1e-3})
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    keras.config.set_backend("numpy")
    keras.config.set_floatx("float64")
    keras.config.set_epsilon(1e-4)
    keras.config.set_image_data_format("channels_first")
    assert (config.backend(), config.floatx(), config.epsilon()) == ("numpy", "float64", 1e-4)
    assert keras.backend.image_data_format() == "channels_first" == keras.config.image_data_format()


def test_without_keras_home_the_file_is_in_the_home_folder(fresh, monkeypatch):
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", str(fresh))
    assert config.keras_home() == fresh / ".keras"
    monkeypatch.setenv("KERAS_HOME", "~/elsewhere")
    assert config.keras_home() == fresh / "elsewhere"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '{\n "backend": "jax"\n "floatx": "float32"}',
            r"keras\.json, line 3, column 2: Expecting ',' delimiter. Mend",
        ),
        ("", r"keras\.json, line 1, column 1: Expecting value"),
        ('["jax"]', r"keras\.json: expected a JSON object such as .*; got '\[\"jax\"\]'"),
        (
            '{"floatx": "float33"}',
            r"keras\.json: floatx must be one of float16, bfloat16, float32, float64; got 'float33'",
        ),
        ('{"image_data_format": "last"}', "image_data_format must be one of channels_last, channels_first; got 'last'"),
        ('{"epsilon": "small"}', r"keras\.json: epsilon must be a number; got 'small'"),
        ('{"epsilon": true}', r"keras\.json: epsilon must be a number; got True"),
        ('{"backend": 3}', r'keras\.json: backend must be a name such as "jax"; got 3'),
        ('{"backend": ["jax"]}', r'keras\.json: backend must be a name such as "jax"'),
        ('{"floatx": ["float32"]}', r"keras\.json: floatx must be one of"),
    ],
)
def test_a_broken_file_says_where(fresh, text, message):
    write(fresh, text)
    with pytest.raises(ValueError, match=message):
        registry.choose_default()
    with pytest.raises(ValueError, match=message):
        config.floatx()


def test_an_unreadable_file_says_so(fresh):
    (fresh / "keras.json").mkdir()
    with pytest.raises(ValueError, match=r"Can't read .*keras\.json: .*Mend or delete the file\."):
        config.floatx()
    (fresh / "keras.json").rmdir()
    (fresh / "keras.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"Can't read .*keras\.json"):
        config.floatx()


def test_a_file_may_hold_more(fresh):
    write(fresh, {"nnx_enabled": False, "floatx": "float64"})
    assert config.floatx() == "float64"


def test_an_unknown_backend_says_who_asked_for_it(fresh, monkeypatch):
    write(fresh, {"backend": "zzz"})
    with pytest.raises(
        ValueError, match=r"keras\.json: Unknown backend 'zzz'\. Known backends: jax, torch, tensorflow"
    ):
        config.backend()
    monkeypatch.setenv("KERAS_BACKEND", "pytorch")
    with pytest.raises(ValueError, match="KERAS_BACKEND: Unknown backend 'pytorch'. Did you mean 'torch'"):
        config.backend()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: keras.config.set_floatx("float8"),
            "floatx must be one of float16, bfloat16, float32, float64; got 'float8'",
        ),
        (lambda: keras.config.set_image_data_format("first"), "image_data_format must be one of channels_last"),
        (lambda: keras.config.set_epsilon("tiny"), "epsilon must be a number; got 'tiny'"),
        (lambda: keras.config.set_backend("jaxx"), "Unknown backend 'jaxx'. Did you mean 'jax'"),
        (
            lambda: keras.config.standardize_data_format("first"),
            r"one of \{'channels_first', 'channels_last'\}.*=first",
        ),
    ],
)
def test_wrong_values_change_nothing(fresh, call, message):
    keras.config.set_backend("numpy")
    with pytest.raises(ValueError, match=message):
        call()
    assert (config.backend(), config.floatx(), config.epsilon()) == ("numpy", "float32", 1e-7)


def test_standardize_data_format(fresh):
    assert keras.config.standardize_data_format(None) == "channels_last"
    assert keras.config.standardize_data_format("Channels_First") == "channels_first"
    keras.config.set_image_data_format("channels_first")
    assert keras.config.standardize_data_format(None) == "channels_first"
    assert keras.layers.Flatten().data_format == "channels_first"


def test_floatx_is_the_dtype_of_what_has_none(fresh):
    with keras.use_backend("numpy"):
        keras.config.set_floatx("float16")
        assert keras.Variable([1.0]).dtype == "float16"
        assert keras.layers.Dense(1).compute_dtype == "float16"
        assert keras.Input((2,)).dtype == "float16"
        assert str(keras.ops.zeros((1,)).dtype) == "float16"


def test_use_backend_nests_and_is_left_after_errors(fresh):
    keras.config.set_backend("numpy")
    with keras.use_backend("torch"):
        with keras.use_backend("tensorflow"):
            assert keras.config.backend() == keras.backend.backend() == "tensorflow"
        assert keras.config.backend() == "torch"
        with pytest.raises(KeyError), keras.use_backend("jax"):
            raise KeyError
        assert keras.config.backend() == "torch"
        keras.config.set_backend("jax")
        assert keras.config.backend() == "torch"  # the scope goes before the default
    assert keras.config.backend() == "jax"


@pytest.mark.slow
def test_import_and_work_write_nothing_and_run_on_what_the_environment_names(tmp_path):
    code = (
        "import triceras as keras, numpy as np\n"
        "m = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]); m.predict(np.ones((1, 2)), verbose=0)\n"
        "print(keras.config.backend(), keras.config.epsilon(), m.backend.name)"
    )
    write(tmp_path, {"backend": "torch", "epsilon": 0.5})
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "KERAS_HOME": str(tmp_path), "PYTHONPATH": ROOT}
    env |= {"KERAS_BACKEND": "numpy", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["numpy", "0.5", "numpy"], done.stderr
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_every_builtin_backend_says_how_to_get_it():
    assert all(info.requirement.startswith("triceras") for info in BUILTIN.values())
