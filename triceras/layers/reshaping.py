"""Layers that only rearrange."""

from __future__ import annotations

import math
from typing import Any

from triceras import ops
from triceras.core import config
from triceras.core.spec import SparseSpec, Spec
from triceras.layers.input_spec import InputSpec
from triceras.layers.layer import Layer
from triceras.layers.settings import whole_number

__all__ = ["Flatten", "Permute", "RepeatVector", "Reshape"]


class Flatten(Layer):
    """All dimensions but the batch become one.

    Input: `(batch, ...)`; output: `(batch, n)`, where `n` is the product of the others, 1 if there are none.

    Args:
        data_format: with `"channels_first"` the channels are moved last before flattening, so that weights behind fit
            both.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.Flatten()(np.ones((2, 3, 4))).shape)
        (2, 12)
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.data_format = config.standardize_data_format(data_format)
        self.input_spec = InputSpec(min_ndim=1)
        self.built = True

    def call(self, inputs: Any) -> Any:
        rank = len(inputs.shape)
        if self.data_format == "channels_first" and rank > 2:
            inputs = ops.transpose(inputs, (0, *range(2, rank), 1))
        size = self.compute_output_shape(tuple(inputs.shape))[1]
        return ops.reshape(inputs, (ops.shape(inputs)[0], -1 if size is None else size))

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        rest = input_shape[1:]
        return input_shape[0], None if None in rest else math.prod(rest)

    def compute_output_spec(self, inputs: Any) -> Spec:
        kind = SparseSpec if inputs.sparse else Spec
        return kind(self.compute_output_shape(inputs.shape), inputs.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format}


class Reshape(Layer):
    """Another shape, the batch dimension aside.

    Input: `(batch, ...)`; output: `(batch, *target_shape)`.

    Args:
        target_shape: dimensions without the batch; one of them may be -1: whatever is left.

    Raises:
        ValueError: an argument isn't allowed; when called, the number of elements differs.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.Reshape((2, -1))(np.ones((3, 8))).shape)
        (3, 2, 4)
    """

    def __init__(self, target_shape: Any, **kwargs: Any):
        super().__init__(**kwargs)
        self.target_shape = tuple(target_shape)
        if any(isinstance(d, bool) or not hasattr(d, "__index__") or d < -1 for d in self.target_shape):
            raise ValueError(
                "Each dimension in `target_shape` must be a non-negative integer, or `-1` for a single unknown "
                f"dimension. Received: target_shape={self.target_shape}"
            )
        if self.target_shape.count(-1) > 1:
            raise ValueError(
                "There must be at most one unknown dimension (-1) in `target_shape`. Received: "
                f"target_shape={self.target_shape}"
            )
        self.built = True

    def _resolved(self, input_shape: Any) -> tuple[int | None, ...]:
        rest = tuple(input_shape[1:])
        known = math.prod(d for d in self.target_shape if d != -1)
        total = None if None in rest else math.prod(rest)
        fits = total is None or (total == known if -1 not in self.target_shape else known and total % known == 0)
        if not fits:
            raise ValueError(
                f"The total size of the tensor must be unchanged. Received: input_shape={rest}, "
                f"target_shape={self.target_shape}"
            )
        free = None if total is None else total // max(known, 1)
        return tuple(free if d == -1 else d for d in self.target_shape)

    def call(self, inputs: Any) -> Any:
        shape = tuple(-1 if d is None else d for d in self._resolved(inputs.shape))
        return ops.reshape(inputs, (ops.shape(inputs)[0], *shape))

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return (input_shape[0], *self._resolved(input_shape))

    def compute_output_spec(self, inputs: Any) -> Spec:
        kind = SparseSpec if inputs.sparse else Spec
        return kind(self.compute_output_shape(inputs.shape), inputs.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "target_shape": self.target_shape}


class Permute(Layer):
    """Dimensions in another order.

    Input: `(batch, ...)`; output: the same with dimension `dims[i]` in place `i + 1`.

    Args:
        dims: the order of the dimensions behind the batch, counted from 1.

    Raises:
        ValueError: not each dimension once.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.Permute((2, 1))(np.ones((3, 4, 5))).shape)
        (3, 5, 4)
    """

    def __init__(self, dims: Any, **kwargs: Any):
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                "Invalid permutation argument `dims` for Permute Layer. The set of indices in `dims` must be "
                f"consecutive and start from 1. Received dims={dims}"
            )
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)
        self.built = True

    def call(self, inputs: Any) -> Any:
        return ops.transpose(inputs, (0, *self.dims))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "dims": self.dims}


class RepeatVector(Layer):
    """The same vector at each of `n` steps.

    Input: `(batch, features)`; output: `(batch, n, features)`.

    Args:
        n: how often.

    Raises:
        TypeError: `n` is no integer.
        ValueError: it is smaller than 1.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.RepeatVector(3)(np.ones((2, 4))).shape)
        (2, 3, 4)
    """

    def __init__(self, n: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.n = whole_number("n", n)
        self.input_spec = InputSpec(ndim=2)
        self.built = True

    def call(self, inputs: Any) -> Any:
        return ops.repeat(ops.expand_dims(inputs, axis=1), self.n, axis=1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "n": self.n}
