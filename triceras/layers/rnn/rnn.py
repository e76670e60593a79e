"""`RNN`: a cell, run over time."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from triceras import ops
from triceras.core import naming, tree
from triceras.core.scope import use_backend
from triceras.core.spec import Spec
from triceras.core.variable import Variable
from triceras.layers.input_spec import InputSpec
from triceras.layers.layer import Layer
from triceras.layers.rnn.cells import Cell
from triceras.layers.rnn.loop import Way, agree, initial_state, output_shape, run
from triceras.layers.rnn.stacked import StackedRNNCells
from triceras.layers.shapes import traced
from triceras.layers.wrapper import build_inside, inside

__all__ = ["RNN"]


LOOP_SETTINGS = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll", "zero_output_for_mask")


class RNN(Layer):
    """Run a cell over the time steps of a sequence.

    Input: `(batch, time, ...)`, mostly `(batch, time, features)`; output: the last output `(batch, units)`, or all:
    `(batch, time, units)`. Called with `initial_state=`, a list of tensors `(batch, size)`, it begins with them, and
    with `mask=`, bool `(batch, time)`, steps where it is False leave the states as they are.

    Args:
        cell: a layer with `call(inputs, states) -> (output, new_states)` and the attribute `state_size` (an integer, or
            a list of them, which may be nested); maybe `output_size` and `get_initial_state(batch_size)`, whose states
            may have any shapes. A list of cells is stacked, see `StackedRNNCells`.
        return_sequences: whether all outputs come out.
        return_state: whether the last states come out behind the output.
        go_backwards: whether the steps are taken from the last to the first.
        stateful: whether the next batch begins with the last states of this one, until `reset_state`.
        unroll: whether the graph has every step instead of a loop.
        zero_output_for_mask: whether masked steps give zeros instead of the output before.

    Raises:
        ValueError: the cell has no `call` or no usable `state_size`.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> layer = triceras.layers.RNN(triceras.layers.LSTMCell(3), return_sequences=True)
        >>> tuple(layer(np.ones((2, 4, 5))).shape)
        (2, 4, 3)
    """

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.cell = _checked(StackedRNNCells(cell) if isinstance(cell, (list, tuple)) else cell)
        self.return_sequences, self.return_state = return_sequences, return_state
        self.go_backwards, self.stateful, self.unroll = go_backwards, stateful, unroll
        self.zero_output_for_mask = zero_output_for_mask
        self.input_spec = InputSpec(ndim=3) if isinstance(cell, Cell) else InputSpec(min_ndim=3)
        self.supports_masking = True
        self.states: list[Any] | None = None

    @property
    def state_size(self) -> list[Any]:
        """The cell's `state_size` as a list."""
        size = self.cell.state_size
        return list(size) if isinstance(size, (list, tuple)) else [size]

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        step_shape = (sequences_shape[0], *sequences_shape[2:])
        build_inside(self, self.cell, step_shape)
        if isinstance(self.cell, Layer) and not all(x.built for x in self.cell._flatten_layers()):
            self._build_inner_layers(step_shape)
        if isinstance(self.cell, Cell):
            rank = len(sequences_shape)
            self.input_spec = InputSpec(ndim=rank, axes={i: sequences_shape[i] for i in self._fixed_axes(rank)})
        if self.stateful and self.states is None:
            self._make_states(sequences_shape)
        self.built = True

    def _fixed_axes(self, rank: int) -> list[int]:
        """The axes whose sizes the weights or states fix."""
        return [rank - 1]

    def _build_inner_layers(self, step_shape: Any) -> None:
        """Let layers that a cell first calls in its `call` make their weights now, outside of any loop."""
        shapes = self._step_shapes(step_shape)[1]
        states = [tree.map_shape_structure(lambda s: Spec(s, self.compute_dtype), s) for s in shapes]
        with inside(self), self.cell._naming():
            traced(self.cell, (Spec(step_shape, self.compute_dtype), states), {})

    def _make_states(self, sequences_shape: Any) -> None:
        if sequences_shape[0] is None:
            raise ValueError(
                "When using `stateful=True` in a RNN, the batch size must be static. Found dynamic batch size: "
                f"sequence.shape={tuple(sequences_shape)}"
            )
        with use_backend(self.backend):
            first = self.get_initial_state(sequences_shape[0])
        self.states = tree.map_structure(
            lambda x: self.add_weight(x.shape, lambda shape, dtype=None: x, trainable=False, name="rnn_state"), first
        )

    def _passing_state(self) -> list[Variable]:
        return tree.flatten(self.states) if self.states is not None else []

    def get_initial_state(self, batch_size: Any) -> list[Any]:
        """The states before the first step: the cell's own, else zeros.

        Args:
            batch_size: how many sequences.
        """
        return initial_state(self.cell, batch_size, self.compute_dtype)

    def reset_state(self) -> None:
        """Set the states of a stateful layer to zero."""
        for state in self._passing_state():
            state.assign(np.zeros(state.shape, "float32"))

    def reset_states(self) -> None:
        """The same as `reset_state`."""
        self.reset_state()

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
        if sequences.shape[1] == 0:
            raise ValueError(
                f"Layer '{self.name}' needs at least one time step. Received: sequences.shape={tuple(sequences.shape)}"
            )
        states = self._first_states(sequences, initial_state)
        states = tree.map_structure(lambda s: ops.cast(s, self.compute_dtype), states)
        last, outputs, states = self.inner_loop(sequences, states, mask, training=training)
        if self.stateful:
            for variable, value in zip(tree.flatten(self.states), tree.flatten(states), strict=True):
                variable.assign(ops.cast(value, variable.dtype))
        result = outputs if self.return_sequences else last
        return (result, *states) if self.return_state else result

    def _first_states(self, sequences: Any, given: Any) -> Any:
        """The states before the first step, in the cell's structure."""
        if given is None and not self.stateful:
            return self.get_initial_state(ops.shape(sequences)[0])
        states = self.states if given is None else tree.flatten(given)
        batch, expected = sequences.shape[0], self._state_shapes((sequences.shape[0], *sequences.shape[2:]))
        found = [tuple(x.shape) for x in tree.flatten(states)]
        if given is None:
            if batch not in (None, found[0][0]):
                raise ValueError(
                    "If an RNN is stateful, the batch size of the input sequences must be the same as the batch size "
                    f"of the initial state. \n- Expected batch size: {found[0][0]}\n- Received batch size: {batch}"
                )
            return states
        wanted = _flat_shapes(expected)
        if len(wanted) != len(found) or not all(map(agree, wanted, found)):
            raise ValueError(
                f"`initial_state` of layer '{self.name}' must have the shapes {wanted}. Received: tensors of the "
                f"shapes {found}"
            )
        return tree.pack_sequence_as(tree.map_shape_structure(lambda _: 0, expected), states)

    def inner_loop(self, sequences: Any, initial_state: Any, mask: Any, training: bool = False) -> tuple[Any, Any, Any]:
        """The loop over time.

        Args:
            sequences: `(batch, time, ...)`.
            initial_state: list of the states before the first step.
            mask: bool `(batch, time)`, or None.
            training: whether dropout drops.

        Returns:
            The last output, all outputs in the order of the run, and the list of the last states.
        """
        mask = self._checked_mask(sequences, mask)
        if self.go_backwards:
            sequences, mask = tree.map_structure(lambda x: x if x is None else ops.flip(x, axis=1), (sequences, mask))
        way = Way(mask, training, self.unroll, self.zero_output_for_mask)
        outputs, states = run(self.cell, sequences, initial_state, way)
        return tree.map_structure(lambda x: x[:, -1], outputs), outputs, states

    def _checked_mask(self, sequences: Any, mask: Any) -> Any:
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        if mask is None:
            return None
        shape, steps = tuple(mask.shape), tuple(sequences.shape)[:2]
        if shape[2:] not in ((), (1,)) or not agree(steps, shape[:2]):
            raise ValueError(
                f"The mask of layer '{self.name}' must have the shape (batch, time). Received: mask.shape={shape}, "
                f"sequences.shape={tuple(sequences.shape)}"
            )
        return ops.cast(ops.squeeze(mask, -1) if len(shape) == 3 else mask, "bool")

    def _state_shapes(self, step_shape: Any) -> list[Any]:
        """The shapes of the states, in the cell's structure, for the shape of one step's input."""
        sizes = self.state_size
        if all(isinstance(n, int) for n in sizes):
            return [(step_shape[0], n) for n in sizes]
        with use_backend(self.backend):
            first = self.get_initial_state(1)
        return tree.map_structure(lambda x: (step_shape[0], *tuple(x.shape)[1:]), first)

    def _step_shapes(self, step_shape: Any) -> tuple[Any, list[Any]]:
        """The shapes of one step's output and of the states."""
        return (step_shape[0], *output_shape(self.cell)), self._state_shapes(step_shape)

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:
        batch, time, *rest = sequences_shape
        output, states = self._step_shapes((batch, *rest))
        output = (batch, time, *output[1:]) if self.return_sequences else output
        return (output, *states) if self.return_state else output

    def compute_mask(self, _: Any, mask: Any) -> Any:
        output = tree.flatten(mask)[0] if mask is not None and self.return_sequences else None
        return [output, *[None] * self._count_states()] if self.return_state else output

    def _count_states(self) -> int:
        sizes = self.state_size
        if all(isinstance(n, int) for n in sizes):
            return len(sizes)
        with use_backend(self.backend):
            return len(tree.flatten(self.get_initial_state(1)))

    def get_config(self) -> dict[str, Any]:
        from triceras.saving.serialization import serialize_keras_object

        return {**self._loop_config(), "cell": serialize_keras_object(self.cell)}

    def _loop_config(self) -> dict[str, Any]:
        return {**Layer.get_config(self), **{name: getattr(self, name) for name in LOOP_SETTINGS}}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> RNN:
        """Make the layer from its config."""
        from triceras.saving.serialization import deserialize_keras_object

        config = dict(config)
        return cls(deserialize_keras_object(config.pop("cell"), custom_objects=custom_objects), **config)


