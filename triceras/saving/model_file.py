"""Whole models: `.keras` files and folders, and the weights files. Written whole or not at all; read fail-closed."""

from __future__ import annotations

import contextlib
import datetime
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from triceras.saving import archive, h5, legacy, limits, serialization, shards, text, weights
from triceras.saving.errors import ConfigInvalid, ModelFileError, NotAModelFile, WeightsMismatch

H5_ENDINGS = (".h5", ".hdf5")
WEIGHTS_ENDING = ".weights.h5"


# --- saving ---------------------------------------------------------------------------------------------------------
def save_model(model: Any, filepath: Any, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any) -> None:
    """Save a model with its configuration, weights, seeds and, if it is compiled, losses, metrics and optimizer.

    The file holds nothing that depends on the backend. It is written beside its place and renamed: a failed save leaves
    what was there.

    Args:
        model: a model of any backend.
        filepath: ends in `.keras`, or in `.h5` for Keras 2's format; a folder with `zipped=False`.
        overwrite: whether a file that is there may be replaced.
        zipped: True: a zip file; False: a folder; None: by the ending.

    Raises:
        ValueError: another ending, or unknown arguments.
        FileExistsError: the file is there and `overwrite` is False.

    Example:
        >>> import os, tempfile, triceras
        >>> model = triceras.Sequential([triceras.Input((2,)), triceras.layers.Dense(1)])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.save(os.path.join(folder, "model.keras"))
        ...     loaded = triceras.saving.load_model(os.path.join(folder, "model.keras"))
        >>> [bool((a == b).all()) for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True)]
        [True, True]
    """
    path = Path(os.fspath(filepath))
    is_h5 = path.suffix in H5_ENDINGS
    include_optimizer = kwargs.pop("include_optimizer", True) if is_h5 else True
    if kwargs:
        raise ValueError(f"The following argument(s) are not supported: {list(kwargs)}")
    _check_model_path(path, zipped, is_h5)
    _check_overwrite(path, overwrite)
    if is_h5:
        archive.replace_file(path, lambda temporary: legacy.save_model(model, temporary, include_optimizer))
        return
    parts = _parts(model)
    if path.suffix == ".keras":
        archive.replace_file(
            path, lambda temporary: archive.write_zip(temporary, parts, lambda file: _write_weights(model, file))
        )
    else:
        archive.replace_folder(
            path, lambda folder: archive.write_folder(folder, parts, lambda file: _write_weights(model, file))
        )


def _check_model_path(path: Path, zipped: bool | None, is_h5: bool) -> None:
    if zipped is False:
        if path.suffix == ".keras":
            raise ValueError(
                "When using `zipped=False`, the `filepath` argument should not end in `.keras`. "
                f"Received: filepath={path}"
            )
    elif path.suffix != ".keras" and not is_h5 or zipped and is_h5:
        raise ValueError(
            "Invalid filepath extension for saving. Please add either a `.keras` extension for the native Keras format "
            "(recommended) or a `.h5` extension. Use `model.export(filepath)` if you want to export a SavedModel for "
            f"use with TFLite/TFServing/etc. Received: filepath={path}."
        )


def _check_overwrite(path: Path, overwrite: bool) -> None:
    if not overwrite and path.exists():
        raise FileExistsError(f"{path} exists. Choose another name, or pass overwrite=True to replace it.")


def _parts(model: Any) -> dict[str, bytes]:
    from triceras import __version__

    with serialization.object_sharing():
        config = serialization.serialize_keras_object(model)
    now = datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S")
    metadata = {"keras_version": archive.KERAS_VERSION, "date_saved": now, "triceras_version": __version__}
    return {archive.METADATA: text.dump(metadata), archive.CONFIG: text.dump(config)}


def _write_weights(model: Any, path: Path) -> None:
    with h5.writing(path) as file:
        weights.save(model, file)


