"""Activation functions with settings, as layers."""

from __future__ import annotations

import abc
import warnings
from typing import Any

from triceras import activations, ops
from triceras.layers.input_spec import InputSpec
from triceras.layers.layer import Layer
from triceras.layers.settings import keep_settings, make_weight, settings_config

__all__ = ["ELU", "LeakyReLU", "PReLU", "ReLU", "Softmax"]


class ElementWise(Layer, abc.ABC):
    """A layer whose output has its input's shape, and which has no weights."""

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_masking = self.built = True

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


class ReLU(ElementWise):
    """The larger of 0 and the input.

    Input and output: any shape.

    Args:
        max_value: upper limit; none by default.
        negative_slope: slope below the threshold.
        threshold: below it the output is zero (or falls with `negative_slope`).

    Raises:
        ValueError: one of them is negative.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> layer = triceras.layers.ReLU(max_value=6.0, negative_slope=0.5)
        >>> triceras.ops.convert_to_numpy(layer(np.array([-2.0, 3.0, 9.0]))).tolist()
        [-1.0, 3.0, 6.0]
    """

    def __init__(
        self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0, **kwargs: Any
    ):
        super().__init__(**kwargs)
        if max_value is not None and not _is_number(max_value, 0):
            raise ValueError(f"max_value of a ReLU layer cannot be a negative value. Received: max_value={max_value}")
        for name, value in (("negative_slope", negative_slope), ("threshold", threshold)):
            if not _is_number(value, 0):
                raise ValueError(f"{name} of a ReLU layer cannot be None or a negative value. Received: {name}={value}")
        self.max_value, self.negative_slope, self.threshold = max_value, negative_slope, threshold

    def call(self, inputs: Any) -> Any:
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)

    def get_config(self) -> dict[str, Any]:
        names = ("max_value", "negative_slope", "threshold")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


class LeakyReLU(ElementWise):
    """The input, with negative values scaled down.

    Input and output: any shape. Maas et al. 2013, "Rectifier Nonlinearities Improve Neural Network Acoustic Models".

    Args:
        negative_slope: their factor.
        **kwargs: what every layer takes; `alpha`, the deprecated name of `negative_slope`.

    Raises:
        ValueError: `negative_slope` isn't a non-negative number.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> triceras.ops.convert_to_numpy(triceras.layers.LeakyReLU(0.5)(np.array([-2.0, 3.0]))).tolist()
        [-1.0, 3.0]
    """

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any):
        if "alpha" in kwargs:
            negative_slope = kwargs.pop("alpha")
            warnings.warn("Argument `alpha` is deprecated. Use `negative_slope` instead.", stacklevel=3)
        super().__init__(**kwargs)
        if not _is_number(negative_slope, 0):
            raise ValueError(
                "The negative_slope value of a Leaky ReLU layer cannot be None or negative value. Expected a "
                f"float. Received: negative_slope={negative_slope}"
            )
        self.negative_slope = negative_slope

    def call(self, inputs: Any) -> Any:
        return ops.leaky_relu(inputs, negative_slope=self.negative_slope)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "negative_slope": self.negative_slope}


class ELU(ElementWise):
    """The input where it is positive, else `alpha * (exp(input) - 1)`.

    Input and output: any shape. Clevert et al. 2015, "Fast and Accurate Deep Network Learning by Exponential Linear
    Units".

    Args:
        alpha: what it tends to for very negative numbers, with its sign changed.

    Raises:
        ValueError: `alpha` isn't a number.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> triceras.ops.convert_to_numpy(triceras.layers.ELU(2.0)(np.array([-50.0, 3.0]))).tolist()
        [-2.0, 3.0]
    """

    def __init__(self, alpha: float = 1.0, **kwargs: Any):
        super().__init__(**kwargs)
        if not _is_number(alpha):
            raise ValueError(f"Argument `alpha` of an ELU layer must be a number. Received: alpha={alpha!r}")
        self.alpha = alpha

    def call(self, inputs: Any) -> Any:
        return activations.elu(inputs, alpha=self.alpha)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "alpha": self.alpha}


