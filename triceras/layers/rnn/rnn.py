"""`RNN`: a cell, run over time."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from triceras import ops
from triceras.core import naming, tree
from triceras.core.variable import Variable
from triceras.layers.input_spec import InputSpec
from triceras.layers.layer import Layer
from triceras.layers.rnn.cells import Cell

__all__ = ["RNN"]


LOOP_SETTINGS = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll", "zero_output_for_mask")


class RNN(Layer):
    """Run a cell over the time steps of a sequence.

    Input: `(batch, time, features)`; output: the last output `(batch, units)`, or all: `(batch, time, units)`.

    Args:
        cell: a layer with `call(inputs, states) -> (output, new_states)` and the attribute `state_size` (an integer
            or a list of them); maybe `output_size` and `get_initial_state(batch_size)`.
        return_sequences: whether all outputs come out.
        return_state: whether the last states come out behind the output.
        go_backwards: whether the steps are taken from the last to the first.
        stateful: whether the next batch begins with the last states of this one.
        unroll: whether the loop is unrolled in the graph.
        zero_output_for_mask: whether masked steps give zeros instead of the output before.

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
        if not callable(getattr(cell, "call", None)):
            raise ValueError(f"Argument `cell` should have a `call` method. Received: cell={cell}")
        if not hasattr(cell, "state_size"):
            raise ValueError(
                "The RNN cell should have a `state_size` attribute (integer or list of integers). Received: "
                f"cell={cell}"
            )
        self.cell = cell
        self.return_sequences, self.return_state = return_sequences, return_state
        self.go_backwards, self.stateful, self.unroll = go_backwards, stateful, unroll
        self.zero_output_for_mask = zero_output_for_mask
        self.input_spec = InputSpec(min_ndim=3) if not isinstance(cell, Cell) else InputSpec(ndim=3)
        self.supports_masking = True
        self.states: list[Variable] | None = None

    @property
    def state_sizes(self) -> list[Any]:
        """The sizes of the states."""
        size = self.cell.state_size
        return list(size) if isinstance(size, (list, tuple)) else [size]

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        if isinstance(self.cell, Layer):
            self.cell.build_from_config({"input_shape": (sequences_shape[0], *sequences_shape[2:])})
        if self.stateful and self.states is None:
            batch = sequences_shape[0]
            if batch is None:
                raise ValueError(
                    "When using `stateful=True` in a RNN, the batch size must be static. Found dynamic batch size: "
                    f"sequence.shape={sequences_shape}"
                )
            self.states = [
                self.add_weight((batch, *tree.flatten(size)), "zeros", trainable=False, name="rnn_state")
                for size in self.state_sizes
            ]
        self.built = True

    def _passing_state(self) -> list[Variable]:
        return self.states or []

    def get_initial_state(self, batch_size: Any) -> list[Any]:
        """The states before the first step."""
        make = getattr(self.cell, "get_initial_state", None)
        if make is not None:
            return tree.flatten(make(batch_size=batch_size))
        return [ops.zeros((batch_size, *tree.flatten(size)), dtype=self.compute_dtype) for size in self.state_sizes]

    def reset_states(self) -> None:
        """Set the states of a stateful layer to zero."""
        for state in self.states or ():
            state.assign(np.zeros(state.shape, "float32"))

    def reset_state(self) -> None:
        """The same as `reset_states`."""
        self.reset_states()

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
        if sequences.shape[1] == 0:
            raise ValueError(
                f"Layer '{self.name}' needs at least one time step. Received: sequences.shape={tuple(sequences.shape)}"
            )
        if initial_state is None:
            initial_state = self.states if self.stateful else self.get_initial_state(ops.shape(sequences)[0])
        initial_state = [ops.cast(s, self.compute_dtype) for s in tree.flatten(initial_state)]
        last, outputs, states = self.inner_loop(sequences, initial_state, mask, training=training)
        if self.stateful:
            for variable, value in zip(self.states, states, strict=True):
                variable.assign(ops.cast(value, variable.dtype))
        result = outputs if self.return_sequences else last
        return [result, *states] if self.return_state else result

    def inner_loop(
        self, sequences: Any, initial_state: Any, mask: Any, training: bool = False
    ) -> tuple[Any, Any, list[Any]]:
        """The loop over time: `(last output, all outputs, last states)`."""
        mask = None if mask is None else ops.cast(mask, "bool")
        if self.go_backwards:
            sequences, mask = tree.map_structure(lambda x: x if x is None else ops.flip(x, axis=1), (sequences, mask))
        whole = self.cell.whole(training) if _has_parts(self.cell) and not self.unroll else None
        if whole is not None:
            inputs, cell = self.cell.dropped_inputs(sequences, training), self.cell
            weights = cell.kernel, cell.recurrent_kernel, cell.bias
            outputs, states = whole(inputs, initial_state, weights, mask, self.zero_output_for_mask)
            return states[0] if mask is None else outputs[:, -1], outputs, states
        inputs, take = self._stepper(sequences, training)
        masks = None if mask is None else ops.transpose(mask, (1, 0))
        first = ops.zeros_like(take(initial_state, self._at(inputs, 0))[0]) if masks is not None else None

        def body(carry: Any, xs: Any) -> tuple[Any, Any]:
            states, previous = carry
            x, keep = xs if masks is not None else (xs, None)
            output, new = take(states, x)
            if keep is not None:
                output, new, previous = self._masked(keep, output, new, states, previous)
            return (new, previous), output

        xs = (inputs, masks) if masks is not None else inputs
        (states, _), outputs = self._loop(body, (initial_state, first), xs)
        outputs = tree.map_structure(lambda x: ops.transpose(x, (1, 0, *range(2, len(x.shape)))), outputs)
        # Steps run from the end when going backwards, and outputs are kept in the order of the run.
        last = tree.map_structure(lambda x: x[:, -1], outputs)
        return last, outputs, list(states)

    def _masked(
        self, keep: Any, output: Any, new: list[Any], states: list[Any], previous: Any
    ) -> tuple[Any, list[Any], Any]:
        def choose(a: Any, b: Any) -> Any:
            condition = ops.reshape(keep, (-1, *(1,) * (len(a.shape) - 1)))
            return ops.where(condition, a, b)

        held = ops.zeros_like(output) if self.zero_output_for_mask else previous
        output = choose(output, held)
        return output, [choose(n, s) for n, s in zip(new, states, strict=True)], output

    def _at(self, inputs: Any, index: int) -> Any:
        return tree.map_structure(lambda x: x[index], inputs)

    def _stepper(self, sequences: Any, training: bool) -> tuple[Any, Any]:
        """The inputs of all steps, time first, and a function `(states, input) -> (output, new states)`."""
        if _has_parts(self.cell):
            prepared, recurrent_mask = self.cell.prepare(sequences, training)
            return self._time_first(prepared), lambda states, x: self.cell.step(x, states, recurrent_mask)
        takes_training = (
            "training" in self.cell.call.__code__.co_varnames if hasattr(self.cell.call, "__code__") else False
        )
        kwargs = {"training": training} if takes_training else {}
        alone = not isinstance(self.cell.state_size, (list, tuple))

        def take(states: list[Any], x: Any) -> tuple[Any, list[Any]]:
            output, new = self.cell(x, states[0] if alone and not isinstance(states, list) else states, **kwargs)
            return output, tree.flatten(new)

        return self._time_first(sequences), take

    def _time_first(self, x: Any) -> Any:
        return ops.transpose(x, (1, 0, *range(2, len(x.shape))))

    def _loop(self, body: Any, carry: Any, xs: Any) -> tuple[Any, Any]:
        if not self.unroll:
            return ops.scan(body, carry, xs)
        steps = tree.flatten(xs)[0].shape[0]
        if steps is None:
            raise ValueError(f"Layer '{self.name}': with unroll=True the number of time steps must be known.")
        outputs = []
        for i in range(steps):
            carry, output = body(carry, self._at(xs, i))
            outputs.append(output)
        return carry, tree.map_structure(lambda *x: ops.stack(x, axis=0), *outputs)

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:
        batch, time = sequences_shape[0], sequences_shape[1]
        size = getattr(self.cell, "output_size", None) or self.state_sizes[0]
        rest = tuple(size) if isinstance(size, (list, tuple)) else (size,)
        output = (batch, time, *rest) if self.return_sequences else (batch, *rest)
        return [output, *((batch, *tree.flatten(s)) for s in self.state_sizes)] if self.return_state else output

    def compute_mask(self, _: Any, mask: Any) -> Any:
        mask = tree.flatten(mask)[0] if mask is not None else None
        output = mask if self.return_sequences else None
        return [output, *[None] * len(self.state_sizes)] if self.return_state else output

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


def _has_parts(cell: Any) -> bool:
    """Whether a cell is `prepare` and `step`, and no subclass of it has a `call` of its own."""
    return isinstance(cell, Cell) and type(cell).call is Cell.call


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
