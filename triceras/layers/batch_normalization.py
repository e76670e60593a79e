"""`BatchNormalization`, with batch renormalization."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.distribution import replicas
from triceras.layers.input_spec import InputSpec
from triceras.layers.layer import Layer
from triceras.layers.settings import keep_settings, make_weight, settings_config

__all__ = ["BatchNormalization"]

_CLIPPING = ("rmax", "rmin", "dmax")


class BatchNormalization(Layer):
    """Scale each channel to mean 0 and variance 1: those of the batch in training, else moving averages of them.

    Input and output: any shape with a channels' dimension of known size. With `trainable = False` the moving averages
    are used in training, too. Steps that a mask leaves out don't count for the statistics.

    Ioffe and Szegedy 2015, "Batch Normalization"; for `renorm`: Ioffe 2017, "Batch Renormalization".

    Args:
        axis: the channels' dimension.
        momentum: how slowly the moving averages follow.
        epsilon: added to the variance.
        center, scale: whether there is a trained offset `beta`, a trained factor `gamma`.
        beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer: initializers.
        beta_regularizer, gamma_regularizer: regularizers.
        beta_constraint, gamma_constraint: constraints.
        renorm: whether training corrects the batch's statistics towards moving averages, which helps small batches.
        renorm_clipping: dict of limits to the correction: `rmin` and `rmax` of the factor, `dmax` of the offset's size.
        renorm_momentum: how slowly the averages that renormalization uses follow.
        synchronized: whether replicas share their batches' statistics; nothing on one device.

    Raises:
        ValueError: an unknown key in `renorm_clipping` or limits that contradict; an `axis` that the input doesn't
            have, or of unknown size; a mask that hasn't one dimension less than the input.

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
        self.axis = _number("axis", axis, int)
        self.momentum, self.epsilon = _number("momentum", momentum), _number("epsilon", epsilon)
        self.center, self.scale, self.synchronized = center, scale, synchronized
        self.renorm, self.renorm_momentum = renorm, _number("renorm_momentum", renorm_momentum)
        self.renorm_clipping = _checked_clipping(renorm_clipping) if renorm else renorm_clipping
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
        rank = len(input_shape)
        size = input_shape[self.axis] if -rank <= self.axis < rank else None
        if size is None:
            raise ValueError(
                f"Layer '{self.name}' normalizes `axis`, which must be a dimension of known size. Received: "
                f"axis={self.axis}, input_shape={input_shape}"
            )
        if self.scale:
            self.gamma = make_weight(self, "gamma", (size,), autocast=False)
        if self.center:
            self.beta = make_weight(self, "beta", (size,), autocast=False)
        self.moving_mean = self._average("moving_mean", size, self.moving_mean_initializer)
        self.moving_variance = self._average("moving_variance", size, self.moving_variance_initializer)
        if self.renorm:
            self.moving_stddev = self._average("moving_stddev", size, self._first_stddev)
            self.renorm_mean = self._average("renorm_mean", size, self.moving_mean_initializer)
            self.renorm_stddev = self._average("renorm_stddev", size, self._first_stddev)
        self.input_spec = InputSpec(ndim=rank, axes={self.axis: size})
        self._reduced_axes = tuple(i for i in range(rank) if i != self.axis % rank)
        self.built = True

    def _average(self, name: str, size: int, initializer: Any) -> Any:
        return self.add_weight((size,), initializer, trainable=False, autocast=False, name=name)

    def _first_stddev(self, shape: Any, dtype: Any = None) -> Any:
        return ops.sqrt(self.moving_variance_initializer(shape, dtype=dtype))

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if mask is not None and len(mask.shape) != len(inputs.shape) - 1:
            raise ValueError(
                f"The mask of '{self.name}' must have one dimension less than the inputs. Received: "
                f"mask.shape={tuple(mask.shape)}, inputs.shape={tuple(inputs.shape)}"
            )
        x = ops.cast(inputs, "float32") if self.compute_dtype == "float16" else inputs
        scale, offset = self.gamma, self.beta
        if training and self.trainable:
            mean, variance = self._moments(x, mask)
            if self.renorm:
                scale, offset = self._renormalized(mean, variance)
            else:
                _follow(self.moving_variance, variance, self.momentum)
            _follow(self.moving_mean, mean, self.momentum)
        else:
            mean, variance = self.moving_mean, self.moving_variance
        mean, variance, scale, offset = (
            None if v is None else ops.cast(v, x.dtype) for v in (mean, variance, scale, offset)
        )
        out = ops.batch_normalization(x, mean, variance, self.axis, offset=offset, scale=scale, epsilon=self.epsilon)
        return ops.cast(out, self.compute_dtype)

    def _moments(self, x: Any, mask: Any) -> tuple[Any, Any]:
        """Mean and variance of each channel, of what a mask keeps."""
        axes = self._reduced_axes
        if mask is None:
            return ops.moments(x, axes=axes, synchronized=True)
        weights = ops.broadcast_to(ops.expand_dims(ops.cast(mask, x.dtype), axis=-1), ops.shape(x))

        def total(values: Any) -> Any:
            return ops.sum(ops.multiply(values, weights), axis=axes, keepdims=True)

        sums, count = replicas.averaged([total(x), total(1.0)], self.backend)
        mean = ops.divide_no_nan(sums, count)
        (squares,) = replicas.averaged([total(ops.square(ops.subtract(x, mean)))], self.backend)
        variance = ops.divide_no_nan(squares, count)
        return ops.squeeze(mean, axes), ops.squeeze(variance, axes)

    def _renormalized(self, mean: Any, variance: Any) -> tuple[Any, Any]:
        """Factor and offset that take the batch's statistics to the averages; the averages follow."""
        stddev = ops.sqrt(ops.add(variance, self.epsilon))
        limits = self.renorm_clipping
        r = ops.divide(stddev, ops.cast(self.renorm_stddev, stddev.dtype))
        d = ops.divide(
            ops.subtract(mean, ops.cast(self.renorm_mean, mean.dtype)), ops.cast(self.renorm_stddev, mean.dtype)
        )
        if "rmin" in limits:
            r = ops.maximum(r, limits["rmin"])
        if "rmax" in limits:
            r = ops.minimum(r, limits["rmax"])
        if "dmax" in limits:
            d = ops.clip(d, -limits["dmax"], limits["dmax"])
        r, d = ops.stop_gradient(r), ops.stop_gradient(d)
        _follow(self.renorm_mean, mean, self.renorm_momentum)
        _follow(self.renorm_stddev, stddev, self.renorm_momentum)
        _follow(self.moving_stddev, stddev, self.momentum)
        squares = ops.square(self.moving_stddev)
        self.moving_variance.assign(ops.maximum(ops.subtract(squares, self.epsilon), 0.0))
        if self.gamma is not None:
            gamma = ops.cast(self.gamma, r.dtype)
            r, d = ops.multiply(r, gamma), ops.multiply(d, gamma)
        return r, d if self.beta is None else ops.add(d, ops.cast(self.beta, d.dtype))

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


