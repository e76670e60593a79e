"""Dropout and its kin: layers that disturb in training and do nothing otherwise."""

from __future__ import annotations

import abc
import math
from typing import Any

from triceras import ops, random, regularizers
from triceras.core import config
from triceras.core.seeds import SeedGenerator
from triceras.layers.input_spec import InputSpec
from triceras.layers.layer import Layer

__all__ = [
    "ActivityRegularization",
    "AlphaDropout",
    "Dropout",
    "GaussianDropout",
    "GaussianNoise",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
]


class Disturbance(Layer, abc.ABC):
    """Disturbs its input at random in training; passes it on otherwise.

    Args:
        strength: which part is dropped, or how large the noise is, from 0 (nothing happens) to 1.
        seed: integer; drawn by default.
        argument: what the subclass calls the strength.
    """

    def __init__(self, strength: float, seed: int | None, argument: str, **kwargs: Any):
        super().__init__(**kwargs)
        if isinstance(strength, bool) or not isinstance(strength, (int, float)) or not 0 <= strength <= 1:
            raise ValueError(
                f"Invalid value received for argument `{argument}`. Expected a float value between 0 and 1. Received: "
                f"{argument}={strength}"
            )
        self._disturbs, self.seed = strength > 0, seed
        if self._disturbs:
            self.seed_generator = SeedGenerator(seed)
        self.supports_masking = self.built = True

    @abc.abstractmethod
    def disturb(self, inputs: Any) -> Any:
        """The output in training."""

    def call(self, inputs: Any, training: bool = False) -> Any:
        return self.disturb(inputs) if training and self._disturbs else inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


class Dropout(Disturbance):
    """In training, sets elements to zero at random and scales the others up by `1 / (1 - rate)`.

    Input and output: any shape. Srivastava et al. 2014, "Dropout".

    Args:
        rate: which part is dropped, from 0 to 1.
        noise_shape: shape of the mask, broadcast to the input's; None dimensions are the input's.
        seed: integer; drawn by default.

    Raises:
        ValueError: `rate` isn't between 0 and 1, or `noise_shape` isn't a shape of the input's rank.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> layer = triceras.layers.Dropout(0.5, seed=1)
        >>> triceras.ops.convert_to_numpy(layer(np.ones((1, 2)))).tolist()
        [[1.0, 1.0]]
    """

    def __init__(self, rate: float, noise_shape: Any = None, seed: int | None = None, **kwargs: Any):
        super().__init__(rate, seed, "rate", **kwargs)
        self.rate, self.noise_shape = rate, _checked_noise_shape(noise_shape)

    def _noise_shape(self, inputs: Any) -> Any:
        return _filled(self.noise_shape, ops.shape(inputs), self.name)

    def disturb(self, inputs: Any) -> Any:
        if self.rate == 1:
            return ops.zeros_like(inputs)
        return random.dropout(inputs, self.rate, noise_shape=self._noise_shape(inputs), seed=self.seed_generator)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed, "noise_shape": self.noise_shape}


class AlphaDropout(Disturbance):
    """Dropout that keeps the mean 0 and the variance 1 of its input: for networks with `selu`.

    Input and output: any shape. Klambauer et al. 2017, "Self-Normalizing Neural Networks".

    Args:
        rate: which part is dropped, from 0 to 1 (only below 1 can be trained with).
        noise_shape: shape of the mask, broadcast to the input's; None dimensions are the input's.
        seed: integer; drawn by default.

    Raises:
        ValueError: `rate` isn't between 0 and 1, or `noise_shape` isn't a shape of the input's rank.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> layer = triceras.layers.AlphaDropout(0.2, seed=1)
        >>> out = triceras.ops.convert_to_numpy(layer(np.zeros((9, 99)), training=True))
        >>> out.shape, len(np.unique(out))
        ((9, 99), 2)
    """

    _dropped = -1.7580993408473766  # what selu tends to for very negative numbers

    def __init__(self, rate: float, noise_shape: Any = None, seed: int | None = None, **kwargs: Any):
        super().__init__(rate, seed, "rate", **kwargs)
        self.rate, self.noise_shape = rate, _checked_noise_shape(noise_shape)

    def disturb(self, inputs: Any) -> Any:
        _refuse_one(self)
        shape = ops.shape(inputs)
        noise = random.uniform(_filled(self.noise_shape, shape, self.name) or shape, seed=self.seed_generator)
        scale = ((1 - self.rate) * (1 + self.rate * self._dropped**2)) ** -0.5
        shift = -scale * self._dropped * self.rate
        kept = ops.where(ops.greater_equal(noise, self.rate), inputs, ops.cast(self._dropped, inputs.dtype))
        return ops.add(ops.multiply(kept, scale), shift)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed, "noise_shape": self.noise_shape}


