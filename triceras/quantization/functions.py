"""Functions that quantize tensors: floats to small integers and back."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.core import dtypes, registry
from triceras.core.scope import use_backend

FLOAT8_MAX = {"float8_e4m3fn": 448.0, "float8_e5m2": 57344.0}


def abs_max_quantize(
    inputs: Any,
    axis: Any,
    value_range: tuple[int, int] = (-127, 127),
    dtype: str = "int8",
    epsilon: float = 1e-7,
    to_numpy: bool = False,
) -> tuple[Any, Any]:
    """Integers and their scales, such that the largest absolute value along some axes gets the largest integer.

    Args:
        inputs: float tensor.
        axis: int or tuple of ints: a scale for all numbers along these.
        value_range: smallest and largest integer.
        dtype: that of the integers.
        epsilon: added to the largest value, which may be 0.
        to_numpy: whether to compute on the host, with NumPy.

    Returns:
        `(integers, scale)`, where `integers / scale` is about `inputs`; scale has size 1 along `axis`.

    Example:
        >>> from triceras import ops, quantizers
        >>> q, scale = quantizers.abs_max_quantize(ops.array([[0.25, -1.0]]), axis=-1)
        >>> ops.convert_to_numpy(q).tolist(), round(float(scale[0, 0]), 3)
        ([[32, -127]], 127.0)
    """
    if to_numpy:
        backend = registry.backend_of(inputs) or registry.current()
        with use_backend("numpy"):
            host = abs_max_quantize(ops.convert_to_numpy(inputs), axis, value_range, dtype, epsilon)
        return tuple(backend.convert(x) for x in host)
    x = ops.convert_to_tensor(inputs)
    given = dtypes.standardize_dtype(x.dtype)
    x = ops.cast(x, "float32") if given == "float16" else x  # whose range ends before `1 / epsilon`
    scale = ops.divide(value_range[1], ops.add(ops.max(ops.abs(x), axis=axis, keepdims=True), epsilon))
    integers = ops.clip(ops.round(ops.multiply(x, scale)), value_range[0], value_range[1])
    return ops.cast(integers, dtype), ops.cast(scale, given)


def abs_max_quantize_grouped_with_zero_point(
    inputs: Any,
    block_size: int,
    value_range: tuple[int, int] = (-8, 7),
    dtype: str = "int8",
    epsilon: float = 1e-7,
    to_numpy: bool = False,
) -> tuple[Any, Any, Any]:
    """Integers from the range of each block of rows of a matrix, which need not be symmetric.

    Args:
        inputs: float tensor `(rows, columns)`.
        block_size: how many rows share a scale and a zero point; the last block may have fewer.
        value_range: smallest and largest integer.
        dtype: that of integers and zero points.
        epsilon: the smallest scale.
        to_numpy: whether to compute on the host, with NumPy.

    Returns:
        `(integers, scale, zero)`, where `(integers - zero) * scale` is about `inputs`; scale and zero are
        `(blocks, columns)`.

    Example:
        >>> from triceras import ops, quantizers
        >>> q, scale, zero = quantizers.abs_max_quantize_grouped_with_zero_point(ops.array([[0.0], [15.0]]), 2)
        >>> ops.convert_to_numpy(q).tolist(), ops.convert_to_numpy(zero).tolist()
        ([[-8], [7]], [[-8]])
    """
    if to_numpy:
        backend = registry.backend_of(inputs) or registry.current()
        with use_backend("numpy"):
            host = abs_max_quantize_grouped_with_zero_point(
                ops.convert_to_numpy(inputs), block_size, value_range, dtype, epsilon
            )
        return tuple(backend.convert(x) for x in host)
    x = ops.convert_to_tensor(inputs)
    rows, columns = x.shape
    low, high = value_range
    padded = ops.pad(x, ((0, -rows % block_size), (0, 0)))
    blocks = ops.reshape(padded, (-1, block_size, columns))
    largest, smallest = ops.max(blocks, axis=1), ops.min(blocks, axis=1)
    scale = ops.divide(ops.add(ops.subtract(largest, smallest), epsilon), high - low)
    zero = ops.clip(ops.round(ops.subtract(low, ops.divide(smallest, scale))), low, high)
    shifted = ops.add(ops.round(ops.divide(blocks, scale[:, None])), zero[:, None])
    integers = ops.reshape(ops.cast(ops.clip(shifted, low, high), dtype), (-1, columns))[:rows]
    return integers, scale, ops.cast(zero, dtype)


def quantize_and_dequantize(inputs: Any, scale: Any, quantized_dtype: str, compute_dtype: str) -> Any:
    """What is left of a tensor after a trip through a small float dtype.

    Args:
        inputs: float tensor.
        scale: it is divided by this, and multiplied again.
        quantized_dtype: such as `"float8_e4m3fn"`.
        compute_dtype: that of the result.
    """
    dtype_max = FLOAT8_MAX[dtypes.standardize_dtype(quantized_dtype)]
    scale = ops.cast(scale, compute_dtype)
    x = ops.clip(ops.divide(ops.cast(inputs, compute_dtype), scale), -dtype_max, dtype_max)
    return ops.multiply(ops.cast(ops.cast(x, quantized_dtype), compute_dtype), scale)


def compute_float8_scale(amax: Any, scale: Any, dtype_max: float, margin: int = 0) -> Any:
    """The scale that makes the largest value of a tensor the largest of an 8-bit float.

    Args:
        amax: the largest absolute value.
        scale: kept where `amax` is 0 or not finite.
        dtype_max: the largest 8-bit float.
        margin: how many powers of two to leave free.
    """
    inverse = ops.divide(1.0, scale)
    wanted = ops.divide(ops.divide(dtype_max, amax), 2**margin)
    wanted = ops.where(ops.greater(amax, 0.0), wanted, inverse)
    wanted = ops.where(ops.isfinite(amax), wanted, inverse)
    return ops.divide(1.0, wanted)


def compute_float8_amax_history(x: Any, amax_history: Any) -> Any:
    """The history of largest absolute values, moved on by one, with that of `x` first.

    Args:
        x: tensor.
        amax_history: vector; its first element, which is the latest, becomes the last.
    """
    amax = ops.cast(ops.max(ops.abs(x)), amax_history.dtype)
    moved = ops.roll(ops.convert_to_tensor(amax_history), -1)
    return ops.concatenate([ops.reshape(amax, (1,)), moved[1:]])


def fake_quant_with_min_max_vars(
    inputs: Any,
    min_vals: Any,
    max_vals: Any,
    num_bits: int = 8,
    narrow_range: bool = False,
    axis: int | None = None,
) -> Any:
    """The numbers of a tensor that are left when a range is divided into `2**num_bits` steps: Jacob et al., 2017.

    Args:
        inputs: float tensor.
        min_vals, max_vals: the range: scalars, or vectors along `axis`. It is moved so that 0 is a step.
        num_bits: of the integers behind it.
        narrow_range: whether the smallest integer is left out.
        axis: the dimension that has ranges of its own.

    Returns:
        Tensor like `inputs`, with its gradient where the range holds the number.

    Example:
        >>> from triceras import ops, quantizers
        >>> y = quantizers.fake_quant_with_min_max_vars(ops.array([0.1, 2.0]), 0.0, 1.0, num_bits=1)
        >>> ops.convert_to_numpy(y).tolist()
        [0.0, 1.0]
    """
    x = ops.convert_to_tensor(inputs)
    given = x.dtype
    x = ops.cast(x, "float32")
    low, high = (ops.cast(ops.convert_to_tensor(v), "float32") for v in (min_vals, max_vals))
    if axis is not None:
        shape = [1] * len(x.shape)
        shape[axis] = -1
        low, high = ops.reshape(low, shape), ops.reshape(high, shape)
    first, last = (1 if narrow_range else 0), 2**num_bits - 1
    step = ops.divide(ops.subtract(high, low), last - first)
    zero = ops.clip(ops.round(ops.subtract(first, ops.divide(low, step))), first, last)
    bounded = ops.clip(x, ops.multiply(ops.subtract(first, zero), step), ops.multiply(ops.subtract(last, zero), step))
    rounded = ops.multiply(ops.subtract(ops.round(ops.add(ops.divide(bounded, step), zero)), zero), step)
    return ops.cast(ops.add(bounded, ops.stop_gradient(ops.subtract(rounded, bounded))), given)


def pack_int4(arr: Any, axis: int = 0, dtype: str = "int8") -> tuple[Any, tuple[int, ...], int]:
    """Two 4-bit integers a byte: neighbours along an axis, the first in the lower half.

    Args:
        arr: int8 tensor with values from -8 to 7.
        axis: where neighbours are put together; 0 is put behind an odd number.
        dtype: `"int8"` or `"uint8"`.

    Returns:
        `(packed, its shape, the length of the axis before)`.

    Example:
        >>> from triceras import ops, quantizers
        >>> packed, shape, length = quantizers.pack_int4(ops.array([1, -2, 3], dtype="int8"))
        >>> quantizers.unpack_int4(packed, length).shape[0], shape
        (3, (2,))
    """
    x = ops.moveaxis(ops.cast(ops.convert_to_tensor(arr), "int32"), axis, 0)
    length = x.shape[0]
    x = ops.pad(x, ((0, length % 2), *((0, 0),) * (len(x.shape) - 1)))
    packed = ops.add(ops.bitwise_and(x[::2], 15), ops.multiply(ops.bitwise_and(x[1::2], 15), 16))
    if dtype == "int8":
        packed = ops.where(ops.greater(packed, 127), ops.subtract(packed, 256), packed)
    packed = ops.moveaxis(ops.cast(packed, dtype), 0, axis)
    return packed, tuple(packed.shape), length


def unpack_int4(packed: Any, orig_len: int, axis: int = 0, dtype: str = "int8") -> Any:
    """The 4-bit integers that `pack_int4` put together, as bytes of their own.

    Args:
        packed: what `pack_int4` gave.
        orig_len: the length of the axis before.
        axis: the same as there.
        dtype: `"int8"`: from -8 to 7; `"uint8"`: from 0 to 15.
    """
    x = ops.moveaxis(ops.cast(packed, "int32"), axis, 0)
    x = ops.bitwise_and(x, 255)
    halves = ops.stack([ops.bitwise_and(x, 15), ops.floor_divide(x, 16)], axis=1)
    x = ops.reshape(halves, (-1, *halves.shape[2:]))[:orig_len]
    if dtype == "int8":
        x = ops.where(ops.greater(x, 7), ops.subtract(x, 16), x)
    return ops.moveaxis(ops.cast(x, dtype), 0, axis)
