"""The JAX backend: Variables are lifted into arguments and results of the pure functions that JAX transforms."""

from typing import Any

from triceras.backends.jax import array, image, linalg, logic, math, nn, optimizer, random, reduce, signal
from triceras.backends.jax.bridges import FlaxModule, Leaves
from triceras.backends.jax.layer import MIXIN
from triceras.backends.jax.sparse import SparseTensors
from triceras.backends.jax.tensor import BCOO, TENSOR_TYPES, Tensors
from triceras.backends.jax.transforms import Transforms
from triceras.backends.jax.variable import Variables
from triceras.core.backend import Backend


class JaxBackend(Tensors, Variables, Transforms, Backend):
    """JAX behind the common interface."""

    name = "jax"
    tensor_types = (*TENSOR_TYPES, BCOO)
    modules = (math, logic, array, reduce, linalg, signal, nn, image, random, optimizer)
    layer_mixin = MIXIN
    bridges = {"JaxLayer": Leaves, "FlaxLayer": FlaxModule}
    jit_takes_arrays = True

    def __init__(self) -> None:
        super().__init__()
        self.sparse = SparseTensors(self)
        self._engine = None

    def engine(self) -> Any:
        if self._engine is None:
            from triceras.backends.jax.distribution import JaxEngine

            self._engine = JaxEngine(self)
        return self._engine
