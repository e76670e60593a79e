"""The layers that most models begin with: Dense, Embedding, Activation, Lambda, Identity, Masking."""

from __future__ import annotations

from typing import Any

from triceras import activations, ops, regularizers
from triceras.core import dtypes
from triceras.layers.input_spec import InputSpec
from triceras.layers.layer import Layer
from triceras.layers.settings import keep_settings, make_weight, not_yet, positive_integer, settings_config
from triceras.ops.linalg import affine


class Dense(Layer):
    """`activation(inputs @ kernel + bias)`, over the last dimension.

    Input: `(..., features)`; output: `(..., units)`.

    Args:
        units: size of the output's last dimension.
        activation: function or its name; none by default.
        use_bias: whether there is a bias.
        kernel_initializer, bias_initializer: initializers or their names.
        kernel_regularizer, bias_regularizer, activity_regularizer: regularizers or their names.
        kernel_constraint, bias_constraint: constraints or their names.
        lora_rank, lora_alpha, quantization_config: not supported yet.

    Raises:
        ValueError: `units` isn't a positive integer.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.Dense(3, activation="relu")(np.ones((2, 4))).shape)
        (2, 3)
    """

    kernel: Any = None

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        quantization_config: Any = None,
        **kwargs: Any,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        not_yet(lora_rank=lora_rank, lora_alpha=lora_alpha, quantization_config=quantization_config)
        self.units = positive_integer("units", units)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        keep_settings(
            self,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )
        self.input_spec = InputSpec(min_ndim=2)
        self.supports_masking = True
        self.bias = None

    def build(self, input_shape: Any) -> None:
        self.kernel = make_weight(self, "kernel", (input_shape[-1], self.units))
        if self.use_bias:
            self.bias = make_weight(self, "bias", (self.units,))
        self.input_spec = InputSpec(min_ndim=2, axes={-1: input_shape[-1]})
        self.built = True

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        bias = self.bias
        x = ops.matmul(inputs, self.kernel) if bias is None else affine(inputs, self.kernel, bias)
        return x if self.activation is activations.linear else self.activation(x)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.units)

    def enable_lora(
        self,
        rank: int,
        lora_alpha: float | None = None,
        a_initializer: Any = "he_uniform",
        b_initializer: Any = "zeros",
    ) -> None:
        """Not supported yet."""
        not_yet(rank=rank)

    @property
    def variable_serialization_spec(self) -> dict[str | None, list[str]]:
        """The names of the variables in a file, by quantization mode."""
        return {None: ["kernel", "bias"]}

    def quantized_build(self, kernel_shape: Any, mode: str, config: Any = None) -> None:
        """Not supported yet."""
        not_yet(mode=mode)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            **settings_config(self, "kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer"),
            **settings_config(self, "kernel_constraint", "bias_constraint"),
            "quantization_config": None,
        }


class Embedding(Layer):
    """A table of vectors, looked up by integers.

    Input: integers of any shape; output: that shape with `output_dim` behind.

    Args:
        input_dim: how many vectors; indices are below it.
        output_dim: their length.
        embeddings_initializer: initializer or its name.
        embeddings_regularizer: regularizer or its name.
        embeddings_constraint: constraint or its name.
        mask_zero: whether 0 is padding: then the output has a mask.
        weights: list with the initial table.
        lora_rank, lora_alpha, quantization_config: not supported yet.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.Embedding(10, 4)(np.array([[1, 2, 3]])).shape)
        (1, 3, 4)
    """

    embeddings: Any = None

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        quantization_config: Any = None,
        **kwargs: Any,
    ):
        input_length = kwargs.pop("input_length", None)
        super().__init__(**kwargs)
        not_yet(lora_rank=lora_rank, lora_alpha=lora_alpha)
        not_yet(quantization_config=quantization_config, input_length=input_length)
        self.input_dim = positive_integer("input_dim", input_dim)
        self.output_dim = positive_integer("output_dim", output_dim)
        keep_settings(
            self,
            embeddings_initializer=embeddings_initializer,
            embeddings_regularizer=embeddings_regularizer,
            embeddings_constraint=embeddings_constraint,
        )
        self.mask_zero = self.supports_masking = mask_zero
        self.autocast = False
        if weights is not None:
            self.build()
            self.set_weights(weights if isinstance(weights, list) else [weights])

    def build(self, input_shape: Any = None) -> None:
        if self.built:
            return
        self.embeddings = make_weight(self, "embeddings", (self.input_dim, self.output_dim))
        self.built = True

    def call(self, inputs: Any) -> Any:
        inputs = inputs if dtypes.is_int(inputs.dtype) else ops.cast(inputs, "int32")
        return ops.cast(ops.take(self.embeddings, inputs, axis=0), self.compute_dtype)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return ops.not_equal(inputs, 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return (*input_shape, self.output_dim)

    def enable_lora(
        self,
        rank: int,
        lora_alpha: float | None = None,
        a_initializer: Any = "he_uniform",
        b_initializer: Any = "zeros",
    ) -> None:
        """Not supported yet."""
        not_yet(rank=rank)

    @property
    def variable_serialization_spec(self) -> dict[str | None, list[str]]:
        """The names of the variables in a file, by quantization mode."""
        return {None: ["embeddings"]}

    def quantized_build(self, embeddings_shape: Any, mode: str, config: Any = None) -> None:
        """Not supported yet."""
        not_yet(mode=mode)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "input_dim": self.input_dim,
            "output_dim": self.output_dim,
            **settings_config(self, "embeddings_initializer", "embeddings_regularizer"),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            **settings_config(self, "embeddings_constraint"),
            "mask_zero": self.mask_zero,
            "quantization_config": None,
        }


class Activation(Layer):
    """An activation function as a layer.

    Args:
        activation: function or its name.

    Example:
        >>> import triceras
        >>> triceras.ops.convert_to_numpy(triceras.layers.Activation("relu")([-1.0, 2.0])).tolist()
        [0.0, 2.0]
    """

    def __init__(self, activation: Any, **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.activation = activations.get(activation)
        self.built = True

    def call(self, inputs: Any) -> Any:
        return self.activation(inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "activation": activations.serialize(self.activation)}


class Identity(Layer):
    """What comes in goes out."""

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any) -> Any:
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def compute_output_spec(self, inputs: Any) -> Any:
        return inputs
