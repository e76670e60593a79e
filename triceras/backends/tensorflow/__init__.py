"""The TensorFlow backend: eager tensors, `tf.function` and `tf.GradientTape`. Never touches `tf.keras`."""

import contextlib
from typing import Any

import tensorflow as tf

from triceras.backends.tensorflow import array, image, linalg, logic, math, nn, random, reduce, signal
from triceras.backends.tensorflow.bridges import SavedModel
from triceras.backends.tensorflow.layer import MIXIN
from triceras.backends.tensorflow.sparse import SparseTensors
from triceras.backends.tensorflow.tensor import Tensors
from triceras.backends.tensorflow.transforms import Transforms
from triceras.backends.tensorflow.variable import Variables
from triceras.core.backend import Backend


class TensorflowBackend(Tensors, Variables, Transforms, Backend):
    """TensorFlow behind the common interface."""

    name = "tensorflow"
    argument_errors = (tf.errors.InvalidArgumentError, tf.errors.NotFoundError, tf.errors.UnimplementedError)
    modules = (math, logic, array, reduce, linalg, signal, nn, image, random)
    layer_mixin = MIXIN
    bridges = {"TFSMLayer": SavedModel}

    def __init__(self) -> None:
        super().__init__()
        self.sparse = SparseTensors(self)
        self._engine = None

    def engine(self) -> Any:
        if self._engine is None:
            from triceras.backends.tensorflow.distribution import TensorflowEngine

            self._engine = TensorflowEngine(self)
        return self._engine

    def at_home(self, model: Any) -> Any:
        """A context for what a model does: in it the `tf.distribute` strategy is in force under which it was made."""
        return contextlib.nullcontext() if self._engine is None else self._engine.at_home(model)


# A user's `tf.function` rewrites by default the source of all that it calls, which takes our code 20 times as long as
# tracing it. TensorFlow keeps its list of packages that need no rewriting (Keras is on it) in a private module.
with contextlib.suppress(ImportError, AttributeError):
    from tensorflow.python.autograph.core import config as _autograph
    from tensorflow.python.autograph.core import config_lib as _rules

    _autograph.CONVERSION_RULES = (_rules.DoNotConvert("triceras"), *_autograph.CONVERSION_RULES)
