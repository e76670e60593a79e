"""First values of weights. Drawn on the host with NumPy, so that one seed gives the same bits on every backend."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from triceras.core import identifiers
from triceras.core.dtypes import standardize_dtype, to_numpy_dtype
from triceras.core.seeds import SeedGenerator, host_generator

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "IdentityInitializer",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "OrthogonalInitializer",
    "RandomNormal",
    "RandomUniform",
    "STFT",
    "STFTInitializer",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "constant",
    "deserialize",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "serialize",
    "stft",
    "truncated_normal",
    "variance_scaling",
    "zeros",
]


class Initializer:
    """Base of all initializers: gives a tensor of any shape.

    A subclass defines `sample(shape, dtype) -> np.ndarray`, or, as in Keras, `__call__(shape, dtype=None) -> tensor`.

    Example:
        >>> from triceras import initializers
        >>> class Halves(initializers.Initializer):
        ...     def sample(self, shape, dtype):
        ...         return np.full(shape, 0.5, dtype)
        >>> Halves().draw((2,)).tolist()
        [0.5, 0.5]
    """

    def __call__(self, shape: Any, dtype: Any = None, **kwargs: Any) -> Any:
        """A tensor of the current backend with these values.

        Args:
            shape: its shape, of ints.
            dtype: its dtype; `config.floatx()` by default.
        """
        from triceras import ops

        return ops.convert_to_tensor(self._sample(shape, dtype), standardize_dtype(dtype))

    def draw(self, shape: Any, dtype: Any = None) -> np.ndarray:
        """The same values as a NumPy array: what a Variable begins with."""
        if type(self).__call__ is not Initializer.__call__:
            from triceras import ops

            return ops.convert_to_numpy(self(shape, dtype=dtype))
        return self._sample(shape, dtype)

    def _sample(self, shape: Any, dtype: Any) -> np.ndarray:
        dtype = to_numpy_dtype(standardize_dtype(dtype))
        return np.asarray(self.sample(tuple(map(int, shape)), dtype)).astype(dtype, copy=False)

    def sample(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """Values of this shape; they are cast to `dtype` afterwards."""
        raise NotImplementedError("Initializer subclasses must implement the `__call__()` method.")

    def get_config(self) -> dict[str, Any]:
        """The arguments it was made with."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Initializer:
        """Make one from its config."""
        return cls(**config)

    def clone(self) -> Initializer:
        """Another one with the same config."""
        return type(self).from_config(self.get_config())


