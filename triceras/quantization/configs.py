"""How to quantize: a mode with its options, given to `quantize(config=…)` or to a layer as `quantization_config`."""

from __future__ import annotations

from typing import Any

from triceras.quantization.quantizers import AbsMaxQuantizer, Quantizer


class QuantizationConfig:
    """Base class. Its subclasses have a `mode`.

    Args:
        weight_quantizer: for the weights; the layer's own way by default.
        activation_quantizer: for the inputs; None leaves them as floats.
    """

    def __init__(self, weight_quantizer: Any = None, activation_quantizer: Any = None):
        self.weight_quantizer, self.activation_quantizer = (
            _quantizer(weight_quantizer),
            _quantizer(activation_quantizer),
        )

    @property
    def mode(self) -> str:
        """The mode that it is for."""
        raise NotImplementedError(
            "Subclasses must implement this property. Do not instantiate QuantizationConfig directly."
        )

    def get_config(self) -> dict[str, Any]:
        """What `from_config` needs."""
        from triceras.saving.serialization import serialize_keras_object

        names = ("weight_quantizer", "activation_quantizer")
        return {name: serialize_keras_object(getattr(self, name)) for name in names}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> QuantizationConfig:
        """Make it from its config."""
        return cls(**config)

    @staticmethod
    def weight_quantizer_or_default(config: Any, default: Any) -> Any:
        """The quantizer of a config for weights, or a default where there is no config or it has none."""
        return default if config is None or config.weight_quantizer is None else config.weight_quantizer

    @staticmethod
    def activation_quantizer_or_default(config: Any, default: Any) -> Any:
        """The quantizer of a config for inputs, which may be None; a default where there is no config."""
        return default if config is None else config.activation_quantizer


class Int8QuantizationConfig(QuantizationConfig):
    """Weights as int8, and inputs, too, unless told otherwise.

    Args:
        weight_quantizer: an `AbsMaxQuantizer` over what is summed up by default.
        activation_quantizer: the same by default; None leaves the inputs as floats.

    Raises:
        ValueError: a quantizer of weights that doesn't make int8.

    Example:
        >>> from triceras import quantizers
        >>> quantizers.Int8QuantizationConfig(activation_quantizer=None).mode
        'int8'
    """

    mode = "int8"

    def __init__(self, weight_quantizer: Any = None, activation_quantizer: Any = "default"):
        super().__init__(weight_quantizer, _default(activation_quantizer))
        if self.weight_quantizer is not None and self.weight_quantizer.output_dtype != "int8":
            raise ValueError(
                "Int8QuantizationConfig requires a weight_quantizer with output_dtype='int8'. Received: "
                f"output_dtype={self.weight_quantizer.output_dtype}"
            )


class Int4QuantizationConfig(QuantizationConfig):
    """Weights of 4 bits. It can be read and written; no layer computes so yet.

    Args:
        weight_quantizer: quantizer of the weights.
        activation_quantizer: quantizer of the inputs.
        block_size: how many numbers share a scale; -1 or None: all of a channel.

    Raises:
        ValueError: no such size, or blocks with a quantizer of your own.
    """

    mode = "int4"

    def __init__(
        self, weight_quantizer: Any = None, activation_quantizer: Any = "default", block_size: int | None = 128
    ):
        if block_size is not None and block_size != -1 and block_size < 1:
            raise ValueError(f"block_size must be None, -1, or a positive integer. Received: block_size={block_size}")
        super().__init__(weight_quantizer, None if activation_quantizer == "default" else activation_quantizer)
        if block_size not in (None, -1) and (self.weight_quantizer or self.activation_quantizer):
            raise ValueError(
                "Int4 sub-channel quantization (block_size > 0) does not support custom quantizers. Either set "
                "block_size to None or -1 for per-channel quantization, or remove the custom quantizer arguments. "
                f"Received: block_size={block_size}"
            )
        self.block_size = block_size

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "block_size": self.block_size}


class Float8QuantizationConfig(QuantizationConfig):
    """Training in 8-bit floats. It can be read and written; no layer computes so yet."""

    mode = "float8"

    def __init__(self) -> None:
        super().__init__()

    def get_config(self) -> dict[str, Any]:
        return {}


def _positive(**values: Any) -> None:
    for name, value in values.items():
        if value <= 0:
            raise ValueError(f"{name} must be a positive integer. Received: {name}={value}")


def _group(size: int, all_of: str) -> None:
    if size != -1 and size < 1:
        raise ValueError(
            f"Invalid group_size. Supported values are -1 ({all_of}) or a positive integer, but got {size}."
        )


