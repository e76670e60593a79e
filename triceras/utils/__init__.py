"""Helpers: seeds, data sets, progress bars, NumPy data, logging."""

from triceras.core.dtypes import standardize_dtype
from triceras.core.graph import is_keras_tensor
from triceras.core.seeds import set_random_seed
from triceras.saving import (
    CustomObjectScope,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize_keras_object,
)
from triceras.utils.arrays import normalize, pad_sequences, to_categorical
from triceras.utils.data import PyDataset, Sequence, pack_x_y_sample_weight, unpack_x_y_sample_weight
from triceras.utils.io_utils import (
    disable_interactive_logging,
    enable_interactive_logging,
    is_interactive_logging_enabled,
)
from triceras.utils.progbar import Progbar
from triceras.utils.session import clear_session

__all__ = [
    "CustomObjectScope",
    "Progbar",
    "PyDataset",
    "Sequence",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "disable_interactive_logging",
    "enable_interactive_logging",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "is_interactive_logging_enabled",
    "is_keras_tensor",
    "normalize",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "register_keras_serializable",
    "serialize_keras_object",
    "set_random_seed",
    "standardize_dtype",
    "to_categorical",
    "unpack_x_y_sample_weight",
]
