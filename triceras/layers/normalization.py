"""Normalization of batches and of features."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.layers.input_spec import InputSpec
from triceras.layers.layer import Layer
from triceras.layers.settings import keep_settings, make_weight, not_yet, settings_config

__all__ = ["BatchNormalization", "LayerNormalization", "Rescaling"]


class BatchNormalization(Layer):
    """Scale each channel to mean 0 and variance 1: those of the batch in training, else moving averages of them.

    Ioffe and Szegedy 2015, "Batch Normalization". With `trainable = False` the moving averages are used in training,
    too.

    Args:
        axis: the channels' dimension.
        momentum: how slowly the moving averages follow.
        epsilon: added to the variance.
        center, scale: whether there is a trained offset `beta`, a trained factor `gamma`.
        beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer: initializers.
        beta_regularizer, gamma_regularizer: regularizers.
        beta_constraint, gamma_constraint: constraints.
        renorm, renorm_clipping, renorm_momentum: batch renormalization; not supported yet.
        synchronized: whether replicas share their batches' statistics; they always do under a distribution.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> layer = triceras.layers.BatchNormalization()
        >>> out = triceras.ops.convert_to_numpy(layer(np.array([[0.0], [2.0]]), training=True))
        >>> out.round(2).tolist()
        [[-1.0], [1.0]]
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 0.001,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        renorm_clipping: Any = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        not_yet(renorm=renorm or None, renorm_clipping=renorm_clipping)
        self.axis = int(axis)
        self.momentum, self.epsilon, self.center, self.scale = momentum, epsilon, center, scale
        self.renorm, self.renorm_clipping, self.renorm_momentum = renorm, renorm_clipping, renorm_momentum
        self.synchronized = synchronized
        keep_settings(
            self,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            moving_mean_initializer=moving_mean_initializer,
            moving_variance_initializer=moving_variance_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
        )
        self.supports_masking = True
        self.gamma = self.beta = None

    def build(self, input_shape: Any) -> None:
        size = input_shape[self.axis]
        if size is None:
            raise ValueError(
                f"The axis {self.axis} that '{self.name}' normalizes must have a known size. Received: "
                f"input_shape={input_shape}"
            )
        if self.scale:
            self.gamma = make_weight(self, "gamma", (size,), autocast=False)
        if self.center:
            self.beta = make_weight(self, "beta", (size,), autocast=False)
        self.moving_mean = make_weight(self, "moving_mean", (size,), trainable=False, autocast=False)
        self.moving_variance = make_weight(self, "moving_variance", (size,), trainable=False, autocast=False)
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: size})
        self._reduced_axes = tuple(i for i in range(len(input_shape)) if i != self.axis % len(input_shape))
        self.built = True

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if mask is not None and len(mask.shape) > len(inputs.shape) - 1:
            raise ValueError(
                f"The mask of '{self.name}' may not have the channels' dimension. Received: mask.shape={mask.shape}"
            )
        x = ops.cast(inputs, "float32") if self.compute_dtype == "float16" else inputs
        if training and self.trainable:
            mean, variance = self._moments(x, mask)
            for moving, new in ((self.moving_mean, mean), (self.moving_variance, variance)):
                new = ops.cast(new, moving.dtype)
                moving.assign(ops.add(ops.multiply(moving, self.momentum), ops.multiply(new, 1.0 - self.momentum)))
        else:
            mean, variance = self.moving_mean, self.moving_variance
        dtype = x.dtype
        out = ops.batch_normalization(
            x,
            ops.cast(mean, dtype),
            ops.cast(variance, dtype),
            axis=self.axis,
            offset=None if self.beta is None else ops.cast(self.beta, dtype),
            scale=None if self.gamma is None else ops.cast(self.gamma, dtype),
            epsilon=self.epsilon,
        )
        return ops.cast(out, self.compute_dtype)

    def _moments(self, x: Any, mask: Any) -> tuple[Any, Any]:
        if mask is None:
            return ops.moments(x, axes=self._reduced_axes, synchronized=self.synchronized)
        weights = ops.cast(mask, x.dtype)
        for _ in range(len(x.shape) - len(mask.shape)):
            weights = ops.expand_dims(weights, axis=-1)
        weights = ops.broadcast_to(weights, (*ops.shape(x)[:-1], 1)) if self.axis in (-1, len(x.shape) - 1) else weights
        count = ops.sum(weights, axis=self._reduced_axes, keepdims=True)
        mean = ops.divide_no_nan(ops.sum(ops.multiply(x, weights), axis=self._reduced_axes, keepdims=True), count)
        squares = ops.multiply(ops.square(ops.subtract(x, mean)), weights)
        variance = ops.divide_no_nan(ops.sum(squares, axis=self._reduced_axes, keepdims=True), count)
        return ops.squeeze(mean, self._reduced_axes), ops.squeeze(variance, self._reduced_axes)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "axis": self.axis,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            **settings_config(self, "beta_initializer", "gamma_initializer"),
            **settings_config(self, "moving_mean_initializer", "moving_variance_initializer"),
            **settings_config(self, "beta_regularizer", "gamma_regularizer", "beta_constraint", "gamma_constraint"),
            "synchronized": self.synchronized,
            "renorm": self.renorm,
            "renorm_clipping": self.renorm_clipping,
            "renorm_momentum": self.renorm_momentum,
        }


class LayerNormalization(Layer):
    """Scale each sample's features to mean 0 and variance 1.

    Ba, Kiros and Hinton 2016, "Layer Normalization".

    Args:
        axis: the features' dimension, or several.
        epsilon: added to the variance.
        center, scale: whether there is a trained offset `beta`, a trained factor `gamma`.
        beta_initializer, gamma_initializer: initializers.
        beta_regularizer, gamma_regularizer: regularizers.
        beta_constraint, gamma_constraint: constraints.

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
            not_yet(rms_scaling=True)
        axes = axis if isinstance(axis, (list, tuple)) else [axis]
        if not all(isinstance(a, int) for a in axes):
            raise TypeError(f"Expected an int or a list/tuple of ints for the argument 'axis', but received: {axis!r}")
        self.axis = list(axes)
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
        shape = tuple(input_shape[a] for a in self.axis)
        if self.scale:
            self.gamma = make_weight(self, "gamma", shape, autocast=False)
        if self.center:
            self.beta = make_weight(self, "beta", shape, autocast=False)
        self.built = True

    def call(self, inputs: Any) -> Any:
        out = ops.layer_normalization(inputs, self.gamma, self.beta, axis=self.axis, epsilon=self.epsilon)
        return ops.cast(out, self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        for axis in self.axis:
            if not -len(input_shape) <= axis < len(input_shape):
                raise ValueError(
                    f"Axis {axis} is out of bounds for input shape {input_shape}. Received: axis={self.axis}"
                )
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


class Rescaling(Layer):
    """`inputs * scale + offset`.

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
