"""Random tensors. Everything is drawn from a key, which a `SeedGenerator` counts up.

In every function `dtype` defaults to `floatx`, and `seed` is an int (the same numbers at each call), a `SeedGenerator`,
or None for the global generator of the current backend. See `config.set_rng` for which generator is used.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from triceras import ops
from triceras.core import config, dtypes, registry
from triceras.core.scope import use_backend
from triceras.core.seeds import SeedGenerator, draw_key
from triceras.core.spec import Spec

__all__ = [
    "SeedGenerator", "beta", "binomial", "categorical", "dropout", "gamma", "normal", "randint", "shuffle",
    "truncated_normal", "uniform",
]  # fmt: skip


def normal(shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Any = None) -> Any:
    """Normally distributed numbers.

    Args:
        shape: of the result.
        mean, stddev: numbers or tensors that broadcast to it.
        dtype: a floating dtype.
        seed: int, `SeedGenerator` or None.

    Example:
        >>> from triceras import ops, random
        >>> ops.shape(random.normal((2, 3), seed=1))
        (2, 3)
    """

    def draw(key: Any, dtype: str) -> Any:
        return _scaled(_native_or_portable(ops.random_normal, key, shape, dtype), mean, stddev)

    return _drawn(draw, shape, dtype, seed)


def uniform(shape: Any, minval: Any = 0.0, maxval: Any = 1.0, dtype: Any = None, seed: Any = None) -> Any:
    """Uniformly distributed numbers, `minval` included and `maxval` not.

    Args:
        minval, maxval: numbers or tensors that broadcast to the result.
        shape, dtype, seed: as for `normal`.
    """
    if not dtypes.is_float(dtypes.standardize_dtype(dtype)):
        raise ValueError(f"random.uniform: argument dtype must be a floating one; got {dtype!r}. Use random.randint.")

    def draw(key: Any, dtype: str) -> Any:
        return _scaled(_uniform(key, shape, dtype), minval, ops.subtract(maxval, minval))

    return _drawn(draw, shape, dtype, seed)


def randint(shape: Any, minval: Any, maxval: Any, dtype: Any = "int32", seed: Any = None) -> Any:
    """Uniformly distributed integers, `minval` included and `maxval` not; at most 2**31 of them.

    Args:
        minval, maxval: integers.
        dtype: an integer dtype.
        shape, seed: as for `normal`.
    """
    if not dtypes.is_int(dtypes.standardize_dtype(dtype)):
        raise ValueError(f"random.randint: argument dtype must be an integer one; got {dtype!r}. Use random.uniform.")

    def draw(key: Any, dtype: str) -> Any:
        span = ops.cast(ops.subtract(maxval, minval), "int32")
        return ops.cast(ops.add(ops.mod(_positive_bits(key, shape), span), ops.cast(minval, "int32")), dtype)

    return _drawn(draw, shape, dtype, seed)


def truncated_normal(shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Any = None) -> Any:
    """Normally distributed numbers at most two standard deviations away from the mean; arguments as for `normal`."""
    edge = math.erf(math.sqrt(2.0))

    def draw(key: Any, dtype: str) -> Any:
        wide = "float64" if dtype == "float64" else "float32"
        place = _scaled(_uniform(key, shape, wide), -edge, 2.0 * edge)
        values = ops.clip(ops.multiply(ops.erfinv(place), math.sqrt(2.0)), -2.0, 2.0)
        return _scaled(ops.cast(values, dtype), mean, stddev)

    return _drawn(draw, shape, dtype, seed)


def categorical(logits: Any, num_samples: int, dtype: Any = "int32", seed: Any = None) -> Any:
    """Classes drawn with the probabilities that `softmax(logits)` gives.

    Args:
        logits: a tensor of shape `(batch, classes)`.
        num_samples: how many for each row.
        dtype: an integer dtype.
        seed: int, `SeedGenerator` or None.

    Returns:
        A tensor of shape `(batch, num_samples)`.
    """
    batch, classes = ops.shape(logits)

    def draw(key: Any, dtype: str) -> Any:
        u = ops.add(_uniform(key, (batch, num_samples, classes), "float32"), 2.0**-24)
        gumbel = ops.negative(ops.log(ops.negative(ops.log(u))))  # the largest logit + Gumbel noise is such a class
        return ops.cast(ops.argmax(ops.add(ops.expand_dims(ops.cast(logits, "float32"), 1), gumbel), axis=-1), dtype)

    return _drawn(draw, (batch, num_samples), dtype, seed, like=logits)


def dropout(inputs: Any, rate: Any, noise_shape: Any = None, seed: Any = None) -> Any:
    """`inputs` with a random part set to 0 and the rest scaled up, so that the sum stays the same on average.

    Args:
        inputs: a tensor.
        rate: the part, `0 <= rate < 1`.
        noise_shape: the shape of the mask, which broadcasts to the inputs; None entries are the inputs' sizes.
        seed: int, `SeedGenerator` or None.
    """
    if isinstance(rate, (int, float)) and not 0 <= rate < 1:
        raise ValueError(f"random.dropout: argument rate must be at least 0 and below 1; got {rate}.")
    if isinstance(rate, (int, float)) and rate == 0:
        return ops.convert_to_tensor(inputs)
    sizes = ops.shape(inputs)
    if noise_shape is not None:
        sizes = tuple(n if wanted is None else wanted for wanted, n in zip(noise_shape, sizes, strict=True))

    def draw(key: Any, dtype: str) -> Any:
        keep = ops.greater_equal(_uniform(key, sizes, "float32"), rate)
        return ops.where(keep, ops.divide(inputs, ops.subtract(1.0, rate)), 0)

    return _drawn(draw, sizes, ops.dtype(inputs), seed, like=inputs)


def shuffle(x: Any, axis: int = 0, seed: Any = None) -> Any:
    """The slices along an axis in random order.

    Args:
        x: a tensor.
        axis: which axis.
        seed: int, `SeedGenerator` or None.
    """
    sizes = ops.shape(x)

    def draw(key: Any, dtype: str) -> Any:
        return ops.take(x, ops.argsort(_positive_bits(key, (sizes[axis],))), axis=axis)

    return _drawn(draw, sizes, ops.dtype(x), seed, like=x)


_ROUNDS = 8  # a round accepts at least 95 of 100, so that one element in 10**10 stays without


def gamma(shape: Any, alpha: Any, dtype: Any = None, seed: Any = None) -> Any:
    """Gamma distributed numbers of scale 1 (Marsaglia and Tsang 2000).

    Args:
        alpha: the distribution's shape, above 0: a number or tensor that broadcasts to the result.
        shape, dtype, seed: as for `normal`.
    """

    def draw(key: Any, dtype: str) -> Any:
        wide = "float64" if dtype == "float64" else "float32"
        first, second, third = _split(key, 3)
        a = ops.cast(ops.broadcast_to(alpha, shape), wide)
        small = ops.less(a, 1)
        d = ops.subtract(ops.where(small, ops.add(a, 1), a), 1 / 3)
        rounds = (_ROUNDS, *_as_tuple(shape))
        x = _native_or_portable(ops.random_normal, first, rounds, wide)
        v = ops.power(ops.add(1.0, ops.divide(x, ops.multiply(3.0, ops.sqrt(d)))), 3)
        u = ops.add(_uniform(second, rounds, wide), 2.0**-24)
        bound = ops.add(
            ops.multiply(ops.square(x), 0.5),
            ops.multiply(d, ops.add(ops.subtract(1.0, v), ops.log(ops.maximum(v, 1e-30)))),
        )
        accepted = ops.logical_and(ops.greater(v, 0), ops.less(ops.log(u), bound))
        chosen = ops.expand_dims(ops.argmax(ops.cast(accepted, "int32"), axis=0), 0)
        result = ops.multiply(d, ops.squeeze(ops.take_along_axis(ops.maximum(v, 0), chosen, axis=0), axis=0))
        boost = ops.power(ops.add(_uniform(third, shape, wide), 2.0**-24), ops.divide(1.0, a))
        return ops.cast(ops.where(small, ops.multiply(result, boost), result), dtype)

    return _drawn(draw, shape, dtype, seed)


def beta(shape: Any, alpha: Any, beta: Any, dtype: Any = None, seed: Any = None) -> Any:
    """Beta distributed numbers.

    Args:
        alpha, beta: above 0: numbers or tensors that broadcast to the result.
        shape, dtype, seed: as for `normal`.
    """
    generator = seed if isinstance(seed, SeedGenerator) else None
    first = gamma(shape, alpha, dtype, seed)
    second = gamma(shape, beta, dtype, generator if generator or seed is None else seed + 1)
    return ops.divide(first, ops.add(first, second))


def binomial(shape: Any, counts: Any, probabilities: Any, dtype: Any = None, seed: Any = None) -> Any:
    """How many of some independent trials succeed. The time grows with the largest count.

    Args:
        counts: how many trials: a number or tensor that broadcasts to the result.
        probabilities: of success in each, likewise.
        shape, dtype, seed: as for `normal`.
    """

    def draw(key: Any, dtype: str) -> Any:
        trials = ops.cast(ops.broadcast_to(counts, shape), "int32")
        chance = ops.cast(ops.broadcast_to(probabilities, shape), "float32")

        def trial(i: Any, state: Any) -> Any:
            key, successes = state
            key, this = _split(key, 2)
            hit = ops.logical_and(ops.less(_uniform(this, shape, "float32"), chance), ops.less(i, trials))
            return key, ops.add(successes, ops.cast(hit, "int32"))

        start = (ops.convert_to_tensor(key), ops.zeros_like(trials))
        return ops.cast(ops.fori_loop(0, ops.max(trials, initial=0), trial, start)[1], dtype)

    return _drawn(draw, shape, dtype, seed)


# --- keys and words ---------------------------------------------------------------------------------------------------


def _drawn(draw: Callable, shape: Any, dtype: Any, seed: Any, like: Any = None) -> Any:
    """Draw on the backend of `like`, else of the seed, else on the current one; specs in place of unknown sizes."""
    dtype = dtypes.standardize_dtype(dtype)
    backend = registry.backend_of(like) or (seed.backend if isinstance(seed, SeedGenerator) else registry.current())
    if backend.rank or any(d is None for d in _as_tuple(shape)):
        if like is not None and backend.rank > 1:
            raise TypeError("triceras.random needs real tensors; in a functional model use a layer, such as Dropout.")
        return Spec(like.shape if like is not None and len(like.shape) == len(_as_tuple(shape)) else shape, dtype)
    with use_backend(backend):
        return draw(draw_key(seed), backend.canonical_dtype(dtype))


def _as_tuple(shape: Any) -> tuple:
    return tuple(shape) if hasattr(shape, "__iter__") else (shape,)


def _native_or_portable(op: Any, key: Any, shape: Any, dtype: str) -> Any:
    return op(key, shape, dtype) if config.rng() == "native" else op.body(key, shape, dtype)


def _uniform(key: Any, shape: Any, dtype: str) -> Any:
    return _native_or_portable(ops.random_uniform, key, shape, dtype)


def _positive_bits(key: Any, shape: Any) -> Any:
    """31 random bits as int32."""
    return ops.cast(ops.right_shift(ops.random_bits(key, shape), 1), "int32")


def _split(key: Any, count: int) -> list[Any]:
    """Independent keys from one that is used for nothing else."""
    return ops.unstack(ops.cast(ops.random_bits(key, (count, 2)), ops.dtype(key)), num=count)


def _scaled(x: Any, shift: Any, scale: Any) -> Any:
    dtype = ops.dtype(x)
    if isinstance(shift, (int, float)) and shift == 0 and isinstance(scale, (int, float)) and scale == 1:
        return x
    return ops.add(ops.multiply(x, ops.cast(scale, dtype)), ops.cast(shift, dtype))
