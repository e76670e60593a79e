"""What `TFSMLayer` is on TensorFlow: the endpoints of a SavedModel, whose variables a layer's Variables hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from triceras.core.variable import Variable


class SavedModel:
    """A SavedModel, loaded. Loading and calling it runs the graph in it: only for files that are trusted.

    Args:
        filepath: its folder.
        call_endpoint: name of an attribute or a signature.
        call_training_endpoint: the same for training; `call_endpoint` by default.

    Raises:
        OSError: there is none.
        ValueError: it has no such endpoint.
    """

    def __init__(self, filepath: Any, call_endpoint: str, call_training_endpoint: str | None):
        self.loaded = tf.saved_model.load(str(filepath))
        self.inference = self._endpoint("call_endpoint", call_endpoint)
        self.training = self.inference
        if call_training_endpoint is not None:
            self.training = self._endpoint("call_training_endpoint", call_training_endpoint)
        listed = getattr(self.loaded, "variables", None) or [*_used(self.inference), *_used(self.training)]
        self.variables = [_variable(native) for native in {id(v): v for v in listed}.values()]

    def _endpoint(self, argument: str, name: str) -> Callable:
        found = getattr(self.loaded, name, None) or self.loaded.signatures.get(name)
        if found is None:
            raise ValueError(
                f"The endpoint '{name}' is neither an attribute of the reloaded SavedModel, nor an entry in the "
                "`signatures` field of the reloaded SavedModel. Select another endpoint via the "
                f"`{argument}` argument. Available endpoints for this SavedModel: {list(self.loaded.signatures)}"
            )
        return found

    def __call__(self, inputs: Any, training: bool, kwargs: dict[str, Any]) -> Any:
        return (self.training if training else self.inference)(inputs, **kwargs)


def _used(endpoint: Any) -> list[tf.Variable]:
    """The variables that an endpoint uses, for a SavedModel that doesn't list its own."""
    return [v for function in getattr(endpoint, "concrete_functions", [endpoint]) for v in function.variables]


def _variable(native: tf.Variable) -> Variable:
    name = native.name.partition(":")[0].replace("/", "_")
    variable = Variable(native.numpy(), dtype=native.dtype.name, trainable=native.trainable, name=name or None)
    variable.native = native
    return variable