class PReLU(Layer):
    """The input, with negative values multiplied by trained factors `alpha`.

    Input and output: `(batch, …)`, where all dimensions but the shared ones are known. There is one factor for each
    element of a sample. He et al. 2015, "Delving Deep into Rectifiers".

    Args:
        alpha_initializer: initializer of the factors.
        alpha_regularizer: their regularizer.
        alpha_constraint: their constraint.
        shared_axes: dimensions along which the factors are the same, counted with the batch, from 1 on: `[1, 2]` for
            images whose channels come last.

    Raises:
        ValueError: `shared_axes` aren't integers, or not in the input.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> layer = triceras.layers.PReLU(alpha_initializer="ones", shared_axes=[1])
        >>> out = layer(np.array([[[-2.0], [3.0]]]))
        >>> triceras.ops.convert_to_numpy(out).tolist(), layer.alpha.shape
        ([[[-2.0], [3.0]]], (1, 1))
    """

    def __init__(
        self,
        alpha_initializer: Any = "Zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: Any = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        keep_settings(
            self,
            alpha_initializer=alpha_initializer,
            alpha_regularizer=alpha_regularizer,
            alpha_constraint=alpha_constraint,
        )
        if shared_axes is not None:
            shared_axes = list(shared_axes) if isinstance(shared_axes, (list, tuple)) else [shared_axes]
            if not all(isinstance(axis, int) for axis in shared_axes):
                raise ValueError(
                    f"Argument `shared_axes` of a PReLU layer must be integers. Received: shared_axes={shared_axes}"
                )
        self.shared_axes = shared_axes

    def build(self, input_shape: Any) -> None:
        shape = list(input_shape[1:])
        for axis in self.shared_axes or []:
            if not -len(shape) < axis <= len(shape):
                raise ValueError(
                    f"Layer '{self.name}': `shared_axes` aren't all in the input. Received: "
                    f"shared_axes={self.shared_axes}, input_shape={input_shape}"
                )
            shape[axis - 1] = 1  # a negative axis is one off, as in Keras, whose files have alphas of these shapes
        self.alpha = make_weight(self, "alpha", shape)
        kept = {i: d for i, d in enumerate(input_shape) if i and i not in (self.shared_axes or [])}
        self.input_spec = InputSpec(ndim=len(input_shape), axes=kept if self.shared_axes else {})
        self.built = True

    def call(self, inputs: Any) -> Any:
        return ops.subtract(ops.relu(inputs), ops.multiply(self.alpha, ops.relu(ops.negative(inputs))))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        names = ("alpha_initializer", "alpha_regularizer", "alpha_constraint")
        return {**super().get_config(), **settings_config(self, *names), "shared_axes": self.shared_axes}


class Softmax(ElementWise):
    """Exponentials along an axis, scaled to add up to one; where a mask is False, zero.

    Input and output: any shape. A mask, the second argument of the call, broadcasts to the input.

    Args:
        axis: along which dimension, or several; all of them for None.

    Raises:
        ValueError: a mask that doesn't broadcast to the input.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> layer = triceras.layers.Softmax()
        >>> triceras.ops.convert_to_numpy(layer(np.zeros((1, 3)), mask=np.array([[True, True, False]]))).tolist()
        [[0.5, 0.5, 0.0]]
    """

    def __init__(self, axis: Any = -1, **kwargs: Any):
        super().__init__(**kwargs)
        if not all(isinstance(a, int) for a in (axis if isinstance(axis, (list, tuple)) else [axis or 0])):
            raise ValueError(f"Argument `axis` of a Softmax layer must be integers or None. Received: axis={axis!r}")
        self.axis = axis

    def call(self, inputs: Any, mask: Any = None) -> Any:
        if mask is None:
            return self._softmax(inputs)
        shape, own = tuple(mask.shape), tuple(inputs.shape)
        if len(shape) > len(own) or any(m not in (1, n) for m, n in zip(shape[::-1], own[::-1], strict=False)):
            raise ValueError(
                "The `mask` must be broadcastable to `inputs`. Each mask dimension must be 1 or match the "
                f"corresponding input dimension. Received: inputs.shape={own}, mask.shape={shape}"
            )
        mask = ops.cast(mask, "bool")
        low = ops.cast(-6e4 if self.compute_dtype == "float16" else -1e30, inputs.dtype)
        return ops.where(mask, self._softmax(ops.where(mask, inputs, low)), ops.cast(0.0, inputs.dtype))

    def _softmax(self, inputs: Any) -> Any:
        axes = self.axis if isinstance(self.axis, (list, tuple)) else [self.axis]
        if len(axes) == 1:
            return ops.softmax(inputs, axis=axes[0])
        return ops.exp(ops.subtract(inputs, ops.logsumexp(inputs, axis=tuple(axes), keepdims=True)))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}


def _is_number(value: Any, least: float = float("-inf")) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= least
