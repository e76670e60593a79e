"""Layers that merge several inputs into one."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any

from triceras import ops
from triceras.layers.layer import Layer
from triceras.layers.shapes import is_shape, traced
from triceras.ops.rules import broadcast_shapes

__all__ = ["Add", "Average", "Concatenate", "Dot", "Maximum", "Minimum", "Multiply", "Subtract"]


class Merge(Layer, abc.ABC):
    """Inputs in a list or tuple become one output."""

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_masking = True

    @abc.abstractmethod
    def output_of(self, shapes: list[tuple]) -> tuple:
        """The output's shape for shapes of the inputs.

        Raises:
            ValueError: they don't fit together.
        """

    def build(self, input_shape: Any) -> None:
        self.compute_output_shape(input_shape)
        self.built = True

    def compute_output_shape(self, input_shape: Any) -> tuple:
        if not isinstance(input_shape, (list, tuple)) or is_shape(input_shape) or not input_shape:
            raise ValueError(
                f"A merge layer should be called on a list of inputs, at least 1. Layer '{self.name}' received: "
                f"input_shape={input_shape} (not a list of shapes)"
            )
        return self.output_of([tuple(s) for s in input_shape])

    def compute_output_spec(self, inputs: Any) -> Any:
        return traced(self, (inputs,), {})  # unlike a declared shape, it knows the dtype that integers have

    def _masks(self, inputs: Any, mask: Any) -> list[Any] | None:
        """The inputs' masks; None if there is none at all.

        Raises:
            ValueError: they aren't in a list as long as the inputs.
        """
        if mask is None:
            return None
        for name, value in (("inputs", inputs), ("mask", mask)):
            if not isinstance(value, (list, tuple)):
                raise ValueError(f"Layer '{self.name}': `{name}` should be a list. Received: {name}={value}")
        if len(mask) != len(inputs):
            raise ValueError(
                f"Layer '{self.name}': the lists `inputs` and `mask` should have the same length. Received: "
                f"{len(inputs)} inputs, {len(mask)} masks"
            )
        return None if all(m is None for m in mask) else list(mask)


def _one_batch_size(layer: Layer, shapes: list[tuple]) -> None:
    """Raises:
    ValueError: inputs have different numbers of samples.
    """
    if len({s[0] for s in shapes if s} - {None}) > 1:
        raise ValueError(
            f"Cannot merge tensors with different batch sizes. Layer '{layer.name}' received tensors with shapes "
            f"{shapes}"
        )


class ElementWise(Merge, abc.ABC):
    """Inputs of one shape, after broadcasting, are merged element by element, two at a time.

    Inputs of lower rank get dimensions of 1 behind the batch dimension.
    """

    operation: Callable

    def output_of(self, shapes: list[tuple]) -> tuple:
        _one_batch_size(self, shapes)
        rank = max(map(len, shapes))
        try:
            return broadcast_shapes(*((s[0], *(1,) * (rank - len(s)), *s[1:]) for s in shapes if s))
        except ValueError:
            raise ValueError(
                f"Layer '{self.name}': inputs have incompatible shapes. Received shapes {shapes}"
            ) from None

    def call(self, inputs: Any) -> Any:
        rank = max(len(x.shape) for x in inputs)
        out, *others = (_with_rank(x, rank) for x in inputs)
        for x in others:
            out = self.operation(out, x)
        return out

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """A step counts if any input's does; there is no mask if an input has none."""
        found = self._masks(inputs, mask)
        if found is None or any(m is None for m in found):
            return None
        out, *others = found
        for m in others:
            out = ops.logical_or(out, m)
        return out


def _with_rank(x: Any, rank: int) -> Any:
    """Dimensions of 1 behind the batch dimension, up to a rank."""
    for _ in range(rank - len(x.shape)):
        x = ops.expand_dims(x, axis=1)
    return x


