"""`keras.backend`: what is left of it in Keras 3."""

from __future__ import annotations

from triceras.core.config import (
    backend,
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)
from triceras.core.dtypes import is_float as is_float_dtype
from triceras.core.dtypes import is_int as is_int_dtype
from triceras.core.dtypes import result_type, standardize_dtype
from triceras.core.graph import is_keras_tensor
from triceras.core.naming import get_uid
from triceras.utils.session import clear_session

__all__ = [
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "get_uid",
    "image_data_format",
    "is_float_dtype",
    "is_int_dtype",
    "is_keras_tensor",
    "result_type",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "standardize_dtype",
]
