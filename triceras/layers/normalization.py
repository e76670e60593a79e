"""Normalization of features: by layer, by group, by root mean square, by length; and rescaling."""

from __future__ import annotations

import warnings
from typing import Any

from triceras import ops
from triceras.layers.input_spec import InputSpec
from triceras.layers.layer import Layer
from triceras.layers.settings import keep_settings, make_weight, settings_config

__all__ = ["GroupNormalization", "LayerNormalization", "RMSNormalization", "Rescaling", "UnitNormalization"]


def _checked_axes(layer: Layer, input_shape: Any) -> list[int]:
    """A layer's `axis` as a list in the order of the dimensions.

    Raises:
        ValueError: they aren't different dimensions of the input, of known sizes.
    """
    given = layer.axis
    axes = list(given) if isinstance(given, (list, tuple)) else [given]
    rank = len(input_shape)
    known = all(-rank <= a < rank and input_shape[a] is not None for a in axes)
    if not known or len({a % rank for a in axes}) < len(axes):
        raise ValueError(
            f"Layer '{layer.name}' normalizes `axis`, which must be different dimensions of known sizes. Received: "
            f"axis={given}, input_shape={input_shape}"
        )
    return sorted(axes, key=lambda a: a % rank)


class LayerNormalization(Layer):
    """Scale each sample's features to mean 0 and variance 1.

    Input and output: any shape whose dimensions `axis` have known sizes; 16-bit floats are normalized in 32 bits. Ba,
    Kiros and Hinton 2016, "Layer Normalization".

    Args:
        axis: the features' dimension, or several.
        epsilon: added to the variance.
        center, scale: whether there is a trained offset `beta`, a trained factor `gamma`.
        beta_initializer, gamma_initializer: initializers.
        beta_regularizer, gamma_regularizer: regularizers.
        beta_constraint, gamma_constraint: constraints.
        **kwargs: what every layer takes; and `rms_scaling`, deprecated: divide by the standard deviation without
            taking the mean off, and have no `beta`.

    Raises:
        TypeError: `axis` is neither an integer nor several.
        ValueError: `axis` isn't in the input.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> layer = triceras.layers.LayerNormalization()
        >>> triceras.ops.convert_to_numpy(layer(np.array([[0.0, 2.0]]))).round(2).tolist()
        [[-1.0, 1.0]]
    """

    def __init__(
        self,
        axis: Any = -1,
        epsilon: float = 0.001,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ):
        self.rms_scaling = bool(kwargs.pop("rms_scaling", False))
        super().__init__(**kwargs)
        if self.rms_scaling:
            warnings.warn(
                "`rms_scaling=True` is deprecated: it scales by the variance, not by the root mean square. Use "
                "`RMSNormalization` instead.",
                stacklevel=3,
            )
        if not _is_axis(axis):
            raise TypeError(f"Expected an int or a list/tuple of ints for the argument 'axis', but received: {axis!r}")
        self.axis = axis if isinstance(axis, int) else list(axis)
        self.epsilon, self.center, self.scale = epsilon, center, scale
        keep_settings(
            self,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
        )
        self.supports_masking = True
        self.gamma = self.beta = None

    def build(self, input_shape: Any) -> None:
        self.axis = _checked_axes(self, input_shape)
        shape = tuple(input_shape[a] for a in self.axis)
        if self.scale or self.rms_scaling:
            self.gamma = make_weight(self, "gamma", shape, autocast=False)
        if self.center and not self.rms_scaling:
            self.beta = make_weight(self, "beta", shape, autocast=False)
        self.built = True

    def call(self, inputs: Any) -> Any:
        out = ops.layer_normalization(
            inputs, self.gamma, self.beta, axis=self.axis, epsilon=self.epsilon, rms_scaling=self.rms_scaling
        )
        return ops.cast(out, self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        _checked_axes(self, input_shape)
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "axis": self.axis,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "rms_scaling": self.rms_scaling,
            **settings_config(self, "beta_initializer", "gamma_initializer", "beta_regularizer", "gamma_regularizer"),
            **settings_config(self, "beta_constraint", "gamma_constraint"),
        }


