"""Layers that merge several inputs into one."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any

from triceras import ops
from triceras.core import tree
from triceras.layers.layer import Layer
from triceras.layers.shapes import is_shape
from triceras.ops.rules import broadcast_shapes

__all__ = ["Add", "Average", "Concatenate", "Dot", "Maximum", "Minimum", "Multiply", "Subtract"]


class Merge(Layer, abc.ABC):
    """Inputs in a list or tuple become one output of their broadcast shape."""

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_masking = True

    @abc.abstractmethod
    def merge(self, inputs: list[Any]) -> Any:
        """The output for inputs that have one rank."""

    def build(self, input_shape: Any) -> None:
        self._check(input_shape)
        self.built = True

    def _check(self, shapes: Any) -> None:
        if not isinstance(shapes, (list, tuple)) or is_shape(shapes):
            raise ValueError(
                f"A merge layer should be called on a list of inputs. Received: input_shape={shapes} (not a list of "
                "shapes)"
            )
        if len(shapes) < 1:
            raise ValueError(
                f"A merge layer should be called on a list of at least 1 input. Received {len(shapes)} inputs."
            )
        self.output_of([tuple(s) for s in shapes])

    def output_of(self, shapes: list[tuple]) -> tuple:
        """The output's shape for shapes of the inputs.

        Raises:
            ValueError: they don't fit together.
        """
        rank = max(map(len, shapes))
        padded = [(s[0], *(1,) * (rank - len(s)), *s[1:]) for s in shapes if s]
        try:
            return broadcast_shapes(*padded)
        except ValueError:
            raise ValueError(
                f"Layer '{self.name}': inputs have incompatible shapes. Received shapes {shapes}"
            ) from None

    def call(self, inputs: Any) -> Any:
        rank = max(len(x.shape) for x in inputs)
        return self.merge([_with_rank(x, rank) for x in inputs])

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return self.output_of([tuple(s) for s in input_shape])

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """A step counts if any input's does; None if an input has no mask."""
        if mask is None:
            return None
        found = tree.flatten(mask)
        if any(m is None for m in found):
            return None
        out = found[0]
        for m in found[1:]:
            out = ops.logical_or(out, m)
        return out


def _with_rank(x: Any, rank: int) -> Any:
    """Dimensions of 1 behind the batch dimension, up to a rank."""
    for _ in range(rank - len(x.shape)):
        x = ops.expand_dims(x, axis=1)
    return x


class Folded(Merge, abc.ABC):
    """Merged two at a time by an op."""

    operation: Callable

    def merge(self, inputs: list[Any]) -> Any:
        out = inputs[0]
        for x in inputs[1:]:
            out = self.operation(out, x)
        return out


class Add(Folded):
    """The sum of the inputs.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> triceras.ops.convert_to_numpy(triceras.layers.Add()([np.ones((1, 2)), np.ones((1, 2))])).tolist()
        [[2.0, 2.0]]
    """

    operation = ops.add


class Multiply(Folded):
    """The product of the inputs."""

    operation = ops.multiply


class Maximum(Folded):
    """The element-wise maximum of the inputs."""

    operation = ops.maximum


class Minimum(Folded):
    """The element-wise minimum of the inputs."""

    operation = ops.minimum


class Average(Folded):
    """The mean of the inputs."""

    operation = ops.add

    def merge(self, inputs: list[Any]) -> Any:
        return ops.divide(super().merge(inputs), len(inputs))


class Subtract(Merge):
    """The first of two inputs less the second."""

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        if len(input_shape) != 2:
            raise ValueError(
                f"A `Subtract` layer should be called on exactly 2 inputs. Received: input_shape={input_shape}"
            )

    def merge(self, inputs: list[Any]) -> Any:
        return ops.subtract(inputs[0], inputs[1])


class Concatenate(Merge):
    """The inputs behind one another.

    Args:
        axis: along which dimension.

    Raises:
        ValueError: the inputs differ in another dimension.
    """

    def __init__(self, axis: int = -1, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = axis

    def output_of(self, shapes: list[tuple]) -> tuple:
        rank = len(shapes[0])
        if any(len(s) != rank for s in shapes):
            raise ValueError(f"A `Concatenate` layer requires inputs of one rank. Received: input_shape={shapes}")
        axis = self.axis % rank if -rank <= self.axis < rank else None
        if axis is None:
            raise ValueError(f"`Concatenate` has axis={self.axis}, but its inputs have {rank} dimensions.")
        rest = [s[:axis] + s[axis + 1 :] for s in shapes]
        if any(len({d for d in column if d is not None}) > 1 for column in zip(*rest, strict=True)):
            raise ValueError(
                "A `Concatenate` layer requires inputs with matching shapes except for the concatenation axis. "
                f"Received: input_shape={shapes}"
            )
        merged = [next((d for d in column if d is not None), None) for column in zip(*rest, strict=True)]
        sizes = [s[axis] for s in shapes]
        return (*merged[:axis], None if None in sizes else sum(sizes), *merged[axis:])

    def call(self, inputs: Any) -> Any:
        return self.merge(list(inputs))

    def merge(self, inputs: list[Any]) -> Any:
        return ops.concatenate(inputs, axis=self.axis)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        if mask is None or all(m is None for m in tree.flatten(mask)):
            return None
        parts = []
        for x, m in zip(inputs, mask, strict=True):
            m = ops.ones_like(x, dtype="bool") if m is None else m
            for _ in range(len(x.shape) - len(m.shape)):
                m = ops.expand_dims(m, axis=-1)
            parts.append(ops.broadcast_to(m, ops.shape(x)))
        return ops.any(ops.concatenate(parts, axis=self.axis), axis=-1, keepdims=False)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}