def _checked(cell: Any) -> Any:
    if not callable(getattr(cell, "call", None)):
        raise ValueError(f"Argument `cell` should have a `call` method. Received: cell={cell}")
    if not hasattr(cell, "state_size"):
        raise ValueError(
            "The RNN cell should have a `state_size` attribute (single integer or list of integers, one integer per "
            f"RNN state). Received: cell={cell}"
        )
    if not isinstance(cell.state_size, (int, list, tuple)):
        raise ValueError(
            "state_size must be an integer, or a list/tuple of integers (one for each state tensor). Received: "
            f"cell={cell} with state_size={cell.state_size!r}"
        )
    return cell


def _flat_shapes(shapes: Any) -> list[tuple]:
    found: list[tuple] = []
    tree.map_shape_structure(found.append, shapes)
    return found


def _settings_of(cell_class: type) -> list[str]:
    """The names of a cell's settings, those that it leaves to its base class included."""
    found: dict[str, None] = {}
    for cls in cell_class.__mro__:
        if issubclass(cls, Cell):
            names = inspect.signature(cls.__init__).parameters
            found.update(dict.fromkeys(n for n in names if n not in ("self", "args", "kwargs")))
    return list(found)


def _of_cell(name: str) -> property:
    return property(lambda self: getattr(self.cell, name), doc=f"The cell's `{name}`.")


