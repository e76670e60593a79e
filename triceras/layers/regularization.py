"""Dropout and its kin: layers that disturb in training and do nothing otherwise."""

from __future__ import annotations

from typing import Any

from triceras import ops, random
from triceras.core.seeds import SeedGenerator
from triceras.layers.layer import Layer

__all__ = ["ActivityRegularization", "Dropout", "GaussianNoise", "SpatialDropout1D", "SpatialDropout2D"]


class Dropout(Layer):
    """In training, sets elements to zero at random and scales the others up by `1 / (1 - rate)`.

    Args:
        rate: which part is dropped, from 0 to 1.
        noise_shape: shape of the mask, broadcast to the input's; None dimensions are the input's.
        seed: integer; drawn by default.

    Raises:
        ValueError: `rate` isn't between 0 and 1.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> layer = triceras.layers.Dropout(0.5, seed=1)
        >>> triceras.ops.convert_to_numpy(layer(np.ones((1, 2)))).tolist()
        [[1.0, 1.0]]
    """

    def __init__(self, rate: float, noise_shape: Any = None, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        if not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
            raise ValueError(
                "Invalid value received for argument `rate`. Expected a float value between 0 and 1. Received: "
                f"rate={rate}"
            )
        self.rate, self.seed = rate, seed
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)
        if rate > 0:
            self.seed_generator = SeedGenerator(seed)
        self.supports_masking = True
        self.built = True

    def _noise_shape(self, inputs: Any) -> Any:
        if self.noise_shape is None:
            return None
        shape = ops.shape(inputs)
        if len(self.noise_shape) != len(shape):
            raise ValueError(
                f"Argument `noise_shape` must have as many dimensions as the input, {len(shape)}. Received: "
                f"noise_shape={self.noise_shape}"
            )
        return tuple(n if d is None else d for d, n in zip(self.noise_shape, shape, strict=True))

    def call(self, inputs: Any, training: bool = False) -> Any:
        if training and self.rate > 0:
            return random.dropout(inputs, self.rate, noise_shape=self._noise_shape(inputs), seed=self.seed_generator)
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed, "noise_shape": self.noise_shape}


class SpatialDropout(Dropout):
    """Drops whole feature maps."""

    def __init__(self, rate: float, seed: int | None = None, name: str | None = None, dtype: Any = None, **kwargs: Any):
        super().__init__(rate, seed=seed, name=name, dtype=dtype, **kwargs)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {name: config[name] for name in ("rate", "seed", "name", "dtype")}  # Keras takes no more than these


class SpatialDropout1D(SpatialDropout):
    """Drops whole channels of `(batch, time, channels)`.

    Args:
        rate: which part is dropped, from 0 to 1.
        seed: integer; drawn by default.
    """

    def _noise_shape(self, inputs: Any) -> Any:
        batch, _, channels = ops.shape(inputs)
        return batch, 1, channels


class SpatialDropout2D(SpatialDropout):
    """Drops whole channels of images.

    Args:
        rate: which part is dropped, from 0 to 1.
        data_format: `"channels_last"` or `"channels_first"`.
        seed: integer; drawn by default.
    """

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: int | None = None,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ):
        from triceras.core import config

        super().__init__(rate, seed=seed, name=name, dtype=dtype, **kwargs)
        self.data_format = config.standardize_data_format(data_format)

    def _noise_shape(self, inputs: Any) -> Any:
        shape = ops.shape(inputs)
        return (shape[0], shape[1], 1, 1) if self.data_format == "channels_first" else (shape[0], 1, 1, shape[3])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format}


class GaussianNoise(Layer):
    """In training, adds normally distributed noise.

    Args:
        stddev: its standard deviation.
        seed: integer; drawn by default.
    """

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        if not 0 <= stddev <= 1:
            raise ValueError(
                "Invalid value received for argument `stddev`. Expected a float value between 0 and 1. Received: "
                f"stddev={stddev}"
            )
        self.stddev, self.seed = stddev, seed
        if stddev > 0:
            self.seed_generator = SeedGenerator(seed)
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        if training and self.stddev > 0:
            noise = random.normal(
                ops.shape(inputs), 0.0, self.stddev, dtype=self.compute_dtype, seed=self.seed_generator
            )
            return ops.add(inputs, noise)
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "stddev": self.stddev, "seed": self.seed}


class ActivityRegularization(Layer):
    """Adds a cost for its input's size, and passes it on.

    Args:
        l1: factor of the sum of absolute values.
        l2: factor of the sum of squares.
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any):
        from triceras import regularizers

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
