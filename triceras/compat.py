"""`import keras` means Triceras: for scripts and packages that were written for Keras."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import re
import sys
import types
import warnings
from collections.abc import Iterator
from typing import Any

__all__ = ["install_as_keras"]

# The public tree, also under the names by which TensorFlow's `tf.keras` and older packages reach it.
PUBLIC = re.compile(r"keras(\._tf_keras(\.keras)?|\.api(\._v[12](\.keras)?)?)?(?=\.|$)")
PRIVATE = "keras.src"
# Where else names of a private part are looked for, and what they are called here.
ELSEWHERE = {
    "backend": ("triceras.ops", "triceras.core.config", "triceras.core.state"),
    "ops": ("triceras.core.graph",),
    "random": ("triceras.core.seeds",),
    "trainers": ("triceras.training.trainer", "triceras.utils"),
    "utils": ("triceras.core.naming",),
}
RENAMED = {"BaseOptimizer": "Optimizer", "KerasVariable": "Variable", "draw_seed": "draw_key"}


def install_as_keras() -> None:
    """Make `import keras`, its submodules and what we have of `keras.src` resolve to Triceras in this process.

    Call it before anything imports Keras. Names of `keras.src`, which public packages do import, are looked for in
    the public modules along their path: `from keras.src.layers.core.dense import Dense` finds `triceras.layers.Dense`.
    A second call does nothing. It holds for the whole process and can't be undone.

    Example:
    >>> import triceras
    >>> triceras.install_as_keras()  # doctest: +SKIP
    >>> from keras import layers  # doctest: +SKIP
    """
    if any(isinstance(finder, _Finder) for finder in sys.meta_path):
        return
    real = [name for name in sys.modules if name.partition(".")[0] == "keras"]
    for name in real:
        del sys.modules[name]
    sys.meta_path.insert(0, _Finder())
    if real:
        warnings.warn(
            "Keras itself was imported before install_as_keras(): modules that already hold it keep it. "
            "Call install_as_keras() first.",
            RuntimeWarning,
            stacklevel=2,
        )


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds `keras` and everything below it among our modules."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if name.partition(".")[0] != "keras" or _counterpart(name) is None:
            return None
        return importlib.util.spec_from_loader(name, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType | None:
        module = _counterpart(spec.name)
        spec.loader_state = getattr(module, "__spec__", None)
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        # The import system has just put the alias's spec onto our module: put its own back.
        own = module.__spec__.loader_state
        if own is not None:
            module.__spec__ = own


class _PrivateModule(types.ModuleType):
    """A module of Keras's private tree: its names come from the public modules nearest to its path."""

    __path__: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__version__":
            raise AttributeError(name)
        ours = RENAMED.get(name, name)
        for place in _places(self.__name__.removeprefix(PRIVATE).strip(".")):
            found = getattr(place, ours, self)
            if isinstance(found, types.ModuleType) and found is not self:
                return importlib.import_module(f"{self.__name__}.{name}")
            if found is not self:
                return found
        raise AttributeError(f"Triceras has no counterpart of {self.__name__}.{name}")


def _counterpart(name: str) -> types.ModuleType | None:
    """Our module for one of Keras's, or None."""
    if name == PRIVATE or name.startswith(PRIVATE + "."):
        part = name.removeprefix(PRIVATE).split(".")[1:2]
        exists = not part or part[0] in ELSEWHERE or _ours(part[0])
        return _PrivateModule(name, f"Names of {name}, found in Triceras's public modules.") if exists else None
    return _ours(PUBLIC.sub("", name, count=1).strip("."))


def _places(path: str) -> Iterator[types.ModuleType]:
    """Our modules along a path, the deepest first, then the places that hold the rest, then the package itself."""
    parts = path.split(".")
    candidates = [".".join(parts[:n]) for n in range(len(parts), 0, -1)]
    yield from (module for name in candidates if (module := _ours(name)))
    yield from (importlib.import_module(name) for name in ELSEWHERE.get(parts[0], ()))
    yield importlib.import_module("triceras")


def _ours(path: str) -> types.ModuleType | None:
    """`triceras.<path>`, or None where there is no such module."""
    name = f"triceras.{path}".rstrip(".")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # Only our own gap is "not there"; anything else that is missing is the user's to know.
        if error.name is not None and (name == error.name or name.startswith(error.name + ".")):
            return None
        raise
