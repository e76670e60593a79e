"""`Wrapper`: the base class of layers around another layer."""

from __future__ import annotations

import contextlib
from typing import Any

from triceras.layers.layer import Layer

__all__ = ["Wrapper"]


class Wrapper(Layer):
    """A layer around another one, which is its attribute `layer`, and whose weights it has.

    A subclass has a `call` that calls `self.layer`. The inner layer goes into the config and is built with the outer
    one, by default for the same input.

    Args:
        layer: the inner layer.
        **kwargs: what every layer takes.

    Raises:
        ValueError: `layer` isn't a layer.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> class Twice(triceras.layers.Wrapper):
        ...     def call(self, inputs):
        ...         return self.layer(self.layer(inputs))
        >>> outer = Twice(triceras.layers.Dense(3, name="inner"), name="outer")
        >>> tuple(outer(np.ones((2, 3))).shape), [w.path for w in outer.weights]
        ((2, 3), ['outer/inner/kernel', 'outer/inner/bias'])
    """

    def __init__(self, layer: Any, **kwargs: Any):
        if not isinstance(layer, Layer):
            raise ValueError(
                f"Layer {layer} supplied to Wrapper isn't a supported layer type. Please ensure wrapped layer is a "
                "valid Keras layer."
            )
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape: Any = None) -> None:
        build_inside(self, self.layer, input_shape)
        self.built = True

    def get_config(self) -> dict[str, Any]:
        from triceras.saving.serialization import serialize_keras_object

        return {**super().get_config(), "layer": serialize_keras_object(self.layer)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Wrapper:
        """Make the layer from its config."""
        from triceras.saving.serialization import deserialize_keras_object

        config = dict(config)
        return cls(deserialize_keras_object(config.pop("layer"), custom_objects=custom_objects), **config)


def inside(layer: Layer) -> Any:
    """A context in which variables are made that belong to a layer, whose name then stands in their paths."""
    return contextlib.nullcontext() if layer._in_own_scope() else layer._naming()


def build_inside(outer: Layer, layer: Any, input_shape: Any) -> None:
    """Build a layer for a shape as a part of another one.

    Args:
        outer: the layer around it.
        layer: the layer; nothing happens where it is built, or isn't a layer.
        input_shape: the shape of its input.
    """
    if isinstance(layer, Layer) and not layer.built:
        with inside(outer):
            layer.build_from_config({"input_shape": input_shape})