def _follow(average: Any, value: Any, momentum: float) -> None:
    """Move an average a step towards a value."""
    value = ops.cast(value, average.dtype)
    average.assign(ops.add(ops.multiply(average, momentum), ops.multiply(value, 1.0 - momentum)))


def _number(name: str, value: Any, kind: type = float) -> Any:
    try:
        return kind(value)
    except (TypeError, ValueError):
        raise ValueError(
            f"Invalid value for `{name}` of a BatchNormalization layer, expected one {kind.__name__}. Received: "
            f"{name}={value!r}"
        ) from None


def _checked_clipping(clipping: Any) -> dict[str, float]:
    """The limits of renormalization, `{}` for None.

    Raises:
        ValueError: no dict of known keys, or limits that nothing fulfils.
    """
    limits = {} if clipping is None else clipping
    if not isinstance(limits, dict) or not set(limits) <= set(_CLIPPING):
        raise ValueError(
            f"Received invalid keys for `renorm_clipping` argument: {clipping}. Supported values: {list(_CLIPPING)}."
        )
    if limits.get("dmax", 0) < 0:
        raise ValueError(
            f"dmax should be non-negative in the `renorm_clipping` argument. Received: dmax={limits['dmax']}."
        )
    if "rmin" in limits and "rmax" in limits and limits["rmin"] > limits["rmax"]:
        raise ValueError(
            f"rmax should be greater than rmin in the `renorm_clipping` argument. Received: rmin={limits['rmin']}, "
            f"rmax={limits['rmax']}."
        )
    return limits
