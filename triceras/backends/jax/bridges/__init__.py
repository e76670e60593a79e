"""What `JaxLayer` and `FlaxLayer` are on JAX: the trees of a function's parameters and state as a layer's Variables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from triceras.core import tree
from triceras.core.variable import Variable


class Leaves:
    """A JAX tree of which each leaf is a Variable.

    Args:
        values: the tree.
        trainable: whether its floating leaves are trained.
    """

    def __init__(self, values: Any, trainable: bool):
        found, self.structure = jax.tree_util.tree_flatten_with_path(values)
        self.variables = [_variable(path, np.asarray(leaf), trainable) for path, leaf in found]

    @property
    def value(self) -> Any:
        """The tree of what the Variables hold now."""
        return jax.tree_util.tree_unflatten(self.structure, [v.value for v in self.variables])

    @staticmethod
    def example(shapes: Any, dtype: str) -> Any:
        """Ones in the place of each shape, of size one where the size isn't known: what parameters are made for."""
        return tree.map_shape_structure(lambda s: jnp.ones([1 if d is None else d for d in s], dtype), shapes)

    def assign(self, values: Any) -> None:
        """Take the leaves of another tree of the same structure.

        Raises:
            ValueError: its structure is another one.
        """
        leaves, structure = jax.tree_util.tree_flatten(values)
        if structure != self.structure:
            raise ValueError(f"The state's structure changed. Expected: {self.structure}. Received: {structure}")
        for variable, leaf in zip(self.variables, leaves, strict=True):
            variable.assign(leaf)


def _variable(path: tuple, value: np.ndarray, trainable: bool) -> Variable:
    name = ".".join(str(jax.tree_util.keystr((key,), simple=True)) for key in path).replace("/", ".")
    floating = jnp.issubdtype(value.dtype, jnp.inexact)
    return Variable(value, dtype=value.dtype, trainable=trainable and floating, autocast=trainable, name=name or None)


class FlaxModule:
    """The functions of a Flax module, as `JaxLayer` takes them.

    Args:
        module: a `flax.linen.Module`.
        method: function `(module, inputs)`, maybe also `training`; the module's `__call__` by default.

    Raises:
        ImportError: Flax isn't installed.
        ValueError: `module` is no such module.
        TypeError: `method` is no function.
    """

    def __init__(self, module: Any, method: Callable | None = None):
        try:
            import flax.linen
        except ImportError as error:
            raise ImportError("FlaxLayer needs Flax, which isn't installed: pip install flax") from error
        if not isinstance(module, flax.linen.Module):
            raise ValueError(f"Argument `module` must be a flax.linen.Module. Received: module={module!r}")
        if method is not None and not callable(method):
            raise TypeError(f"Argument `method` must be a function of the module. Received: method={method!r}")
        import inspect

        self.module, self.method = module, method
        self.takes_training = "training" in inspect.signature(method or type(module).__call__).parameters

    def _options(self, training: bool) -> dict[str, Any]:
        return {"method": self.method} | ({"training": training} if self.takes_training else {})

    def init(self, rng: Any, inputs: Any, training: bool) -> tuple[Any, Any]:
        """Parameters, and the other collections."""
        keys = dict(zip(("params", "dropout"), jax.random.split(rng), strict=True))
        return self.split(self.module.init(keys, inputs, **self._options(training)))

    @staticmethod
    def split(variables: Any) -> tuple[Any, Any]:
        """The parameters among Flax variables, and all the others."""
        state = dict(variables)
        return state.pop("params", {}), state

    def call(self, params: Any, state: Any, rng: Any, inputs: Any, training: bool) -> tuple[Any, Any]:
        """Outputs and new state."""
        keys = None if rng is None else dict(zip(("params", "dropout"), jax.random.split(rng), strict=True))
        outputs, changed = self.module.apply(
            {"params": params, **state}, inputs, rngs=keys, mutable=list(state), **self._options(training)
        )
        return outputs, {**state, **changed}
