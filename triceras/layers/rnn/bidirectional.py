"""`Bidirectional`: a recurrent layer in both directions."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.core import tree
from triceras.layers.call import signature_of
from triceras.layers.layer import Layer
from triceras.layers.wrapper import build_inside

__all__ = ["Bidirectional"]

MERGES = {
    "sum": ops.add,
    "mul": ops.multiply,
    "ave": lambda a, b: ops.divide(ops.add(a, b), 2),
    "concat": lambda a, b: ops.concatenate([a, b], axis=-1),
}
SAME = ("stateful", "return_sequences", "return_state")  # what both directions must agree on


class Bidirectional(Layer):
    """A recurrent layer that goes over the sequence in both directions (Schuster and Paliwal 1997).

    Input: as the layer's, mostly `(batch, time, features)`; output: what both directions give, merged, in the order of
    the input: with `"concat"` `(batch, 2 * units)`, or with `return_sequences` `(batch, time, 2 * units)`. With
    `return_state` the states of the forward layer and then those of the backward layer come out behind it, and
    `initial_state=` takes them in that order.

    Args:
        layer: a recurrent layer such as `LSTM` or `RNN`. It is copied: its settings count, not its weights.
        merge_mode: how the outputs become one: `"sum"`, `"mul"`, `"concat"`, `"ave"`; None: both come out.
        weights: list of first weights, those of the forward layer and then those of the backward layer.
        backward_layer: the layer for the other direction, with `go_backwards` the other way round; a copy of `layer` by
            default. It isn't copied.
        **kwargs: what every layer takes.

    Raises:
        ValueError: an argument is no recurrent layer, the merge mode is unknown, or the two layers don't fit together.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> layer = triceras.layers.Bidirectional(triceras.layers.LSTM(3, return_sequences=True))
        >>> tuple(layer(np.ones((2, 4, 5))).shape)
        (2, 4, 6)
    """

    def __init__(
        self,
        layer: Any,
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: Any = None,
        **kwargs: Any,
    ):
        if not isinstance(layer, Layer):
            raise ValueError(
                f"Please initialize `Bidirectional` layer with a `keras.layers.Layer` instance. Received: {layer}"
            )
        if backward_layer is not None and not isinstance(backward_layer, Layer):
            raise ValueError(f"`backward_layer` need to be a `keras.layers.Layer` instance. Received: {backward_layer}")
        missing = [name for name in ("go_backwards", *SAME) if not hasattr(layer, name)]
        if missing:
            raise ValueError(
                f"`Bidirectional` needs a recurrent layer, with the attributes `go_backwards`, {SAME}. Received: "
                f"layer={layer} without {missing}"
            )
        if merge_mode is not None and merge_mode not in MERGES:
            raise ValueError(
                f"Invalid merge mode. Received: {merge_mode}. Merge mode should be one of "
                '{"sum", "mul", "ave", "concat", None}'
            )
        super().__init__(**kwargs)
        self.forward_layer = _copy(layer, "forward")
        if backward_layer is None:
            backward_layer = _copy(layer, "backward", go_backwards=not layer.go_backwards)
        self.backward_layer = backward_layer
        self._check_pair()
        self.merge_mode = merge_mode
        self.return_sequences, self.return_state = layer.return_sequences, layer.return_state
        self.stateful, self.supports_masking = layer.stateful, True
        self.input_spec = layer.input_spec
        self._first_weights = weights
        for x in self._both():
            if hasattr(x, "zero_output_for_mask"):  # else a masked step of one direction would repeat an output
                x.zero_output_for_mask = self.return_sequences

    def _both(self) -> tuple[Any, Any]:
        return self.forward_layer, self.backward_layer

    def _check_pair(self) -> None:
        forward, backward = self._both()
        if forward.go_backwards == backward.go_backwards:
            raise ValueError(
                "Forward layer and backward layer should have different `go_backwards` value. Received: "
                f"forward_layer.go_backwards {forward.go_backwards}, "
                f"backward_layer.go_backwards={backward.go_backwards}"
            )
        for name in SAME:
            values = getattr(forward, name), getattr(backward, name, None)
            if values[0] != values[1]:
                raise ValueError(
                    "Forward layer and backward layer are expected to have the same value for attribute "
                    f'"{name}", got "{values[0]}" for forward layer and "{values[1]}" for backward layer'
                )

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        for layer in self._both():
            build_inside(self, layer, sequences_shape)
        self.built = True
        if self._first_weights is not None:
            self.set_weights(self._first_weights)
        self.input_spec = self.forward_layer.input_spec

    @property
    def states(self) -> tuple[Any, ...] | None:
        """The states of the forward layer and those of the backward layer, where they are stateful and built."""
        forward, backward = (layer.states for layer in self._both())
        return (*forward, *backward) if forward and backward else None

    def reset_state(self) -> None:
        """Set the states of stateful layers to zero."""
        for layer in self._both():
            layer.reset_state()

    def reset_states(self) -> None:
        """The same as `reset_state`."""
        self.reset_state()

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool | None = None) -> Any:
        halves = self._halves(initial_state)
        (forward, *ahead), (backward, *behind) = (
            self._one_way(layer, sequences, initial_state=half, mask=mask, training=training)
            for layer, half in zip(self._both(), halves, strict=True)
        )
        if self.return_sequences:
            backward = ops.flip(backward, axis=1)
        merged = (forward, backward) if self.merge_mode is None else (MERGES[self.merge_mode](forward, backward),)
        found = (*merged, *ahead, *behind)
        return found if len(found) > 1 else found[0]

    def _one_way(self, layer: Any, sequences: Any, **arguments: Any) -> Any:
        """One direction's output and states."""
        taken = signature_of(type(layer).call).names
        found = layer(sequences, **{k: v for k, v in arguments.items() if v is not None and k in taken})
        return found if self.return_state else (found,)

    def _halves(self, states: Any) -> tuple[Any, Any]:
        if states is None:
            return None, None
        if not isinstance(states, (list, tuple)) or len(states) % 2:
            raise ValueError(
                f"`initial_state` of layer '{self.name}' must be a list with the states of the forward layer and then "
                f"those of the backward layer. Received: {len(tree.flatten(states))} tensor(s)"
            )
        middle = len(states) // 2
        return list(states[:middle]), list(states[middle:])

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:
        shapes = [layer.compute_output_shape(sequences_shape) for layer in self._both()]
        (forward, *ahead), (backward, *behind) = shapes if self.return_state else ((s,) for s in shapes)
        last = forward[-1] + backward[-1] if self.merge_mode == "concat" else forward[-1]
        merged = (forward, backward) if self.merge_mode is None else ((*forward[:-1], last),)
        found = (*merged, *ahead, *behind)
        return found if len(found) > 1 else found[0]

    def compute_mask(self, _: Any, mask: Any) -> Any:
        found = [layer.compute_mask(_, mask) for layer in self._both()]
        (output, *ahead), (_, *behind) = found if self.return_state else ((m,) for m in found)
        merged = (output, output) if self.merge_mode is None else (output,)
        masks = (*merged, *ahead, *behind)
        return masks if len(masks) > 1 else masks[0]

    def get_config(self) -> dict[str, Any]:
        from triceras.saving.serialization import serialize_keras_object

        return {
            **super().get_config(),
            "merge_mode": self.merge_mode,
            "layer": serialize_keras_object(self.forward_layer),
            "backward_layer": serialize_keras_object(self.backward_layer),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Bidirectional:
        """Make the layer from its config."""
        from triceras.saving.serialization import deserialize_keras_object

        config, shapes = dict(config), []
        for name in ("layer", "backward_layer"):
            data = dict(config.get(name) or {})
            shapes.append(data.pop("build_config", None))  # they are built below, where their names come from
            config[name] = deserialize_keras_object(data, custom_objects=custom_objects) if data else None
        made = cls(**config)
        with made._naming():
            for layer, shape in zip(made._both(), shapes, strict=True):
                layer.build_from_config(shape or {})
        return made


def _copy(layer: Layer, prefix: str, **changes: Any) -> Any:
    """A layer with the settings of another one and changes, named after it."""
    name = layer.name.removeprefix(f"{prefix}_")
    config = {**layer.get_config(), **changes, "name": f"{prefix}_{name}"}
    own_classes = {type(x).__name__: type(x) for x in layer._flatten_layers()}  # cells that nobody registered
    return type(layer).from_config(config, **_if_taken(type(layer).from_config, custom_objects=own_classes))


def _if_taken(function: Any, **arguments: Any) -> dict[str, Any]:
    names = signature_of(function).names
    return {k: v for k, v in arguments.items() if k in names}