class Add(ElementWise):
    """The sum of the inputs.

    Input: a list of tensors of one shape, or shapes that broadcast behind the batch dimension; output: one tensor.

    Raises:
        ValueError: the shapes don't fit.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> triceras.ops.convert_to_numpy(triceras.layers.Add()([np.ones((1, 2)), np.ones((1, 2))])).tolist()
        [[2.0, 2.0]]
    """

    operation = ops.add


class Multiply(ElementWise):
    """The product of the inputs.

    Input: a list of tensors of one shape, or shapes that broadcast behind the batch dimension; output: one tensor.

    Raises:
        ValueError: the shapes don't fit.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> x, y = np.array([[2.0, 3.0]]), np.array([[4.0, 5.0]])
        >>> triceras.ops.convert_to_numpy(triceras.layers.Multiply()([x, y])).tolist()
        [[8.0, 15.0]]
    """

    operation = ops.multiply


class Maximum(ElementWise):
    """The larger element of the inputs, at each place.

    Input: a list of tensors of one shape, or shapes that broadcast behind the batch dimension; output: one tensor.

    Raises:
        ValueError: the shapes don't fit.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> x, y = np.array([[2.0, 5.0]]), np.array([[4.0, 3.0]])
        >>> triceras.ops.convert_to_numpy(triceras.layers.Maximum()([x, y])).tolist()
        [[4.0, 5.0]]
    """

    operation = ops.maximum


class Minimum(ElementWise):
    """The smaller element of the inputs, at each place.

    Input: a list of tensors of one shape, or shapes that broadcast behind the batch dimension; output: one tensor.

    Raises:
        ValueError: the shapes don't fit.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> x, y = np.array([[2.0, 5.0]]), np.array([[4.0, 3.0]])
        >>> triceras.ops.convert_to_numpy(triceras.layers.Minimum()([x, y])).tolist()
        [[2.0, 3.0]]
    """

    operation = ops.minimum


class Average(ElementWise):
    """The mean of the inputs.

    Input: a list of tensors of one shape, or shapes that broadcast behind the batch dimension; output: one tensor.

    Raises:
        ValueError: the shapes don't fit.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> x, y = np.array([[2.0, 5.0]]), np.array([[4.0, 3.0]])
        >>> triceras.ops.convert_to_numpy(triceras.layers.Average()([x, y])).tolist()
        [[3.0, 4.0]]
    """

    operation = ops.add

    def call(self, inputs: Any) -> Any:
        return ops.divide(super().call(inputs), len(inputs))


class Subtract(ElementWise):
    """The first of two inputs less the second.

    Input: two tensors of one shape, or shapes that broadcast behind the batch dimension; output: one tensor.

    Raises:
        ValueError: other than two inputs; the shapes don't fit.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> x, y = np.array([[2.0, 5.0]]), np.array([[4.0, 3.0]])
        >>> triceras.ops.convert_to_numpy(triceras.layers.Subtract()([x, y])).tolist()
        [[-2.0, 2.0]]
    """

    operation = ops.subtract

    def output_of(self, shapes: list[tuple]) -> tuple:
        if len(shapes) != 2:
            raise ValueError(
                f"A `Subtract` layer should be called on exactly 2 inputs. Layer '{self.name}' received: "
                f"input_shape={shapes}"
            )
        return super().output_of(shapes)