class CellRNN(RNN):
    """A recurrent layer that makes its own cell and shows the cell's settings as its own.

    A subclass names its cell and lists the settings of both in `__init__`, which hands them all to `_set_up`.
    """

    cell_class: type[Cell]
    _cell_arguments: tuple[str, ...] = ()

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        if "cell_class" in cls.__dict__:
            listed = inspect.signature(cls.__init__).parameters
            cls._cell_arguments = tuple(n for n in _settings_of(cls.cell_class) if n in listed)
            for name in cls._cell_arguments:
                setattr(cls, name, _of_cell(name))

    def _set_up(self, given: dict[str, Any]) -> None:
        """Make the cell and the loop around it, from all that `__init__` was given, by name."""
        common = given["kwargs"]
        cell = self.cell_class(
            **{name: given[name] for name in self._cell_arguments},
            dtype=common.get("dtype"),
            trainable=common.get("trainable", True),
            name=naming.to_snake_case(self.cell_class.__name__),
        )
        loop = {name: given[name] for name in (*LOOP_SETTINGS, "activity_regularizer") if name in given}
        RNN.__init__(self, cell, **loop, **common)

    def get_config(self) -> dict[str, Any]:
        from triceras import regularizers

        cell = self.cell.get_config()
        own = {name: cell[name] for name in self._cell_arguments if name in cell}
        return {
            **self._loop_config(),
            **own,
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> RNN:
        """Make the layer from its config."""
        return cls(**config)