def save_weights(
    model: Any, filepath: Any, overwrite: bool = True, max_shard_size: float | None = None, **kwargs: Any
) -> None:
    """Save a model's values alone.

    Args:
        model: a built model.
        filepath: ends in `.weights.h5`; with `max_shard_size`, in `.weights.json`.
        overwrite: whether a file that is there may be replaced.
        max_shard_size: in GiB; the values are spread over files of at most this size.

    Raises:
        ValueError: another ending.
        FileExistsError: the file is there and `overwrite` is False.
    """
    path = Path(os.fspath(filepath))
    ending = WEIGHTS_ENDING if max_shard_size is None else shards.ENDING
    if not path.name.endswith(ending):
        raise ValueError(f"The filename must end in `{ending}`. Received: filepath={filepath}")
    _check_overwrite(path, overwrite)
    if max_shard_size is not None:
        shards.save(path, max_shard_size, lambda writer: weights.save(model, writer))
    else:
        archive.replace_file(path, lambda temporary: _write_weights(model, temporary))


# --- loading --------------------------------------------------------------------------------------------------------
def load_model(
    filepath: Any, custom_objects: dict[str, Any] | None = None, compile: bool = True, safe_mode: bool | None = True
) -> Any:
    """Load a model onto the current backend, whatever backend and whether Keras or Triceras wrote it.

    Nothing that a file says makes code run, a module be imported, or another file be read.

    Args:
        filepath: a `.keras` file, a folder saved with `zipped=False`, or a `.h5` file.
        custom_objects: name → class or function that the file may name, besides the registered ones.
        compile: whether it is compiled as it was.
        safe_mode: False trusts the file: lambdas that it contains can run, and it may ask for any amount of memory.

    Returns:
        The model.

    Raises:
        ModelFileError: the file is missing, of another kind, damaged, hostile, or names unknown objects.

    Example:
        >>> import triceras
        >>> try:
        ...     triceras.saving.load_model("missing.keras")
        ... except triceras.saving.ModelFileError as error:
        ...     print(error.problem)
        File not found: filepath=missing.keras.
    """
    path = Path(os.fspath(filepath))
    with _rejections(path), serialization.safe_mode_scope(safe_mode):
        if path.suffix in H5_ENDINGS:
            with archive.open_file(path) as stream:
                return legacy.load_model(stream, custom_objects, compile, _build)
        if path.suffix != ".keras" and not path.is_dir():
            raise NotAModelFile(
                f"File format not supported: filepath={path}. Keras 3 only supports V3 `.keras` files, legacy H5 "
                "format files (`.h5` extension), and folders saved with `zipped=False`.",
                hint="Load a TensorFlow SavedModel with TensorFlow.",
            )
        with archive.reading(path) as parts:
            return _load_parts(parts, custom_objects, compile)


@contextlib.contextmanager
def _rejections(path: Path) -> Iterator[None]:
    """Name the file in every `ModelFileError`."""
    try:
        yield
    except ModelFileError as error:
        error.locate(file=path)
        raise


def _load_parts(parts: Any, custom_objects: dict[str, Any] | None, compile: bool) -> Any:
    config = text.parse(parts.read(archive.CONFIG, limits.CONFIG_BYTES), member=archive.CONFIG)
    stored = parts.size(archive.WEIGHTS)
    foreign = not _is_ours(parts)
    try:
        model = _build(config, custom_objects, compile, stored, foreign)
    except ModelFileError as error:
        text.locate(error, config).locate(member=archive.CONFIG)
        raise
    try:
        with parts.open(archive.WEIGHTS, limits.budget_for(stored)) as stream, h5.reading(stream) as root:
            weights.load(model, weights.find_in(root))
    except ModelFileError as error:
        error.locate(member=archive.WEIGHTS)
        raise
    return model


def _is_ours(parts: Any) -> bool:
    if archive.METADATA not in parts:
        return False
    metadata = text.parse(parts.read(archive.METADATA, limits.CONFIG_BYTES), member=archive.METADATA)
    return isinstance(metadata, dict) and "triceras_version" in metadata