class _Calibrated(QuantizationConfig):
    """Options of a way that looks at data."""

    def __init__(self, options: dict[str, Any]):
        super().__init__()
        self._options = options
        self.__dict__.update(options)

    def get_config(self) -> dict[str, Any]:
        """The options, without data set and tokenizer."""
        return {**self._options, "dataset": None, "tokenizer": None}

    def dtype_policy_string(self) -> str:
        """The mode of a dtype policy that says so."""
        return f"{self.mode}/{self.weight_bits}/{self.group_size}"


class GPTQConfig(_Calibrated):
    """Weights quantized by GPTQ: Frantar et al., 2022. It can be read and written; no layer computes so yet.

    Args:
        dataset: texts or tokens to calibrate with.
        tokenizer: makes tokens of texts.
        weight_bits: 2, 3, 4 or 8.
        num_samples: how many sequences to calibrate with.
        per_channel: whether channels have scales of their own.
        sequence_length: of the sequences.
        hessian_damping: from 0 to 1, for stability.
        group_size: how many numbers share a scale; -1: all.
        symmetric: whether there is no zero point.
        activation_order: whether to begin with the columns that count most.
        quantization_layer_structure: which layers.

    Raises:
        ValueError: a number out of its range.
    """

    mode = "gptq"

    def __init__(
        self,
        dataset: Any,
        tokenizer: Any,
        *,
        weight_bits: int = 4,
        num_samples: int = 128,
        per_channel: bool = True,
        sequence_length: int = 512,
        hessian_damping: float = 0.01,
        group_size: int = 128,
        symmetric: bool = False,
        activation_order: bool = False,
        quantization_layer_structure: Any = None,
    ):
        super().__init__({k: v for k, v in locals().items() if k not in ("self", "__class__")})
        if weight_bits not in (2, 3, 4, 8):
            raise ValueError(f"Unsupported weight_bits {weight_bits}. Supported values are 2, 3, 4, and 8.")
        _positive(num_samples=num_samples, sequence_length=sequence_length)
        if not 0 <= hessian_damping <= 1:
            raise ValueError(f"hessian_damping must be between 0 and 1. Received: {hessian_damping=}")
        _group(group_size, "whole-tensor")


class AWQConfig(_Calibrated):
    """Weights quantized by AWQ: Lin et al., 2023. It can be read and written; no layer computes so yet.

    Args:
        dataset: texts or tokens to calibrate with.
        tokenizer: makes tokens of texts.
        weight_bits: 4.
        num_samples: how many sequences to calibrate with.
        sequence_length: of the sequences.
        group_size: how many numbers share a scale; -1: all of a channel.
        num_grid_points: how many scales to try.
        quantization_layer_structure: which layers.

    Raises:
        ValueError: a number out of its range.
    """

    mode = "awq"

    def __init__(
        self,
        dataset: Any,
        tokenizer: Any,
        *,
        weight_bits: int = 4,
        num_samples: int = 128,
        sequence_length: int = 512,
        group_size: int = 128,
        num_grid_points: int = 20,
        quantization_layer_structure: Any = None,
    ):
        super().__init__({k: v for k, v in locals().items() if k not in ("self", "__class__")})
        if weight_bits != 4:
            raise ValueError(f"AWQ only supports 4-bit quantization. Received weight_bits={weight_bits}.")
        _positive(num_samples=num_samples, sequence_length=sequence_length, num_grid_points=num_grid_points)
        _group(group_size, "per-channel")


def _quantizer(value: Any) -> Any:
    """A quantizer, from itself or its config; None stays None.

    Raises:
        ValueError: neither.
    """
    if value is None or isinstance(value, Quantizer):
        return value
    if isinstance(value, dict):
        from triceras.saving.serialization import deserialize_keras_object

        return deserialize_keras_object(value)
    raise ValueError(f"Could not interpret quantizer identifier: {value}")


def _default(activation_quantizer: Any) -> Any:
    return (
        AbsMaxQuantizer()
        if isinstance(activation_quantizer, str) and activation_quantizer == "default"
        else (activation_quantizer)
    )


def config_of(value: Any) -> QuantizationConfig:
    """A `QuantizationConfig`, from itself or its config.

    Raises:
        ValueError: neither.
    """
    if isinstance(value, dict):
        from triceras.saving.serialization import deserialize_keras_object

        value = deserialize_keras_object(value)
    if not isinstance(value, QuantizationConfig):
        raise ValueError(
            "`quantization_config` must be a `QuantizationConfig`, such as `quantizers.Int8QuantizationConfig()`. "
            f"Received: quantization_config={value} (of type {type(value).__name__})"
        )
    return value
