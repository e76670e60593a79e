"""Quantizers and how to quantize: `layer.quantize(config=quantizers.Int8QuantizationConfig(…))`."""

from __future__ import annotations

from typing import Any

from triceras.quantization.configs import (
    AWQConfig,
    Float8QuantizationConfig,
    GPTQConfig,
    Int4QuantizationConfig,
    Int8QuantizationConfig,
    QuantizationConfig,
)
from triceras.quantization.functions import (
    abs_max_quantize,
    abs_max_quantize_grouped_with_zero_point,
    compute_float8_amax_history,
    compute_float8_scale,
    fake_quant_with_min_max_vars,
    pack_int4,
    quantize_and_dequantize,
    unpack_int4,
)
from triceras.quantization.quantizers import AbsMaxQuantizer, Quantizer

__all__ = [
    "AWQConfig",
    "AbsMaxQuantizer",
    "Float8QuantizationConfig",
    "GPTQConfig",
    "Int4QuantizationConfig",
    "Int8QuantizationConfig",
    "QuantizationConfig",
    "Quantizer",
    "abs_max_quantize",
    "abs_max_quantize_grouped_with_zero_point",
    "compute_float8_amax_history",
    "compute_float8_scale",
    "deserialize",
    "fake_quant_with_min_max_vars",
    "get",
    "pack_int4",
    "quantize_and_dequantize",
    "serialize",
    "unpack_int4",
]


def serialize(initializer: Quantizer) -> dict[str, Any]:
    """The config of a quantizer, with its class."""
    from triceras.saving.serialization import serialize_keras_object

    return serialize_keras_object(initializer)


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
    """A quantizer from what `serialize` gave.

    Args:
        config: with class and config.
        custom_objects: dict from names to classes of your own.
    """
    from triceras.saving.serialization import deserialize_keras_object

    return deserialize_keras_object(config, custom_objects=custom_objects)


def get(identifier: Any, **kwargs: Any) -> Any:
    """A quantizer from a quantizer, its name or its config; None stays None.

    Args:
        identifier: such as `"abs_max_quantizer"`.
        **kwargs: arguments, where it is a name.

    Raises:
        ValueError: none of these.

    Example:
        >>> from triceras import quantizers
        >>> quantizers.get("abs_max_quantizer", axis=0).axis
        (0,)
    """
    if identifier is None or isinstance(identifier, Quantizer):
        return identifier
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if identifier in ("abs_max_quantizer", "AbsMaxQuantizer"):
        return AbsMaxQuantizer(**kwargs)
    if callable(identifier):
        return identifier
    raise ValueError(f"Could not interpret quantizer identifier: {identifier}")
