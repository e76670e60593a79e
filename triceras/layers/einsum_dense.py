"""`EinsumDense`: a dense layer over any dimensions, given by an einsum equation."""

from __future__ import annotations

from typing import Any

from triceras import activations, ops, regularizers
from triceras.layers.adaptable import Quantizable
from triceras.layers.settings import keep_settings, make_weight, settings_config

__all__ = ["EinsumDense"]

_SPARE = "0123456789"  # stand for the dimensions of an ellipsis


class EinsumDense(Quantizable):
    """`activation(einsum(equation, inputs, kernel) + bias)`.

    Args:
        equation: such as `"abc,cd->abd"`; an ellipsis stands for any leading (or trailing) dimensions.
        output_shape: the output's dimensions without the batch; None where the input decides.
        activation: function or its name.
        bias_axes: the output's letters along which the bias varies; no bias by default.
        kernel_initializer, bias_initializer: initializers or their names.
        kernel_regularizer, bias_regularizer: regularizers or their names.
        kernel_constraint, bias_constraint: constraints or their names.
        lora_rank, lora_alpha: rank and weight of an adapter that `build` makes: see `enable_lora`.
        gptq_unpacked_column_size: for files of weights quantized by GPTQ, which can't be used yet.
        quantization_config: how to quantize: see `quantize`.

    Raises:
        ValueError: the equation isn't of that form, or doesn't fit the shapes.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> layer = triceras.layers.EinsumDense("abc,cd->abd", output_shape=(None, 4), bias_axes="d")
        >>> tuple(layer(np.ones((2, 3, 5))).shape)
        (2, 3, 4)
    """

    kernel: Any = None

    def __init__(
        self,
        equation: str,
        output_shape: Any,
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        gptq_unpacked_column_size: Any = None,
        quantization_config: Any = None,
        **kwargs: Any,
    ):
        super().__init__(lora_rank=lora_rank, lora_alpha=lora_alpha, quantization_config=quantization_config, **kwargs)
        self.equation = equation
        self.partial_output_shape = (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
        self.bias_axes = bias_axes
        self.activation = activations.get(activation)
        keep_settings(
            self,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )
        self.bias = None
        _parts(equation)

    def build(self, input_shape: Any) -> None:
        kernel_shape, bias_shape, _ = analyze(self.equation, self.bias_axes, input_shape, self.partial_output_shape)
        self.kernel = make_weight(self, "kernel", kernel_shape)
        if bias_shape is not None:
            self.bias = make_weight(self, "bias", bias_shape)
        self._input_rank = len(input_shape)
        self.built = True
        self._adapt()

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        x = ops.einsum(self.equation, inputs, self.kernel)
        if self.bias is not None:
            x = ops.add(x, self.bias)
        return x if self.activation is activations.linear else self.activation(x)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return analyze(self.equation, self.bias_axes, input_shape, self.partial_output_shape)[2]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "output_shape": self.partial_output_shape,
            "equation": self.equation,
            "activation": activations.serialize(self.activation),
            "bias_axes": self.bias_axes,
            **settings_config(self, "kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer"),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            **settings_config(self, "kernel_constraint", "bias_constraint"),
        }


def _parts(equation: str) -> tuple[str, str, str]:
    text = equation.replace(" ", "")
    inputs, comma, rest = text.partition(",")
    kernel, arrow, output = rest.partition("->")
    if not (comma and arrow and inputs and kernel and output) or "," in rest:
        raise ValueError(
            f"Invalid einsum equation '{equation}'. Equations must be in the form [X],[Y]->[Z], ...[X],[Y]->...[Z], "
            "or [X]...,[Y]->[Z]...."
        )
    return inputs, kernel, output


def letters(equation: str, rank: int) -> tuple[str, str, str]:
    """The letters of inputs, kernel and output, for inputs of some rank; digits stand for what an ellipsis does.

    Raises:
        ValueError: the equation is for another rank.
    """
    inputs, kernel, output = _parts(equation)
    extra = rank - len(inputs.replace("...", ""))
    if ("..." not in inputs and extra) or extra < 0:
        raise ValueError(f"Equation '{equation}' doesn't fit an input of {rank} dimensions.")
    return inputs.replace("...", _SPARE[:extra]), kernel, output.replace("...", _SPARE[:extra])


def analyze(
    equation: str, bias_axes: str | None, input_shape: Any, output_shape: tuple
) -> tuple[tuple[int, ...], tuple[int, ...] | None, tuple[int | None, ...]]:
    """The shapes of kernel and bias (None without one), and the output's.

    Args:
        equation: see `EinsumDense`.
        bias_axes: letters, or None.
        input_shape: with the batch dimension.
        output_shape: without it; None where the input decides.
    """
    inputs, kernel, output = letters(equation, len(input_shape))
    sizes = dict(zip(inputs, input_shape, strict=True))
    # `output_shape` leaves out the batch; after a trailing ellipsis it is aligned at the front, otherwise at the end.
    trailing = "..." in equation and not equation.replace(" ", "").startswith("...")
    places = (
        zip(output[1:], output_shape, strict=False) if trailing else zip(output[::-1], output_shape[::-1], strict=False)
    )
    for letter, size in places:
        if size is None:
            continue
        if sizes.get(letter) not in (None, size):
            raise ValueError(
                f"Input shape and output shape do not match at shared dimension '{letter}'. Input shape is "
                f"{sizes[letter]}, and output shape is {size}."
            )
        sizes[letter] = size
    for letter in (*kernel, *(bias_axes or "")):
        if sizes.get(letter) is None:
            raise ValueError(
                f"The size of dimension '{letter}' of the weights in '{equation}' is in neither the input nor the "
                "output shape."
            )
    bias = None
    if bias_axes:
        if any(letter not in output for letter in bias_axes):
            raise ValueError(
                f"Bias dimension '{bias_axes}' was requested, but is not part of the output spec '{output}'"
            )
        first = min(map(output.index, bias_axes))
        bias = tuple(sizes[c] if c in bias_axes else 1 for c in output[first:])
    return tuple(sizes[c] for c in kernel), bias, tuple(sizes.get(c) for c in output)
