"""Settings: backend, floatx, epsilon, image data format. Environment over `keras.json` over defaults.

`keras.json` is read when a setting is first asked for; nothing is ever written.
"""

from __future__ import annotations

import functools
import json
import os
import pathlib
from typing import Any

DATA_FORMATS = ("channels_last", "channels_first")
FLOATX = ("float16", "bfloat16", "float32", "float64")
RNGS = ("native", "portable")


def keras_home() -> pathlib.Path:
    """The folder of `keras.json` and of caches: `$KERAS_HOME`, else `~/.keras`. It need not exist."""
    return pathlib.Path(os.environ.get("KERAS_HOME") or pathlib.Path.home() / ".keras").expanduser()


def _checked(name: str, value: Any, where: str) -> Any:
    allowed = {"floatx": FLOATX, "image_data_format": DATA_FORMATS, "rng": RNGS}.get(name)
    if allowed and value not in allowed:
        raise ValueError(f"{where}: {name} must be one of {', '.join(allowed)}; got {value!r}.")
    if name == "epsilon" and (isinstance(value, bool) or not isinstance(value, (int, float))):
        raise ValueError(f"{where}: epsilon must be a number; got {value!r}.")
    if name == "backend" and not isinstance(value, str):
        raise ValueError(f'{where}: backend must be a name such as "jax"; got {value!r}.')
    return value


def read_keras_json() -> dict[str, Any]:
    """The settings in `keras.json`, checked; an empty dict where there is no file.

    Raises:
        ValueError: the file can't be read, isn't JSON (says the line) or holds a wrong value.
    """
    path = keras_home() / "keras.json"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"Can't read {path}: {error}. Mend or delete the file.") from error
    try:
        settings = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{path}, line {error.lineno}, column {error.colno}: {error.msg}. Mend or delete the file."
        ) from error
    if not isinstance(settings, dict):
        raise ValueError(f'{path}: expected a JSON object such as {{"backend": "jax"}}; got {text.strip()[:40]!r}.')
    return {name: _checked(name, value, str(path)) for name, value in settings.items()}


class _Settings:
    """The process-wide values; a value that nobody set comes from `keras.json`, else from the default."""

    DEFAULTS = {"floatx": "float32", "epsilon": 1e-7, "image_data_format": "channels_last", "rng": "native"}

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def get(self, name: str) -> Any:
        try:
            return self.values[name]
        except KeyError:
            value = self._file().get(name, self.DEFAULTS.get(name))
            return self.values.setdefault(name, value)

    @functools.cached_property
    def _file_settings(self) -> dict[str, Any]:
        return read_keras_json()

    def _file(self) -> dict[str, Any]:
        return self._file_settings

    def set(self, name: str, value: Any) -> None:
        self.values[name] = _checked(name, value, f"set_{name}")


_settings = _Settings()


def floatx() -> str:
    """The default floating-point dtype, `"float32"` at first."""
    return _settings.get("floatx")


def set_floatx(value: str) -> None:
    """Set the default floating-point dtype: float16, bfloat16, float32 or float64.

    Raises:
        ValueError: another value.
    """
    _settings.set("floatx", str(value))


def epsilon() -> float:
    """The small number that guards divisions and logarithms, `1e-7` at first."""
    return _settings.get("epsilon")


def set_epsilon(value: float) -> None:
    """Set the small number that `epsilon()` returns."""
    _settings.set("epsilon", value)


def image_data_format() -> str:
    """Where images have their channels by default: `"channels_last"` or `"channels_first"`."""
    return _settings.get("image_data_format")


def set_image_data_format(data_format: str) -> None:
    """Set the default place of an image's channels.

    Raises:
        ValueError: neither `"channels_last"` nor `"channels_first"`.
    """
    _settings.set("image_data_format", str(data_format))


def rng() -> str:
    """How numbers are drawn inside the graph: `"native"` (the default) or `"portable"`; see `set_rng`."""
    return _settings.get("rng")


def set_rng(value: str) -> None:
    """Choose the generator of in-graph randomness: dropout and `triceras.random`.

    Args:
        value: `"native"` lets each backend use its fast generator, so that a seed gives the same numbers on the same
            backend; `"portable"` uses Threefry-2x32 everywhere, so that a seed gives the same numbers on all of them
            (JAX's own generator; elsewhere slower: in eager torch some 90 times as slow as torch's).

    Raises:
        ValueError: another value.
    """
    _settings.set("rng", str(value))


def standardize_data_format(data_format: str | None) -> str:
    """A data format in lower case; None means the default.

    Raises:
        ValueError: neither `"channels_last"` nor `"channels_first"`.
    """
    if data_format is None:
        return image_data_format()
    name = str(data_format).lower()
    if name not in DATA_FORMATS:
        raise ValueError(
            "The `data_format` argument must be one of {'channels_first', 'channels_last'}. Received: "
            f"data_format={data_format}"
        )
    return name


def backend() -> str:
    """The name of the current backend.

    The innermost `with use_backend(name):` of this thread, else what `set_backend` set, else `KERAS_BACKEND`, else
    `keras.json`, else the first installed of jax, torch, tensorflow, numpy.
    """
    from triceras.core import registry

    return registry.current_name()


def set_backend(backend: str) -> None:
    """Make a backend the process's default, from this line on.

    What exists stays where it is: models, variables and tensors keep their backend and go on working.

    Args:
        backend: a name such as `"jax"`, `"torch"`, `"tensorflow"`, `"numpy"` or a plug-in's.

    Raises:
        ValueError: no backend has this name (the message lists the names).
        ImportError: its framework isn't installed (the message has the pip command).
    """
    from triceras.core import registry

    registry.set_default(backend)


flags = {"flash_attention": True, "traceback_filtering": False}