class GaussianDropout(Disturbance):
    """In training, multiplies by normally distributed numbers of mean 1 and variance `rate / (1 - rate)`.

    Input and output: any shape. Srivastava et al. 2014, "Dropout", section 10.

    Args:
        rate: as of `Dropout`, whose mean and variance it has; from 0 to 1 (only below 1 can be trained with).
        seed: integer; drawn by default.

    Raises:
        ValueError: `rate` isn't between 0 and 1.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> layer = triceras.layers.GaussianDropout(0.5, seed=1)
        >>> out = triceras.ops.convert_to_numpy(layer(np.ones((99, 99)), training=True))
        >>> abs(float(out.mean()) - 1) < 0.05, abs(float(out.std()) - 1) < 0.05
        (True, True)
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any):
        super().__init__(rate, seed, "rate", **kwargs)
        self.rate = rate

    def disturb(self, inputs: Any) -> Any:
        _refuse_one(self)
        stddev = math.sqrt(self.rate / (1.0 - self.rate))
        noise = random.normal(ops.shape(inputs), 1.0, stddev, dtype=self.compute_dtype, seed=self.seed_generator)
        return ops.multiply(inputs, noise)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


class GaussianNoise(Disturbance):
    """In training, adds normally distributed noise of mean 0.

    Input and output: any shape.

    Args:
        stddev: its standard deviation, from 0 to 1.
        seed: integer; drawn by default.

    Raises:
        ValueError: `stddev` isn't between 0 and 1.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> layer = triceras.layers.GaussianNoise(0.5, seed=1)
        >>> out = triceras.ops.convert_to_numpy(layer(np.ones((99, 99)), training=True))
        >>> abs(float(out.mean()) - 1) < 0.05, abs(float(out.std()) - 0.5) < 0.05
        (True, True)
    """

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any):
        super().__init__(stddev, seed, "stddev", **kwargs)
        self.stddev = stddev

    def disturb(self, inputs: Any) -> Any:
        noise = random.normal(ops.shape(inputs), 0.0, self.stddev, dtype=self.compute_dtype, seed=self.seed_generator)
        return ops.add(inputs, noise)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "stddev": self.stddev, "seed": self.seed}


class SpatialDropout(Dropout, abc.ABC):
    """Drops whole feature maps."""

    rank: int  # of the input

    def __init__(
        self, rate: float, data_format: str, seed: int | None = None, name: str | None = None, dtype: Any = None
    ):
        super().__init__(rate, seed=seed, name=name, dtype=dtype)
        self.data_format = data_format
        self.input_spec = InputSpec(ndim=self.rank)

    def _noise_shape(self, inputs: Any) -> Any:
        shape, ones = ops.shape(inputs), (1,) * (self.rank - 2)
        return (*shape[:2], *ones) if self.data_format == "channels_first" else (shape[0], *ones, shape[-1])

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {name: config[name] for name in ("rate", "seed", "name", "dtype")}  # Keras takes no more than these


class SpatialDropout1D(SpatialDropout):
    """In training, drops whole channels of sequences.

    Input and output: `(batch, time, channels)`. Tompson et al. 2014, "Efficient Object Localization Using Convolutional
    Networks".

    Args:
        rate: which part is dropped, from 0 to 1.
        seed: integer; drawn by default.
        name, dtype: as of every layer.

    Raises:
        ValueError: `rate` isn't between 0 and 1.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> layer = triceras.layers.SpatialDropout1D(0.5)
        >>> out = triceras.ops.convert_to_numpy(layer(np.ones((1, 3, 4)), training=True))
        >>> bool((out[:, 0] == out[:, 1]).all())
        True
    """

    rank = 3

    def __init__(self, rate: float, seed: int | None = None, name: str | None = None, dtype: Any = None):
        super().__init__(rate, "channels_last", seed, name, dtype)


class SpatialDropoutOfImages(SpatialDropout, abc.ABC):
    """Drops whole channels, which are the second or the last dimension."""

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(rate, config.standardize_data_format(data_format), seed, name, dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format}


class SpatialDropout2D(SpatialDropoutOfImages):
    """In training, drops whole channels of images.

    Input and output: `(batch, height, width, channels)`, or `(batch, channels, height, width)`. Tompson et al. 2014,
    "Efficient Object Localization Using Convolutional Networks".

    Args:
        rate: which part is dropped, from 0 to 1.
        data_format: `"channels_last"` or `"channels_first"`; `config.image_data_format()` by default.
        seed: integer; drawn by default.
        name, dtype: as of every layer.

    Raises:
        ValueError: `rate` isn't between 0 and 1; an unknown `data_format`.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> layer = triceras.layers.SpatialDropout2D(0.5)
        >>> out = triceras.ops.convert_to_numpy(layer(np.ones((1, 2, 2, 4)), training=True))
        >>> bool((out[:, 0, 0] == out[:, 1, 1]).all())
        True
    """

    rank = 4


class SpatialDropout3D(SpatialDropoutOfImages):
    """In training, drops whole channels of volumes.

    Input and output: `(batch, depth, height, width, channels)`, or `(batch, channels, depth, height, width)`. Tompson
    et al. 2014, "Efficient Object Localization Using Convolutional Networks".

    Args:
        rate: which part is dropped, from 0 to 1.
        data_format: `"channels_last"` or `"channels_first"`; `config.image_data_format()` by default.
        seed: integer; drawn by default.
        name, dtype: as of every layer.

    Raises:
        ValueError: `rate` isn't between 0 and 1; an unknown `data_format`.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> layer = triceras.layers.SpatialDropout3D(0.5)
        >>> out = triceras.ops.convert_to_numpy(layer(np.ones((1, 2, 2, 2, 4)), training=True))
        >>> bool((out[:, 0, 0, 0] == out[:, 1, 1, 1]).all())
        True
    """

    rank = 5


class ActivityRegularization(Layer):
    """Adds a cost for its input's size to the model's loss, and passes the input on.

    Input and output: any shape. The cost is `l1 * sum(|x|) + l2 * sum(x²)`, divided by the batch size.

    Args:
        l1: factor of the sum of absolute values.
        l2: factor of the sum of squares.

    Raises:
        ValueError: a factor isn't a non-negative number.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> layer = triceras.layers.ActivityRegularization(l1=1.0)
        >>> out = layer(np.array([[1.0, -2.0], [0.0, 3.0]]))
        >>> float(layer.losses[0])
        3.0
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any):
        super().__init__(activity_regularizer=regularizers.L1L2(l1=l1, l2=l2), **kwargs)
        self.l1, self.l2, self.supports_masking, self.built = l1, l2, True, True

    def call(self, inputs: Any) -> Any:
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "l1": self.l1, "l2": self.l2}
        config.pop("activity_regularizer", None)
        return config