class Zeros(Initializer):
    """All zeros (or `False`).

    Example:
        >>> from triceras import initializers
        >>> initializers.Zeros().draw((2,)).tolist()
        [0.0, 0.0]
    """

    def sample(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        return np.zeros(shape, dtype)


class Ones(Initializer):
    """All ones (or `True`).

    Example:
        >>> from triceras import initializers
        >>> initializers.Ones().draw((2,)).tolist()
        [1.0, 1.0]
    """

    def sample(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        return np.ones(shape, dtype)


class Constant(Initializer):
    """One value everywhere.

    Args:
        value: a number, or an array that broadcasts to the shape asked for.

    Example:
        >>> from triceras import initializers
        >>> initializers.Constant(3).draw((2,)).tolist()
        [3.0, 3.0]
    """

    def __init__(self, value: Any = 0.0):
        self.value = value

    def sample(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        return np.broadcast_to(np.asarray(self.value), shape)

    def get_config(self) -> dict[str, Any]:
        from triceras.saving import serialization

        return {"value": serialization.serialize_keras_object(self.value)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Constant:
        from triceras.saving import serialization

        return cls(serialization.deserialize_keras_object(config["value"]))


class Identity(Initializer):
    """The identity matrix times a gain; for two dimensions only.

    Args:
        gain: what the ones are multiplied by.

    Example:
        >>> from triceras import initializers
        >>> initializers.Identity(2.0).draw((2, 2)).tolist()
        [[2.0, 0.0], [0.0, 2.0]]
    """

    def __init__(self, gain: float = 1.0):
        self.gain = gain

    def sample(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        if len(shape) != 2:
            raise ValueError(
                "Identity matrix initializer can only be used for 2D matrices. "
                f"Received: shape={shape} of rank {len(shape)}."
            )
        return self.gain * np.eye(*shape, dtype="float32")

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain}


class RandomInitializer(Initializer):
    """Base of the random ones: keeps the seed, draws in float32 whatever the dtype.

    An integer seed gives the same values at every call. A `SeedGenerator` advances, and so does the process's stream,
    which serves `seed=None` and which `utils.set_random_seed` restarts.
    """

    def __init__(self, seed: int | SeedGenerator | dict | None = None):
        if isinstance(seed, dict):
            from triceras.saving import serialization

            seed = serialization.deserialize_keras_object(seed)
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer, SeedGenerator, type(None))):
            raise ValueError(
                "`seed` argument should be an instance of `keras.random.SeedGenerator()` or an integer. "
                f"Received: seed={seed}"
            )
        self.seed = seed

    def get_config(self) -> dict[str, Any]:
        from triceras.saving import serialization

        return {"seed": serialization.serialize_keras_object(self.seed)}


class RandomNormal(RandomInitializer):
    """Normally distributed values.

    Args:
        mean: their mean.
        stddev: their standard deviation.
        seed: int, `SeedGenerator` or None.

    Example:
        >>> from triceras import initializers
        >>> initializers.RandomNormal(seed=0).draw((2, 3)).shape
        (2, 3)
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None):
        super().__init__(seed)
        self.mean, self.stddev = mean, stddev

    def sample(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        return _normal(shape, self.mean, self.stddev, self.seed)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mean": self.mean, "stddev": self.stddev}


class TruncatedNormal(RandomNormal):
    """Normally distributed values; those more than two standard deviations from the mean are drawn again.

    Args:
        mean: the mean.
        stddev: the standard deviation before the truncation.
        seed: int, `SeedGenerator` or None.

    Example:
        >>> from triceras import initializers
        >>> bool(abs(initializers.TruncatedNormal(seed=0).draw((100,))).max() <= 0.1)
        True
    """

    def sample(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        return _truncated_normal(shape, self.mean, self.stddev, self.seed)


class RandomUniform(RandomInitializer):
    """Uniformly distributed values.

    Args:
        minval: lower bound, included.
        maxval: upper bound, excluded.
        seed: int, `SeedGenerator` or None.

    Example:
        >>> from triceras import initializers
        >>> bool(initializers.RandomUniform(0.0, 1.0, seed=0).draw((100,)).min() >= 0)
        True
    """

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Any = None):
        super().__init__(seed)
        self.minval, self.maxval = minval, maxval

    def sample(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        if np.issubdtype(dtype, np.integer):
            return host_generator(self.seed).integers(int(self.minval), int(self.maxval), shape)
        return _uniform(shape, self.minval, self.maxval, self.seed)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "minval": self.minval, "maxval": self.maxval}


class VarianceScaling(RandomInitializer):
    """Random values whose variance is `scale / fan`, so that signals keep their size through layers.

    Args:
        scale: a positive factor.
        mode: `"fan_in"` (inputs of a unit), `"fan_out"` (outputs) or `"fan_avg"` (the mean of both).
        distribution: `"truncated_normal"`, `"untruncated_normal"` or `"uniform"`.
        seed: int, `SeedGenerator` or None.
        input_axes: axes whose product is the fan in; by default the last but one, times the receptive field.
        output_axes: axes whose product is the fan out; by default the last, times the receptive field.

    Raises:
        ValueError: an argument isn't one of these.

    Example:
        >>> from triceras import initializers
        >>> initializers.VarianceScaling(2.0, mode="fan_avg", seed=0).draw((3, 4)).shape
        (3, 4)
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Any = None,
        input_axes: Any = None,
        output_axes: Any = None,
    ):
        super().__init__(seed)
        if scale <= 0.0:
            raise ValueError(f"Argument `scale` must be positive float. Received: scale={scale}")
        if mode not in FANS:
            raise ValueError(f"Invalid `mode` argument: {mode}. Please use one of {tuple(FANS)}")
        if distribution not in DISTRIBUTIONS:
            known = tuple(DISTRIBUTIONS)
            raise ValueError(f"Invalid `distribution` argument: {distribution}. Please use one of {known}")
        self.scale, self.mode, self.distribution = scale, mode, distribution
        self.input_axes, self.output_axes = input_axes, output_axes

    def sample(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        fan = FANS[self.mode](*compute_fans(shape, self.input_axes, self.output_axes))
        return DISTRIBUTIONS[self.distribution](shape, math.sqrt(self.scale / max(1.0, fan)), self.seed)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "scale": self.scale,
            "mode": self.mode,
            "distribution": self.distribution,
            "input_axes": self.input_axes,
            "output_axes": self.output_axes,
        }


class _FixedVarianceScaling(VarianceScaling):
    """A named choice of scale, mode and distribution."""

    settings: tuple[float, str, str]

    def __init__(self, seed: Any = None, input_axes: Any = None, output_axes: Any = None):
        super().__init__(*self.settings, seed=seed, input_axes=input_axes, output_axes=output_axes)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {key: config[key] for key in ("seed", "input_axes", "output_axes")}


class GlorotUniform(_FixedVarianceScaling):
    """Uniform within ±sqrt(6 / (fan_in + fan_out)): Glorot & Bengio, 2010.

    Args:
        seed: int, `SeedGenerator` or None.
        input_axes, output_axes: see `VarianceScaling`.

    Example:
        >>> from triceras import initializers
        >>> bool(abs(initializers.GlorotUniform(seed=0).draw((3, 3))).max() <= 1)
        True
    """

    settings = (1.0, "fan_avg", "uniform")


class GlorotNormal(_FixedVarianceScaling):
    """Truncated normal of variance 2 / (fan_in + fan_out): Glorot & Bengio, 2010. Arguments as `GlorotUniform`."""

    settings = (1.0, "fan_avg", "truncated_normal")


class LecunNormal(_FixedVarianceScaling):
    """Truncated normal of variance 1 / fan_in: Klambauer et al., 2017. Arguments as `GlorotUniform`."""

    settings = (1.0, "fan_in", "truncated_normal")


class LecunUniform(_FixedVarianceScaling):
    """Uniform within ±sqrt(3 / fan_in): LeCun et al., 1998. Arguments as `GlorotUniform`."""

    settings = (1.0, "fan_in", "uniform")


class HeNormal(_FixedVarianceScaling):
    """Truncated normal of variance 2 / fan_in: He et al., 2015. Arguments as `GlorotUniform`."""

    settings = (2.0, "fan_in", "truncated_normal")


class HeUniform(_FixedVarianceScaling):
    """Uniform within ±sqrt(6 / fan_in): He et al., 2015. Arguments as `GlorotUniform`."""

    settings = (2.0, "fan_in", "uniform")


class Orthogonal(RandomInitializer):
    """A matrix with orthonormal rows or columns, whichever are fewer: Saxe et al., 2014.

    More than two dimensions are taken as a matrix whose columns are the last axis.

    Args:
        gain: what the matrix is multiplied by.
        seed: int, `SeedGenerator` or None.

    Raises:
        ValueError: fewer than two dimensions.

    Example:
        >>> from triceras import initializers
        >>> q = initializers.Orthogonal(seed=0).draw((3, 2))
        >>> bool(abs(q.T @ q - [[1.0, 0.0], [0.0, 1.0]]).max() < 1e-6)
        True
    """

    def __init__(self, gain: float = 1.0, seed: Any = None):
        super().__init__(seed)
        self.gain = gain

    def sample(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        if len(shape) < 2:
            raise ValueError(
                "The tensor to initialize must be at least two-dimensional. "
                f"Received: shape={shape} of rank {len(shape)}."
            )
        rows, columns = math.prod(shape[:-1]), shape[-1]
        tall = _normal((max(rows, columns), min(rows, columns)), 0.0, 1.0, self.seed)
        q, r = np.linalg.qr(tall)
        q = q * np.where(np.diag(r) < 0, -1, 1).astype("float32")  # a unique Q makes it uniformly distributed
        return (self.gain * (q.T if rows < columns else q)).reshape(shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "gain": self.gain}


class STFT(Initializer):
    """The cosine or sine waves of a short-time Fourier transform, for the kernel of a 1D convolution.

    Args:
        side: `"real"` (cosines) or `"imag"` (sines, negated).
        window: name of a SciPy window, an array, or None for none; waves are multiplied by it.
        scaling: `"density"` (divide by the root of the window's energy), `"spectrum"` (by its sum) or None.
        periodic: whether the window is periodic rather than symmetric.

    Raises:
        ValueError: an unknown side or scaling, or a shape other than `(window length, 1, bins)`.

    Example:
        >>> from triceras import initializers
        >>> initializers.STFT("real", window=None, scaling=None).draw((2, 1, 2)).round(3).ravel().tolist()
        [1.0, 1.0, 1.0, -1.0]
    """

    def __init__(
        self, side: str = "real", window: Any = "hann", scaling: str | None = "density", periodic: bool = False
    ):
        if side not in ("real", "imag"):
            raise ValueError(f"`side` must be 'real' or 'imag'. Received: side={side}")
        if scaling not in ("density", "spectrum", None):
            raise ValueError(f"`scaling` must be 'density', 'spectrum' or None. Received: scaling={scaling}")
        self.side, self.window, self.scaling, self.periodic = side, window, scaling, periodic

    def sample(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        length, channels, bins = shape
        if channels != 1:
            raise ValueError(f"STFT gives a kernel of shape (window length, 1, bins). Received: shape={shape}")
        window = self._window(length)
        angles = 2 * np.pi * np.outer(np.arange(length), np.arange(bins)) / (2 * (bins - 1))
        waves = window[:, None] * (np.cos(angles) if self.side == "real" else -np.sin(angles))
        return (waves / self._norm(window))[:, None, :]

    def _window(self, length: int) -> np.ndarray:
        if self.window is None:
            return np.ones(length)
        if not isinstance(self.window, str):
            return np.asarray(self.window, "float64")
        from scipy import signal

        return signal.get_window(self.window, length, fftbins=self.periodic)

    def _norm(self, window: np.ndarray) -> float:
        if self.scaling is None:
            return 1.0
        return math.sqrt((window**2).sum()) if self.scaling == "density" else abs(window.sum())

    def get_config(self) -> dict[str, Any]:
        return {"side": self.side, "window": self.window, "periodic": self.periodic, "scaling": self.scaling}


# --- drawing ---------------------------------------------------------------------------------------------------------


def _normal(shape: tuple[int, ...], mean: float, stddev: float, seed: Any) -> np.ndarray:
    return np.float32(mean) + np.float32(stddev) * host_generator(seed).standard_normal(shape, "float32")


def _uniform(shape: tuple[int, ...], low: float, high: float, seed: Any) -> np.ndarray:
    return np.float32(low) + np.float32(high - low) * host_generator(seed).random(shape, "float32")


def _truncated_normal(shape: tuple[int, ...], mean: float, stddev: float, seed: Any) -> np.ndarray:
    generator = host_generator(seed)
    values = generator.standard_normal(math.prod(shape), "float32")
    outside = np.flatnonzero(np.abs(values) > 2)
    while outside.size:
        values[outside] = generator.standard_normal(outside.size, "float32")
        outside = outside[np.abs(values[outside]) > 2]
    return np.float32(mean) + np.float32(stddev) * values.reshape(shape)


STDDEV_OF_TRUNCATED = 0.87962566103423978  # of a standard normal cut at ±2

FANS: dict[str, Callable] = {
    "fan_in": lambda fan_in, fan_out: fan_in,
    "fan_out": lambda fan_in, fan_out: fan_out,
    "fan_avg": lambda fan_in, fan_out: (fan_in + fan_out) / 2,
}
DISTRIBUTIONS: dict[str, Callable] = {
    "truncated_normal": lambda shape, std, seed: _truncated_normal(shape, 0.0, std / STDDEV_OF_TRUNCATED, seed),
    "untruncated_normal": lambda shape, std, seed: _normal(shape, 0.0, std, seed),
    "uniform": lambda shape, std, seed: _uniform(shape, -math.sqrt(3) * std, math.sqrt(3) * std, seed),
}


def compute_fans(shape: tuple[int, ...], input_axes: Any = None, output_axes: Any = None) -> tuple[int, int]:
    """How many inputs and outputs a unit of a kernel has.

    Args:
        shape: the kernel's; a convolution's ends with (input channels, filters).
        input_axes, output_axes: axes to take the products of instead.
    """
    if len(shape) < 2:
        fan_in = fan_out = math.prod(shape)
    else:
        field = math.prod(shape[:-2])
        fan_in, fan_out = shape[-2] * field, shape[-1] * field
    if input_axes is not None:
        fan_in = math.prod(shape[axis] for axis in input_axes)
    if output_axes is not None:
        fan_out = math.prod(shape[axis] for axis in output_axes)
    return fan_in, fan_out


# --- names -----------------------------------------------------------------------------------------------------------

IdentityInitializer, OrthogonalInitializer, STFTInitializer = Identity, Orthogonal, STFT
constant, identity, ones, zeros, orthogonal, stft = Constant, Identity, Ones, Zeros, Orthogonal, STFT
random_normal, random_uniform, truncated_normal = RandomNormal, RandomUniform, TruncatedNormal
glorot_normal, glorot_uniform, he_normal, he_uniform = GlorotNormal, GlorotUniform, HeNormal, HeUniform
lecun_normal, lecun_uniform, variance_scaling = LecunNormal, LecunUniform, VarianceScaling

TABLE: dict[str, Any] = {
    **{name: globals()[name] for name in __all__ if inspect.isclass(globals().get(name)) and name != "Initializer"},
    "normal": RandomNormal,
    "uniform": RandomUniform,
    "one": Ones,
    "zero": Zeros,
}


def serialize(initializer: Any) -> Any:
    """The config of an initializer, with its class.

    Example:
        >>> from triceras import initializers
        >>> initializers.serialize(initializers.Ones())["class_name"]
        'Ones'
    """
    from triceras.saving import serialization

    return serialization.serialize_keras_object(initializer)


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
    """An initializer from what `serialize` gave.

    Args:
        config: the config.
        custom_objects: names of own classes and functions.
    """
    from triceras.saving.registry import CustomObjectScope

    with CustomObjectScope(custom_objects or {}):
        return get(config)


def get(identifier: Any) -> Any:
    """An initializer from a name, a config, a class, an instance or a function; an array gives a `Constant`.

    Raises:
        ValueError: none of these, or an unknown name; the error lists the nearest.

    Example:
        >>> from triceras import initializers
        >>> type(initializers.get("he_normal")).__name__
        'HeNormal'
    """
    if isinstance(identifier, np.ndarray):
        return Constant(identifier)
    return identifiers.resolve(identifier, "initializer", TABLE)
