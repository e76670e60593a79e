"""Python lambdas in configs, as Keras writes them: marshalled bytecode. Loaded only if `safe_mode=False` is given."""

from __future__ import annotations

import base64
import types
import warnings
from collections.abc import Callable
from typing import Any

from triceras.saving.errors import ConfigInvalid, UnsafeContent


def is_lambda(obj: Any) -> bool:
    """Whether `obj` is a Python lambda."""
    return isinstance(obj, types.FunctionType) and obj.__name__ == "<lambda>"


def encode(function: types.FunctionType) -> dict[str, Any]:
    """The bytecode, defaults and closure of a lambda, as JSON data.

    Writing it runs nothing. It warns, since only the same Python version can read it, and only with `safe_mode=False`.
    """
    import marshal

    warnings.warn(
        "The object being saved includes a `lambda`, which is stored as bytecode: loading it needs `safe_mode=False` "
        "and the same Python version. Use a named function with `@keras.saving.register_keras_serializable()` instead.",
        stacklevel=4,
    )
    code = base64.encodebytes(marshal.dumps(function.__code__)).decode("ascii")
    closure = [cell.cell_contents for cell in function.__closure__] if function.__closure__ else None
    return {"code": code, "defaults": function.__defaults__, "closure": closure}


def decode(config: Any, safe: bool) -> Callable:
    """The lambda of a config.

    Raises:
        UnsafeContent: `safe` is true.
        ConfigInvalid: the bytecode can't be read by this Python.
    """
    if safe:
        raise UnsafeContent(
            "Requested the deserialization of a Python lambda. This carries a potential risk of arbitrary code "
            "execution and thus it is disallowed by default.",
            hint="If you trust the source of the file, pass `safe_mode=False` to the loading function.",
        )
    import marshal

    try:
        code, defaults, closure = _parts(config)
        function_code = marshal.loads(base64.b64decode(code))
        cells = tuple(types.CellType(value) for value in closure) if closure else None
        scope = {"__builtins__": __builtins__} | _usual_names()
        return types.FunctionType(function_code, scope, "<lambda>", tuple(defaults) if defaults else None, cells)
    except Exception as error:
        raise ConfigInvalid(
            "The bytecode of a Python lambda can't be read; it may come from another Python version.",
            got=f"{type(error).__name__}: {error}",
            hint="Save the model again with a named, registered function.",
        ) from error


def _parts(config: Any) -> tuple[str, Any, Any]:
    if "value" in config:  # outside Lambda layers
        code, defaults, closure = config["value"]
        return code, defaults, closure
    return config["code"], config.get("defaults"), config.get("closure")


def _usual_names() -> dict[str, Any]:
    """The globals that a lambda of a Keras script usually reads."""
    import numpy

    import triceras
    from triceras import ops

    return {"keras": triceras, "triceras": triceras, "ops": ops, "np": numpy, "numpy": numpy}
