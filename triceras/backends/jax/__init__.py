"""The JAX backend: Variables are lifted into arguments and results of the pure functions that JAX transforms."""

from triceras.backends.jax import array, image, linalg, logic, math, nn, random, reduce, signal
from triceras.backends.jax.layer import MIXIN
from triceras.backends.jax.tensor import TENSOR_TYPES, Tensors
from triceras.backends.jax.transforms import Transforms
from triceras.backends.jax.variable import Variables
from triceras.core.backend import Backend


class JaxBackend(Tensors, Variables, Transforms, Backend):
    """JAX behind the common interface."""

    name = "jax"
    tensor_types = TENSOR_TYPES
    modules = (math, logic, array, reduce, linalg, signal, nn, image, random)
    layer_mixin = MIXIN
    jit_takes_arrays = True
