"""The layers that most models begin with: Dense, Activation, Identity."""

from __future__ import annotations

from typing import Any

from triceras import activations, ops
from triceras.layers.adaptable import Quantizable
from triceras.layers.input_spec import InputSpec
from triceras.layers.layer import Layer
from triceras.layers.settings import keep_settings, make_weight, positive_integer, settings_config
from triceras.ops.linalg import affine


class Dense(Quantizable):
    """`activation(inputs @ kernel + bias)`, over the last dimension.

    Input: `(..., features)`; output: `(..., units)`.

    Args:
        units: size of the output's last dimension.
        activation: function or its name; none by default.
        use_bias: whether there is a bias.
        kernel_initializer, bias_initializer: initializers or their names.
        kernel_regularizer, bias_regularizer, activity_regularizer: regularizers or their names.
        kernel_constraint, bias_constraint: constraints or their names.
        lora_rank, lora_alpha: rank and weight of an adapter that `build` makes: see `enable_lora`.
        quantization_config: how to quantize: see `quantize`.

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
        super().__init__(
            activity_regularizer=activity_regularizer,
            lora_rank=lora_rank,
            lora_alpha=lora_alpha,
            quantization_config=quantization_config,
            **kwargs,
        )
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
        self._adapt()

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        bias = self.bias
        x = ops.matmul(inputs, self.kernel) if bias is None else affine(inputs, self.kernel, bias)
        return x if self.activation is activations.linear else self.activation(x)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            **settings_config(self, "kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer"),
            **settings_config(self, "kernel_constraint", "bias_constraint"),
        }


class Activation(Layer):
    """An activation function as a layer. Input: any shape; output: the same.

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
    """What comes in goes out. Input and output: tensors of any shape.

    Example:
        >>> import triceras
        >>> triceras.ops.convert_to_numpy(triceras.layers.Identity()([1.0, 2.0])).tolist()
        [1.0, 2.0]
    """

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
