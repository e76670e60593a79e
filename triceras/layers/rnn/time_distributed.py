"""`TimeDistributed`: a layer at each time step."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.core import tree
from triceras.core.spec import Spec
from triceras.layers.call import signature_of
from triceras.layers.layer import Layer
from triceras.layers.rnn.loop import Way, agree, steps
from triceras.layers.wrapper import Wrapper, build_inside

__all__ = ["TimeDistributed"]


class TimeDistributed(Wrapper):
    """Apply a layer to each time step of its input.

    Input: `(batch, time, ...)`, where the layer takes `(batch, ...)`; output: `(batch, time, ...)`. A mask, bool
    `(batch, time, ...)`, reaches the layer step by step if its `call` takes one.

    All steps are computed at once, as a larger batch, except where each must see what the one before has left: layers
    that train statistics of batches, and stateful ones.

    Args:
        layer: the layer, or a model.
        **kwargs: what every layer takes.

    Raises:
        ValueError: `layer` isn't a layer; the input has less than three dimensions; the mask doesn't fit to it.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> layer = triceras.layers.TimeDistributed(triceras.layers.Conv2D(3, 3))
        >>> tuple(layer(np.ones((2, 4, 8, 8, 1))).shape)
        (2, 4, 6, 6, 3)
    """

    def __init__(self, layer: Any, **kwargs: Any):
        if not isinstance(layer, Layer):
            raise ValueError(
                f"Please initialize `TimeDistributed` layer with a `keras.layers.Layer` instance. Received: {layer}"
            )
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        build_inside(self, self.layer, self._step_shape(input_shape))
        self.built = True

    def _step_shape(self, shape: Any) -> tuple[int | None, ...]:
        if not isinstance(shape, (tuple, list)) or len(shape) < 3 or isinstance(shape[0], (tuple, list)):
            raise ValueError(
                "`TimeDistributed` Layer should be passed an `input_shape` with at least 3 dimensions, received: "
                f"{shape} (layer '{self.name}')"
            )
        return (shape[0], *shape[2:])

    def compute_output_shape(self, input_shape: Any) -> Any:
        shapes = self.layer.compute_output_shape(self._step_shape(input_shape))
        return tree.map_shape_structure(lambda s: (s[0], input_shape[1], *s[1:]), shapes)

    def compute_output_spec(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        one_step = self.layer.compute_output_spec(Spec(self._step_shape(inputs.shape), inputs.dtype))
        return tree.map_structure(lambda s: Spec((s.shape[0], inputs.shape[1], *s.shape[1:]), s.dtype), one_step)

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if mask is not None and not agree(tuple(inputs.shape)[:2], tuple(mask.shape)[:2]):
            raise ValueError(
                f"The `mask` passed to the `TimeDistributed` layer '{self.name}' has a shape {tuple(mask.shape)} that "
                f"is incompatible with the input shape {tuple(inputs.shape)}. The first two dimensions of the mask "
                f"(batch size and timesteps) must match the input's. Expected: {tuple(inputs.shape)[:2]}."
            )
        takes_mask = mask is not None and "mask" in signature_of(type(self.layer).call).names
        arguments = {"inputs": inputs, **({"mask": mask} if takes_mask else {})}

        def step(x: dict[str, Any]) -> Any:
            inputs = x.pop("inputs")
            return self.layer(inputs, **x, training=training)

        if self._leaves_state(training):
            return steps(lambda states, x: (step(x), states), arguments, [], Way())[0]
        outputs = step({k: ops.reshape(x, (-1, *ops.shape(x)[2:])) for k, x in arguments.items()})
        time = ops.shape(inputs)[1]
        return tree.map_structure(lambda x: ops.reshape(x, (-1, time, *ops.shape(x)[1:])), outputs)

    def _leaves_state(self, training: bool | None) -> bool:
        """Whether a call of the layer changes what the next one gives."""
        if any(x._passing_state() for x in self.layer._flatten_layers()):
            return True
        return bool(training and self.layer.trainable and self.layer.non_trainable_weights)