class Concatenate(Merge):
    """The inputs behind one another.

    Input: a list of tensors whose shapes agree but for one dimension; output: one tensor. An input without a mask
    counts whole where another has one.

    Args:
        axis: along which dimension.

    Raises:
        ValueError: `axis` isn't an integer or not in the inputs; the inputs differ in another dimension.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.Concatenate()([np.ones((2, 3)), np.ones((2, 4))]).shape)
        (2, 7)
    """

    def __init__(self, axis: int = -1, **kwargs: Any):
        super().__init__(**kwargs)
        if isinstance(axis, bool) or not isinstance(axis, int):
            raise ValueError(f"Argument `axis` of a Concatenate layer must be an integer. Received: axis={axis!r}")
        self.axis = axis

    def output_of(self, shapes: list[tuple]) -> tuple:
        rank = len(shapes[0])
        if any(len(s) != rank for s in shapes) or not -rank <= self.axis < rank:
            raise ValueError(
                f"A `Concatenate` layer requires inputs of one rank, which have its `axis`. Layer '{self.name}' "
                f"received: axis={self.axis}, input_shape={shapes}"
            )
        axis = self.axis % rank
        columns = list(zip(*shapes, strict=True))
        merged = [next((d for d in column if d is not None), None) for column in columns]
        if any(len(set(c) - {None}) > 1 for i, c in enumerate(columns) if i != axis):
            raise ValueError(
                "A `Concatenate` layer requires inputs with matching shapes except for the concatenation axis. Layer "
                f"'{self.name}' received: axis={self.axis}, input_shape={shapes}"
            )
        merged[axis] = None if None in columns[axis] else sum(columns[axis])
        return tuple(merged)

    def call(self, inputs: Any) -> Any:
        return ops.concatenate(list(inputs), axis=self.axis)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The masks behind one another; along the features, a step counts if any input's does."""
        found = self._masks(inputs, mask)
        if found is None:
            return None
        parts = []
        for x, m in zip(inputs, found, strict=True):
            m = ops.ones_like(x, dtype="bool") if m is None else m
            for _ in range(len(x.shape) - len(m.shape)):
                m = ops.expand_dims(m, axis=-1)
            parts.append(ops.broadcast_to(m, ops.shape(x)))
        return ops.any(ops.concatenate(parts, axis=self.axis), axis=-1, keepdims=False)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}


class Dot(Merge):
    """Products of two inputs, summed over a dimension of each, sample by sample.

    Input: two tensors whose dimensions `axes` have one size; output: `(batch, …, …)`, the other dimensions of the
    first and then of the second; `(batch, 1)` if there are none.

    Args:
        axes: a dimension (not the batch), or one for each input.
        normalize: whether both are scaled to length 1 along it before: the cosine proximity.

    Raises:
        TypeError, ValueError: `axes` isn't an integer or two.
        ValueError: other than two inputs; the dimensions' sizes or the batch sizes differ.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> x, y = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])
        >>> triceras.ops.convert_to_numpy(triceras.layers.Dot(axes=1)([x, y])).tolist()
        [[11.0]]
    """

    def __init__(self, axes: Any, normalize: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        if not isinstance(axes, int):
            if not isinstance(axes, (list, tuple)):
                raise TypeError(
                    f"Invalid type for argument `axes`: it should be a list or an int. Received: axes={axes}"
                )
            if len(axes) != 2 or not all(isinstance(a, int) for a in axes):
                raise ValueError(
                    "Invalid format for argument `axes`: it should contain two elements, which should be integers. "
                    f"Received: axes={axes}"
                )
        self.axes, self.normalize = axes, normalize

    def _axes(self, shapes: list[tuple]) -> list[int]:
        """The axis of each input, not negative."""
        axes = (self.axes, self.axes) if isinstance(self.axes, int) else self.axes
        if any(not -len(s) < a < len(s) or a == 0 for a, s in zip(axes, shapes, strict=True)):
            raise ValueError(
                f"`axes` of a `Dot` layer must be dimensions of the inputs, behind that of the batch. Layer "
                f"'{self.name}' received: axes={self.axes}, input_shape={shapes}"
            )
        return [a % len(s) for a, s in zip(axes, shapes, strict=True)]

    def output_of(self, shapes: list[tuple]) -> tuple:
        if len(shapes) != 2:
            raise ValueError(
                f"A `Dot` layer should be called on a list of 2 inputs. Layer '{self.name}' received: "
                f"input_shape={shapes}"
            )
        _one_batch_size(self, shapes)
        (x, y), (a, b) = shapes, self._axes(shapes)
        if None not in (x[a], y[b]) and x[a] != y[b]:
            raise ValueError(
                f"Layer '{self.name}' got incompatible input shapes: axis values {x[a]} (at axis {a}) != {y[b]} (at "
                f"axis {b}). Full input shapes: {x}, {y}"
            )
        out = x[:a] + x[a + 1 :] + tuple(d for i, d in enumerate(y) if i not in (0, b))
        return out if len(out) > 1 else (*out, 1)

    def call(self, inputs: Any) -> Any:
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
        """There is none: the masked dimension may be gone."""
        return None

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axes": self.axes, "normalize": self.normalize}


def add(inputs: Any, **kwargs: Any) -> Any:
    """The sum of several tensors: `Add(**kwargs)(inputs)`.

    Args:
        inputs: list of tensors.
        **kwargs: what the layer takes.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> x, y = np.array([[2.0, 4.0]]), np.array([[3.0, 3.0]])
        >>> triceras.ops.convert_to_numpy(triceras.layers.add([x, y])).tolist()
        [[5.0, 7.0]]
    """
    return Add(**kwargs)(inputs)


def subtract(inputs: Any, **kwargs: Any) -> Any:
    """The difference of two tensors: `Subtract(**kwargs)(inputs)`.

    Args:
        inputs: list of tensors.
        **kwargs: what the layer takes.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> x, y = np.array([[2.0, 4.0]]), np.array([[3.0, 3.0]])
        >>> triceras.ops.convert_to_numpy(triceras.layers.subtract([x, y])).tolist()
        [[-1.0, 1.0]]
    """
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Any, **kwargs: Any) -> Any:
    """The product of several tensors: `Multiply(**kwargs)(inputs)`.

    Args:
        inputs: list of tensors.
        **kwargs: what the layer takes.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> x, y = np.array([[2.0, 4.0]]), np.array([[3.0, 3.0]])
        >>> triceras.ops.convert_to_numpy(triceras.layers.multiply([x, y])).tolist()
        [[6.0, 12.0]]
    """
    return Multiply(**kwargs)(inputs)


