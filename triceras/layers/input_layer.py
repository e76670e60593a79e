"""`InputLayer` and `Input`: where a functional graph begins."""

from __future__ import annotations

from typing import Any

from triceras.core import dtypes, naming
from triceras.core.graph import KerasTensor, Node
from triceras.layers.input_spec import InputSpec
from triceras.layers.layer import Layer


class InputLayer(Layer):
    """The beginning of a functional graph: holds one symbolic tensor.

    Args:
        shape: shape without the batch dimension.
        batch_size: the batch dimension, None if it may vary.
        dtype: `floatx` by default.
        sparse: whether the input is sparse.
        ragged: whether the input is ragged.
        batch_shape: shape with the batch dimension, instead of the first two.
        input_tensor: an existing `KerasTensor` to begin with.
        optional: whether None may be given.
        name: `input_layer` by default.

    Raises:
        ValueError: neither `shape` nor `batch_shape`, or both.

    Example:
        >>> import triceras
        >>> triceras.layers.InputLayer((4,)).output.shape
        (None, 4)
    """

    batch_shape: tuple[int | None, ...] = ()

    def __init__(
        self,
        shape: Any = None,
        batch_size: int | None = None,
        dtype: Any = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Any = None,
        input_tensor: Any = None,
        optional: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ):
        if kwargs:
            raise ValueError(f"Unrecognized keyword arguments passed to InputLayer: {kwargs}")
        super().__init__(name=name)
        if input_tensor is not None:
            batch_shape, dtype = input_tensor.shape, dtype or input_tensor.dtype
        elif shape is not None and batch_shape is not None:
            raise ValueError("You cannot pass both `shape` and `batch_shape` at the same time.")
        elif batch_shape is None:
            if shape is None:
                raise ValueError("You must pass a `shape` argument.")
            batch_shape = (batch_size, *((shape,) if isinstance(shape, int) else shape))
        self.batch_shape = _checked(batch_shape)
        self._input_dtype = dtypes.standardize_dtype(dtype)
        self.sparse, self.ragged, self.optional = bool(sparse), bool(ragged), optional
        tensor = input_tensor
        if tensor is None:
            tensor = KerasTensor(self.batch_shape, self._input_dtype, self.sparse, self.ragged, name=self.name)
        self._tensor = tensor
        Node(self, (), {}, tensor)
        self.input_spec = InputSpec(shape=self.batch_shape, dtype=self._input_dtype, name=self.name, optional=optional)
        self.built = True

    dtype = property(lambda self: self._input_dtype)

    def call(self) -> Any:
        """The symbolic tensor."""
        return self.output

    def get_config(self) -> dict[str, Any]:
        return {
            "batch_shape": self.batch_shape,
            "dtype": self.dtype,
            "sparse": self.sparse,
            "ragged": self.ragged,
            "name": self.name,
            "optional": self.optional,
        }


def _checked(shape: Any) -> tuple[int | None, ...]:
    shape = tuple(shape)
    for d in shape:
        if d is not None and (isinstance(d, bool) or not hasattr(d, "__index__") or d < 0):
            raise ValueError(
                f"Cannot convert '{shape}' to a shape. Every dimension must be None or a non-negative integer."
            )
    return tuple(None if d is None else int(d) for d in shape)


def Input(  # noqa: N802 - Keras's name
    shape: Any = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Any = None,
    name: str | None = None,
    tensor: Any = None,
    optional: bool = False,
) -> KerasTensor:
    """A symbolic tensor to begin a functional model with.

    Args:
        shape: shape without the batch dimension; None dimensions may vary.
        batch_size: the batch dimension, None if it may vary.
        dtype: `floatx` by default.
        sparse: whether the input is sparse.
        ragged: whether the input is ragged.
        batch_shape: shape with the batch dimension, instead of the first two.
        name: `input_layer`, `input_layer_1`… by default.
        tensor: an existing `KerasTensor` to begin with.
        optional: whether None may be given.

    Returns:
        A `KerasTensor`.

    Example:
        >>> import triceras
        >>> x = triceras.Input((4,))
        >>> model = triceras.Model(x, triceras.layers.Dense(2)(x))
        >>> model.output_shape
        (None, 2)
    """
    if name is None:
        name = naming.auto_name("InputLayer")
    return InputLayer(shape, batch_size, dtype, sparse, ragged, batch_shape, tensor, optional, name).output
