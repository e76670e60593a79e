"""Files: saving and loading of models and weights, and the registry of custom objects. See `docs/how_it_works.md`."""

from triceras.saving.errors import (
    ConfigInvalid,
    CorruptFile,
    ModelFileError,
    NotAModelFile,
    ResourceLimit,
    UnknownObject,
    UnsafeContent,
    WeightsMismatch,
)
from triceras.saving.model_file import load_model, load_weights, save_model, save_weights
from triceras.saving.registry import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from triceras.saving.serialization import deserialize_keras_object, serialize_keras_object

__all__ = [
    "ConfigInvalid",
    "CorruptFile",
    "CustomObjectScope",
    "ModelFileError",
    "NotAModelFile",
    "ResourceLimit",
    "UnknownObject",
    "UnsafeContent",
    "WeightsMismatch",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "load_model",
    "load_weights",
    "register_keras_serializable",
    "save_model",
    "save_weights",
    "serialize_keras_object",
]
