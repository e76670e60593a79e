"""`StackedRNNCells`: cells on top of each other as one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from triceras.layers.layer import Layer
from triceras.layers.rnn.loop import Way, caller, initial_state, output_shape, run
from triceras.layers.wrapper import build_inside

__all__ = ["StackedRNNCells"]


class StackedRNNCells(Layer):
    """Cells on top of each other as one cell: the output of one is the input of the next.

    Called with an input `(batch, features)` and a list of each cell's states; gives the last cell's output
    `(batch, units)` and the list of the new states. In an `RNN`, each cell goes through the whole sequence before the
    next one does, which is the same and lets every cell use its kernel.

    Args:
        cells: the cells, the lowest first.
        **kwargs: what every layer takes.

    Raises:
        ValueError: a cell has no `call` or no `state_size`.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> cells = [triceras.layers.LSTMCell(3), triceras.layers.GRUCell(2)]
        >>> layer = triceras.layers.RNN(triceras.layers.StackedRNNCells(cells))
        >>> tuple(layer(np.ones((2, 4, 5))).shape)
        (2, 2)
    """

    def __init__(self, cells: Any, **kwargs: Any):
        super().__init__(**kwargs)
        for cell in cells:
            if not callable(getattr(cell, "call", None)):
                raise ValueError(f"All cells must have a `call` method. Received cell without a `call` method: {cell}")
            if not hasattr(cell, "state_size"):
                raise ValueError(
                    f"All cells must have a `state_size` attribute. Received cell without a `state_size`: {cell}"
                )
        self.cells = cells

    @property
    def state_size(self) -> list[Any]:
        """The state sizes of the cells, a list in the list for a cell with several states."""
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> Any:
        """The size of the last cell's output."""
        size = output_shape(self.cells[-1])
        return size[0] if len(size) == 1 else size

    def build(self, input_shape: Any) -> None:
        for cell in self.cells:
            build_inside(self, cell, input_shape)
            input_shape = (input_shape[0], *output_shape(cell))
        self.built = True

    def get_initial_state(self, batch_size: Any = None) -> list[Any]:
        """The states of each cell before the first step, in the structure of `state_size`.

        Args:
            batch_size: how many sequences.
        """
        found = [(cell, initial_state(cell, batch_size, self.compute_dtype)) for cell in self.cells]
        return [states if isinstance(cell.state_size, (list, tuple)) else states[0] for cell, states in found]

    def call(self, inputs: Any, states: Any, training: bool = False, **kwargs: Any) -> tuple[Any, list[Any]]:
        return self._upwards(lambda cell, x, own: caller(cell, training, **kwargs)(own, x), inputs, states)

    def over_time(self, sequences: Any, states: list[Any], way: Way) -> tuple[Any, list[Any]]:
        """The outputs of all steps and the last states; arguments as for `loop.run`."""
        return self._upwards(lambda cell, x, own: run(cell, x, own, way), sequences, states)

    def _upwards(self, go: Callable, inputs: Any, states: Any) -> tuple[Any, list[Any]]:
        found = []
        for cell, own in zip(self.cells, states, strict=True):
            alone = not isinstance(own, (list, tuple))
            inputs, new = go(cell, inputs, [own] if alone else list(own))
            found.append(new[0] if alone else new)
        return inputs, found

    def get_config(self) -> dict[str, Any]:
        from triceras.saving.serialization import serialize_keras_object

        return {**super().get_config(), "cells": [serialize_keras_object(cell) for cell in self.cells]}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> StackedRNNCells:
        """Make the layer from its config."""
        from triceras.saving.serialization import deserialize_keras_object

        config = dict(config)
        cells = [deserialize_keras_object(c, custom_objects=custom_objects) for c in config.pop("cells")]
        return cls(cells, **config)
