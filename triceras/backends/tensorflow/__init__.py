"""The TensorFlow backend: eager tensors, `tf.function` and `tf.GradientTape`. Never touches `tf.keras`."""

import tensorflow as tf

from triceras.backends.tensorflow import array, linalg, logic, math, nn, random, reduce
from triceras.backends.tensorflow.layer import MIXIN
from triceras.backends.tensorflow.tensor import Tensors
from triceras.backends.tensorflow.transforms import Transforms
from triceras.backends.tensorflow.variable import Variables
from triceras.core.backend import Backend


class TensorflowBackend(Tensors, Variables, Transforms, Backend):
    """TensorFlow behind the common interface."""

    name = "tensorflow"
    argument_errors = (tf.errors.InvalidArgumentError, tf.errors.NotFoundError, tf.errors.UnimplementedError)
    modules = (math, logic, array, reduce, linalg, nn, random)
    layer_mixin = MIXIN