class GroupNormalization(Layer):
    """Scale each sample's channels, in groups, to mean 0 and variance 1.

    Input and output: `(batch, …)` with channels of a known number; 16-bit floats are normalized in 32 bits. One group
    is layer normalization over all dimensions, a group for each channel is instance normalization. Wu and He 2018,
    "Group Normalization".

    Args:
        groups: how many groups; it divides the number of channels. -1: as many as channels.
        axis: the channels' dimension.
        epsilon: added to the variance.
        center, scale: whether there is a trained offset `beta`, a trained factor `gamma`.
        beta_initializer, gamma_initializer: initializers.
        beta_regularizer, gamma_regularizer: regularizers.
        beta_constraint, gamma_constraint: constraints.

    Raises:
        ValueError: `groups` isn't a positive integer or -1, or doesn't divide the number of channels; `axis` isn't in
            the input or is its batch dimension.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> layer = triceras.layers.GroupNormalization(groups=2)
        >>> triceras.ops.convert_to_numpy(layer(np.array([[0.0, 2.0, 5.0, 7.0]]))).round(2).tolist()
        [[-1.0, 1.0, -1.0, 1.0]]
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if isinstance(groups, bool) or not isinstance(groups, int) or groups < -1 or groups == 0:
            raise ValueError(
                "Received an invalid value for argument `groups`, expected a positive integer (or `-1` for instance "
                f"normalization). Received: groups={groups}"
            )
        if not isinstance(axis, int):
            raise ValueError(f"Argument `axis` of GroupNormalization must be an integer. Received: axis={axis!r}")
        self.groups, self.axis = groups, axis
        self.epsilon, self.center, self.scale = epsilon, center, scale
        keep_settings(
            self,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
        )
        self.supports_masking = True
        self.gamma = self.beta = None

    def build(self, input_shape: Any) -> None:
        _checked_axes(self, input_shape)
        rank, channels = len(input_shape), input_shape[self.axis]
        if self.groups == -1:
            self.groups = channels
        if self.axis % rank == 0 or channels % self.groups:
            raise ValueError(
                f"Layer '{self.name}': `groups` must divide the number of channels, and `axis` can't be the batch "
                f"dimension. Received: groups={self.groups}, axis={self.axis}, {channels} channels, "
                f"input_shape={input_shape}"
            )
        if self.scale:
            self.gamma = make_weight(self, "gamma", (channels,), autocast=False)
        if self.center:
            self.beta = make_weight(self, "beta", (channels,), autocast=False)
        self.input_spec = InputSpec(ndim=rank, axes={self.axis: channels})
        self.built = True

    def call(self, inputs: Any) -> Any:
        x = ops.cast(inputs, "float32") if self.compute_dtype in ("float16", "bfloat16") else inputs
        shape, axis = ops.shape(x), self.axis % len(x.shape)
        grouped = ops.reshape(x, (*shape[:axis], self.groups, shape[axis] // self.groups, *shape[axis + 1 :]))
        others = tuple(i for i in range(1, len(shape) + 1) if i != axis)
        mean, variance = ops.moments(grouped, axes=others, keepdims=True)
        factor = ops.rsqrt(ops.add(variance, self.epsilon))
        out = ops.reshape(ops.multiply(ops.subtract(grouped, mean), factor), shape)
        along = [-1 if i == axis else 1 for i in range(len(shape))]
        if self.gamma is not None:
            out = ops.multiply(out, ops.reshape(ops.cast(self.gamma, x.dtype), along))
        if self.beta is not None:
            out = ops.add(out, ops.reshape(ops.cast(self.beta, x.dtype), along))
        return ops.cast(out, self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "groups": self.groups,
            "axis": self.axis,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            **settings_config(self, "beta_initializer", "gamma_initializer", "beta_regularizer", "gamma_regularizer"),
            **settings_config(self, "beta_constraint", "gamma_constraint"),
        }


class RMSNormalization(Layer):
    """Divide each sample's features by the root of their mean square, and multiply by a trained `scale`.

    Input and output: any shape whose dimensions `axis` have known sizes. Zhang and Sennrich 2019, "Root Mean Square
    Layer Normalization".

    Args:
        axis: the features' dimension, or several.
        epsilon: added to the mean square.

    Raises:
        TypeError: `axis` is neither an integer nor several.
        ValueError: `axis` isn't in the input.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> layer = triceras.layers.RMSNormalization()
        >>> triceras.ops.convert_to_numpy(layer(np.array([[5.0, -5.0]]))).round(2).tolist()
        [[1.0, -1.0]]
    """

    def __init__(self, axis: Any = -1, epsilon: float = 1e-6, **kwargs: Any):
        super().__init__(**kwargs)
        if not _is_axis(axis):
            raise TypeError(f"Argument `axis` must be an int or a list/tuple of ints. Received: axis={axis!r}")
        self.axis, self.epsilon = axis, epsilon

    def build(self, input_shape: Any) -> None:
        self.axis = _checked_axes(self, input_shape)
        shape = tuple(input_shape[a] for a in self.axis)
        self.scale = self.add_weight(shape, initializer="ones", name="scale")
        self.built = True

    def call(self, x: Any) -> Any:
        return ops.rms_normalization(x, self.scale, axis=self.axis, epsilon=self.epsilon)

    def compute_output_shape(self, input_shape: Any) -> Any:
        _checked_axes(self, input_shape)
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis, "epsilon": self.epsilon}


class UnitNormalization(Layer):
    """Scale vectors to length 1.

    Input and output: any shape.

    Args:
        axis: along which dimension the vectors lie, or which ones.

    Raises:
        TypeError: `axis` is neither an integer nor several.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> layer = triceras.layers.UnitNormalization()
        >>> triceras.ops.convert_to_numpy(layer(np.array([[0.0, 4.0]]))).round(2).tolist()
        [[0.0, 1.0]]
    """

    def __init__(self, axis: Any = -1, **kwargs: Any):
        super().__init__(**kwargs)
        if not _is_axis(axis):
            raise TypeError(
                f"Invalid value for `axis` argument: expected an int or a list/tuple of ints. Received: axis={axis!r}"
            )
        self.axis = axis if isinstance(axis, int) else list(axis)
        self.supports_masking = self.built = True

    def call(self, inputs: Any) -> Any:
        axis = self.axis if isinstance(self.axis, int) else tuple(self.axis)
        return ops.normalize(inputs, axis=axis, order=2, epsilon=1e-12)

    def compute_output_shape(self, input_shape: Any) -> Any:
        rank = len(input_shape)
        axes = [self.axis] if isinstance(self.axis, int) else self.axis
        if not all(-rank <= a < rank for a in axes):
            raise ValueError(
                f"Layer '{self.name}': `axis` isn't in the input. Received: axis={self.axis}, input_shape={input_shape}"
            )
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}


def _is_axis(axis: Any) -> bool:
    return isinstance(axis, int) or isinstance(axis, (list, tuple)) and all(isinstance(a, int) for a in axis)


class Rescaling(Layer):
    """`inputs * scale + offset`.

    Input and output: any shape.

    Args:
        scale: number, or one for each channel.
        offset: number, or one for each channel.

    Example:
        >>> import triceras
        >>> triceras.ops.convert_to_numpy(triceras.layers.Rescaling(0.5, offset=1.0)([2.0, 4.0])).tolist()
        [2.0, 3.0]
    """

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.scale, self.offset = scale, offset
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any) -> Any:
        scale, offset = (ops.convert_to_tensor(v, dtype=self.compute_dtype) for v in (self.scale, self.offset))
        return ops.add(ops.multiply(ops.cast(inputs, self.compute_dtype), scale), offset)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        from triceras.saving.serialization import serialize_keras_object

        return {
            **super().get_config(),
            "scale": serialize_keras_object(self.scale),
            "offset": serialize_keras_object(self.offset),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Rescaling:
        """Make the layer from its config."""
        from triceras.saving.serialization import deserialize_keras_object

        values = {
            k: deserialize_keras_object(v, custom_objects=custom_objects)
            if isinstance(v, dict) and k in ("scale", "offset")
            else v
            for k, v in config.items()
        }
        return cls(**values)