class Dot(Merge):
    """Products of two inputs, summed over an axis of each.

    Args:
        axes: an axis, or one for each input.
        normalize: whether both are scaled to length 1 along it before: the cosine proximity.
    """

    def __init__(self, axes: Any, normalize: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        if not isinstance(axes, int) and not (
            isinstance(axes, (list, tuple)) and len(axes) == 2 and all(isinstance(a, int) for a in axes)
        ):
            raise TypeError(f"Invalid type for argument `axes`: it should be an int or two ints. Received: axes={axes}")
        self.axes, self.normalize, self.supports_masking = axes, normalize, True

    def _axes(self, shapes: list[tuple]) -> tuple[int, int]:
        axes = (self.axes, self.axes) if isinstance(self.axes, int) else self.axes
        return axes[0] % len(shapes[0]), axes[1] % len(shapes[1])

    def output_of(self, shapes: list[tuple]) -> tuple:
        if len(shapes) != 2:
            raise ValueError(f"A `Dot` layer should be called on a list of 2 inputs. Received: input_shape={shapes}")
        a, b = self._axes(shapes)
        if None not in (shapes[0][a], shapes[1][b]) and shapes[0][a] != shapes[1][b]:
            raise ValueError(
                f"Incompatible input shapes: axis values {shapes[0][a]} (at axis {a}) != {shapes[1][b]} (at axis "
                f"{b}). Full input shapes: {shapes[0]}, {shapes[1]}"
            )
        out = shapes[0][:a] + shapes[0][a + 1 :] + tuple(d for i, d in enumerate(shapes[1]) if i not in (0, b))
        return out if len(out) > 1 else (*out, 1)

    def call(self, inputs: Any) -> Any:
        return self.merge(list(inputs))

    def merge(self, inputs: list[Any]) -> Any:
        x, y = inputs
        a, b = self._axes([tuple(x.shape), tuple(y.shape)])
        if self.normalize:
            x, y = ops.normalize(x, axis=a), ops.normalize(y, axis=b)
        letters = "abcdefghijklmnopqrstuvwxyz"
        left = list(letters[: len(x.shape)])
        right = [left[0], *letters[len(left) : len(left) + len(y.shape) - 1]]
        right[b] = left[a]
        out = [c for i, c in enumerate(left) if i != a] + [c for i, c in enumerate(right) if i not in (0, b)]
        result = ops.einsum(f"{''.join(left)},{''.join(right)}->{''.join(out)}", x, y)
        return result if len(out) > 1 else ops.expand_dims(result, axis=-1)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return None

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axes": self.axes, "normalize": self.normalize}


def add(inputs: Any, **kwargs: Any) -> Any:
    """`Add(**kwargs)(inputs)`."""
    return Add(**kwargs)(inputs)


def subtract(inputs: Any, **kwargs: Any) -> Any:
    """`Subtract(**kwargs)(inputs)`."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Any, **kwargs: Any) -> Any:
    """`Multiply(**kwargs)(inputs)`."""
    return Multiply(**kwargs)(inputs)


def average(inputs: Any, **kwargs: Any) -> Any:
    """`Average(**kwargs)(inputs)`."""
    return Average(**kwargs)(inputs)


def maximum(inputs: Any, **kwargs: Any) -> Any:
    """`Maximum(**kwargs)(inputs)`."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Any, **kwargs: Any) -> Any:
    """`Minimum(**kwargs)(inputs)`."""
    return Minimum(**kwargs)(inputs)


def concatenate(inputs: Any, axis: int = -1, **kwargs: Any) -> Any:
    """`Concatenate(axis, **kwargs)(inputs)`."""
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs: Any, axes: Any = -1, **kwargs: Any) -> Any:
    """`Dot(axes, **kwargs)(inputs)`."""
    return Dot(axes=axes, **kwargs)(inputs)