def _build(config: Any, custom_objects: dict[str, Any] | None, compile: bool, stored: int, foreign: bool) -> Any:
    """The model that a config describes, with memory for weights within the budget; then compiled."""
    from triceras.models import Model

    if not isinstance(config, dict):
        raise ConfigInvalid("The config must be a JSON object.", expected="dict", got=type(config).__name__)
    compile_config = config.get("compile_config")
    config = {key: value for key, value in config.items() if key != "compile_config"}
    safe = serialization.in_safe_mode()
    with limits.variable_budget(limits.budget_for(stored) if safe else None), serialization.object_sharing():
        model = serialization.deserialize_keras_object(config, custom_objects=custom_objects)
    if not isinstance(model, Model):
        raise ConfigInvalid("The file doesn't hold a model.", expected="a model", got=type(model).__name__)
    if compile and compile_config:
        _compile(model, compile_config, custom_objects, foreign)
    return model


def _compile(model: Any, config: Any, custom_objects: dict[str, Any] | None, foreign: bool) -> None:
    from triceras.saving.registry import CustomObjectScope

    if not isinstance(config, dict):
        raise ConfigInvalid("The compile_config must be a JSON object.", expected="dict", got=type(config).__name__)
    if foreign and "jit_compile" in config:
        config = config | {"jit_compile": "auto"}  # Keras stores what its backend made of it
    size = sum(_nbytes(v) for v in model.variables)
    budget = limits.budget_for(limits.OPTIMIZER_SLOTS * size) if serialization.in_safe_mode() else None
    with limits.variable_budget(budget), CustomObjectScope(custom_objects):
        serialization.guarded("compile_config", model.compile_from_config, config)


def _nbytes(variable: Any) -> int:
    from triceras.core import dtypes

    size = dtypes.itemsize(variable.dtype)
    for d in variable.shape:
        size *= d
    return size


def load_weights(model: Any, filepath: Any, skip_mismatch: bool = False, **kwargs: Any) -> None:
    """Set a model's values from a file.

    Args:
        model: a built model.
        filepath: `.weights.h5`, `.weights.json`, `.keras`, or a `.h5` file of Keras 2.
        skip_mismatch: whether objects whose values don't fit keep what they have, with a warning.
        **kwargs: `by_name`, `objects_to_skip`: see Keras.

    Raises:
        ModelFileError: the file is missing, of another kind, damaged or hostile, or doesn't fit.
    """
    path = Path(os.fspath(filepath))
    by_name = bool(kwargs.pop("by_name", False))
    if kwargs:
        raise ValueError(f"Invalid keyword arguments: {kwargs}")
    if not getattr(model, "built", True):
        raise WeightsMismatch(
            "You are loading weights into a model that has not yet been built. Try building the model first by calling "
            "it on some data or by using `build()`."
        )
    with _rejections(path):
        _load_weights(model, path, skip_mismatch, by_name)


def _load_weights(model: Any, path: Path, skip_mismatch: bool, by_name: bool) -> None:
    is_legacy = path.suffix in H5_ENDINGS and not path.name.endswith(WEIGHTS_ENDING)
    if by_name and not is_legacy:
        raise ValueError(
            f"Invalid keyword arguments: {{'by_name': True}}: only for legacy `.h5` files. Received: {path}"
        )
    if path.name.endswith(shards.ENDING):
        with shards.reading(path) as find:
            weights.load(model, find, skip_mismatch)
    elif is_legacy:
        with archive.open_file(path) as stream, h5.reading(stream) as root:
            legacy.load_weights(model, root, skip_mismatch, by_name)
    elif path.name.endswith(WEIGHTS_ENDING) or path.suffix == ".keras" or path.is_dir():
        with _open_weights(path) as root:
            weights.load(model, weights.find_in(root), skip_mismatch)
    else:
        raise NotAModelFile(
            f"File format not supported: filepath={path}.",
            expected=".weights.h5, .weights.json, .keras or .h5",
            got=path.suffix,
        )


@contextlib.contextmanager
def _open_weights(path: Path) -> Iterator[h5.Group]:
    with contextlib.ExitStack() as stack:
        if path.suffix == ".h5":
            stream = stack.enter_context(archive.open_file(path))
        else:
            parts = stack.enter_context(archive.reading(path))
            cap = limits.budget_for(parts.size(archive.WEIGHTS))
            stream = stack.enter_context(parts.open(archive.WEIGHTS, cap))
        yield stack.enter_context(h5.reading(stream))
