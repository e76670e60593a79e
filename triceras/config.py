"""Settings, under Keras's names: backend, dtypes, epsilon, image layout, random numbers, logging, limits."""

from __future__ import annotations

import os

from triceras.core import config as _core
from triceras.core.config import (
    backend,
    epsilon,
    floatx,
    image_data_format,
    rng,
    set_backend,
    set_epsilon,
    set_floatx,
    set_image_data_format,
    set_rng,
    standardize_data_format,
)
from triceras.dtype_policies import dtype_policy, set_dtype_policy
from triceras.utils.io_utils import (
    disable_interactive_logging,
    enable_interactive_logging,
    is_interactive_logging_enabled,
)

__all__ = [
    "backend",
    "disable_flash_attention",
    "disable_interactive_logging",
    "disable_traceback_filtering",
    "dtype_policy",
    "enable_flash_attention",
    "enable_interactive_logging",
    "enable_traceback_filtering",
    "enable_unsafe_deserialization",
    "epsilon",
    "floatx",
    "image_data_format",
    "is_flash_attention_enabled",
    "is_interactive_logging_enabled",
    "is_nnx_enabled",
    "is_traceback_filtering_enabled",
    "max_epochs",
    "max_steps_per_epoch",
    "rng",
    "set_backend",
    "set_dtype_policy",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_max_epochs",
    "set_max_steps_per_epoch",
    "set_rng",
    "standardize_data_format",
]


def enable_flash_attention() -> None:
    """Let attention use fused kernels where a backend has them (the default)."""
    _core.flags["flash_attention"] = True


def disable_flash_attention() -> None:
    """Compute attention with plain matrix products."""
    _core.flags["flash_attention"] = False


def is_flash_attention_enabled() -> bool:
    """Whether attention may use fused kernels."""
    return _core.flags["flash_attention"]


def enable_traceback_filtering() -> None:
    """Leave Triceras's own frames out of tracebacks."""
    _core.flags["traceback_filtering"] = True


def disable_traceback_filtering() -> None:
    """Show all frames of tracebacks (the default: our frames are few)."""
    _core.flags["traceback_filtering"] = False


def is_traceback_filtering_enabled() -> bool:
    """Whether Triceras's own frames are left out of tracebacks."""
    return _core.flags["traceback_filtering"]


def enable_unsafe_deserialization() -> None:
    """Refused: there is no process-wide switch, since a model file or a library could flip it.

    Raises:
        RuntimeError: always; the message says what to do instead.
    """
    raise RuntimeError(
        "Triceras has no process-wide switch for unsafe loading. Pass `safe_mode=False` to the one call that loads a "
        "file you trust, or register the functions that the model needs with `saving.register_keras_serializable`."
    )


def is_nnx_enabled() -> bool:
    """Whether layers are Flax NNX modules: never."""
    return False


def _limit(name: str, variable: str) -> int | None:
    if name in _core.flags:
        return _core.flags[name]
    value = os.environ.get(variable)
    return int(value) if value else None


def max_epochs() -> int | None:
    """The most epochs that any `fit` runs: what was set, else `KERAS_MAX_EPOCHS`; None is no limit."""
    return _limit("max_epochs", "KERAS_MAX_EPOCHS")


def set_max_epochs(max_epochs: int | None) -> None:
    """Limit the epochs of every `fit`, for trying a script out quickly."""
    _core.flags["max_epochs"] = max_epochs


def max_steps_per_epoch() -> int | None:
    """The most steps of any epoch: what was set, else `KERAS_MAX_STEPS_PER_EPOCH`; None is no limit."""
    return _limit("max_steps_per_epoch", "KERAS_MAX_STEPS_PER_EPOCH")


def set_max_steps_per_epoch(max_steps_per_epoch: int | None) -> None:
    """Limit the steps of every epoch, for trying a script out quickly."""
    _core.flags["max_steps_per_epoch"] = max_steps_per_epoch
