"""The NumPy backend: every op, no gradients. It loads and runs every model."""

from triceras.backends.numpy import array, image, linalg, logic, math, nn, random, reduce, signal
from triceras.backends.numpy.layer import MIXIN
from triceras.backends.numpy.tensor import Tensors
from triceras.backends.numpy.transforms import Transforms
from triceras.backends.numpy.variable import Variables
from triceras.core.backend import Backend


class NumpyBackend(Tensors, Variables, Transforms, Backend):
    """NumPy behind the common interface."""

    name = "numpy"
    has_gradients = False
    modules = (math, logic, array, reduce, linalg, signal, nn, image, random)
    layer_mixin = MIXIN