def _checked_noise_shape(noise_shape: Any) -> tuple | None:
    """A noise shape as a tuple.

    Raises:
        ValueError: it is no list or tuple of positive integers and None.
    """
    if noise_shape is None:
        return None
    if not isinstance(noise_shape, (list, tuple)) or not all(
        d is None or isinstance(d, int) and d > 0 for d in noise_shape
    ):
        raise ValueError(
            "Invalid value received for argument `noise_shape`. Expected a tuple or list of positive integers or "
            f"None. Received: noise_shape={noise_shape}"
        )
    return tuple(noise_shape)


def _filled(noise_shape: tuple | None, shape: tuple, name: str) -> tuple | None:
    """A noise shape with the input's sizes in place of None."""
    if noise_shape is None:
        return None
    if len(noise_shape) != len(shape):
        raise ValueError(
            f"Argument `noise_shape` of layer '{name}' must have as many dimensions as the input. Received: "
            f"noise_shape={noise_shape}, input_shape={shape}"
        )
    return tuple(n if d is None else d for d, n in zip(noise_shape, shape, strict=True))


def _refuse_one(layer: Any) -> None:
    if layer.rate == 1:
        raise ValueError(
            f"Layer '{layer.name}' of type {type(layer).__name__} can't be trained with rate=1, where nothing is "
            "left of the input. Use a rate below 1."
        )
