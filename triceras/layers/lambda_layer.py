"""`Lambda`: a function as a layer."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from triceras.core import tree
from triceras.core.spec import Spec
from triceras.layers.layer import Layer
from triceras.layers.shapes import traced

__all__ = ["Lambda"]


class Lambda(Layer):
    """A function as a layer. For anything with weights, write a `Layer`.

    A function that is registered (`saving.register_keras_serializable`) or public (an op, an activation) is saved by
    name. A Python lambda is saved as bytecode, as Keras does, and loads only where `safe_mode=False` is given.

    Args:
        function: takes the inputs, maybe `mask` and `training`.
        output_shape: shape without the batch dimension, or a function of the input shape; traced by default.
        mask: the output's mask, or a function `(inputs, mask)`.
        arguments: dict of further keyword arguments for the function.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> double = triceras.layers.Lambda(lambda x: x * 2)
        >>> triceras.ops.convert_to_numpy(double(np.array([1.0, 2.0]))).tolist()
        [2.0, 4.0]
    """

    def __init__(
        self,
        function: Callable,
        output_shape: Any = None,
        mask: Any = None,
        arguments: dict[str, Any] | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if not callable(function):
            raise ValueError(f"Argument `function` must be callable. Received: function={function!r}")
        self.function, self.arguments = function, arguments or {}
        self._output_shape, self.mask = output_shape, mask
        self.supports_masking, self.built = mask is not None, True
        try:
            names = inspect.signature(function).parameters
        except (TypeError, ValueError):
            names = {}
        self._takes = tuple(name for name in ("mask", "training") if name in names)

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        extra = {"mask": mask, "training": training}
        return self.function(inputs, **{**self.arguments, **{name: extra[name] for name in self._takes}})

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        if self._output_shape is None:
            return traced(self, args, kwargs)
        return super().compute_output_spec(*args, **kwargs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        if callable(self._output_shape):
            return self._output_shape(input_shape)
        if self._output_shape is None:
            return tuple(traced(self, (Spec(input_shape, self.compute_dtype),), {}).shape)
        first = tree.flatten(input_shape)[0]  # the batch size, also where there are several inputs
        return (first, *self._output_shape)

    def get_config(self) -> dict[str, Any]:
        from triceras.saving import serialization

        config = {
            **super().get_config(),
            "arguments": self.arguments,
            "function": serialization.serialize_keras_object(self.function),
        }
        if self._output_shape is not None:
            plain = not callable(self._output_shape)
            config["output_shape"] = (
                self._output_shape if plain else serialization.serialize_keras_object(self._output_shape)
            )
        if self.mask is not None:
            config["mask"] = serialization.serialize_keras_object(self.mask)
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None, safe_mode: bool | None = None) -> Lambda:
        """Make the layer from its config; code in the config is refused unless `safe_mode` is False."""
        from triceras.saving import serialization

        config = dict(config)
        for key in ("function", "output_shape", "mask"):
            if isinstance(config.get(key), dict):
                config[key] = serialization.deserialize_keras_object(
                    config[key], custom_objects=custom_objects, safe_mode=safe_mode
                )
        return cls(**config)