def average(inputs: Any, **kwargs: Any) -> Any:
    """The mean of several tensors: `Average(**kwargs)(inputs)`.

    Args:
        inputs: list of tensors.
        **kwargs: what the layer takes.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> x, y = np.array([[2.0, 4.0]]), np.array([[3.0, 3.0]])
        >>> triceras.ops.convert_to_numpy(triceras.layers.average([x, y])).tolist()
        [[2.5, 3.5]]
    """
    return Average(**kwargs)(inputs)


def maximum(inputs: Any, **kwargs: Any) -> Any:
    """The element-wise maximum of several tensors: `Maximum(**kwargs)(inputs)`.

    Args:
        inputs: list of tensors.
        **kwargs: what the layer takes.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> x, y = np.array([[2.0, 4.0]]), np.array([[3.0, 3.0]])
        >>> triceras.ops.convert_to_numpy(triceras.layers.maximum([x, y])).tolist()
        [[3.0, 4.0]]
    """
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Any, **kwargs: Any) -> Any:
    """The element-wise minimum of several tensors: `Minimum(**kwargs)(inputs)`.

    Args:
        inputs: list of tensors.
        **kwargs: what the layer takes.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> x, y = np.array([[2.0, 4.0]]), np.array([[3.0, 3.0]])
        >>> triceras.ops.convert_to_numpy(triceras.layers.minimum([x, y])).tolist()
        [[2.0, 3.0]]
    """
    return Minimum(**kwargs)(inputs)


def concatenate(inputs: Any, axis: int = -1, **kwargs: Any) -> Any:
    """Tensors behind one another: `Concatenate(axis, **kwargs)(inputs)`.

    Args:
        inputs: list of tensors.
        axis: along which dimension.
        **kwargs: what the layer takes.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.concatenate([np.ones((2, 3)), np.ones((2, 4))]).shape)
        (2, 7)
    """
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs: Any, axes: Any = -1, **kwargs: Any) -> Any:
    """Products of two tensors, summed over a dimension: `Dot(axes, **kwargs)(inputs)`.

    Args:
        inputs: two tensors.
        axes: a dimension, or one for each.
        **kwargs: what the layer takes.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.dot([np.ones((2, 3, 4)), np.ones((2, 5, 4))], axes=2).shape)
        (2, 3, 5)
    """
    return Dot(axes=axes, **kwargs)(inputs)
