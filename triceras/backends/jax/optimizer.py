"""optax's gradient transformations as optimizers: their state lives in Variables, so it is saved and traced."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax import numpy as jnp

from triceras.core.variable import Variable
from triceras.optimizers.foreign import ForeignOptimizer


class OptaxOptimizer(ForeignOptimizer):
    """Stands for an `optax.GradientTransformation`.

    It sees the weights as a dict by their numbers and paths, such as `00001/dense/bias`, which keeps them in order.
    Weights without a gradient have one of zeros, as `jax.grad` gives it.

    Args:
        native: the transformation.
    """

    def __init__(self, native: Any):
        super().__init__(native, "jax", "of optax")
        self._keys: list[str] = []
        self._structure: Any = None
        self._impls: list[Any] = []  # of the random keys in the state; None: not a key
        self._rate: Variable | None = None

    @property
    def learning_rate(self) -> Any:
        """The learning rate, where `optax.inject_hyperparams` keeps it in the state."""
        if self._rate is None:
            raise AttributeError(
                "This optimizer of optax doesn't show its learning rate; with `optax.inject_hyperparams` it does, "
                "once it is built."
            )
        return self._rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.learning_rate.assign(value)

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._keys = [f"{i:05d}/{v.path}" for i, v in enumerate(self._trainable_variables)]
        leaves, self._structure = jax.tree_util.tree_flatten_with_path(self.native.init(self._weights()))
        for path, leaf in leaves:
            where, array = jax.tree_util.keystr(path), np.asarray(_data(leaf))
            self._impls.append(jax.random.key_impl(leaf) if _is_key(leaf) else None)
            variable = self.add_variable(
                array.shape,
                lambda shape, dtype, array=array: array,
                str(array.dtype),
                name=re.sub(r"\W+", "_", where).strip("_"),
            )
            if where.endswith(".hyperparams['learning_rate']"):
                self._rate = variable

    def _weights(self) -> dict[str, Any]:
        return {key: v.value for key, v in zip(self._keys, self._trainable_variables, strict=True)}

    def _apply(self, grads: list[Any], variables: list[Variable]) -> None:
        places = {self._keys[self._get_variable_index(v)]: g for g, v in zip(grads, variables, strict=True)}
        weights = self._weights()
        gradients = {key: places[key] if key in places else jnp.zeros_like(w) for key, w in weights.items()}
        held = [_key(v.value, impl) for v, impl in zip(self._own, self._impls, strict=True)]
        state = jax.tree_util.tree_unflatten(self._structure, held)
        updates, state = self.native.update(gradients, state, weights)
        leaves, structure = jax.tree_util.tree_flatten(state)
        if structure != self._structure:
            raise ValueError(f"The optimizer {self.title} changed the structure of its state: {structure}.")
        for variable, leaf in zip(self._own, leaves, strict=True):
            variable.assign(_data(leaf))
        for variable, (key, weight) in zip(self._trainable_variables, weights.items(), strict=True):
            if updates[key] is not None:
                variable.assign(weight + updates[key])
        self._iterations.assign(self._iterations.value + 1)


def _is_key(x: Any) -> bool:
    return isinstance(x, jax.Array) and jnp.issubdtype(x.dtype, jax.dtypes.prng_key)


def _data(leaf: Any) -> Any:
    """What a Variable can hold of a leaf."""
    return jax.random.key_data(leaf) if _is_key(leaf) else leaf


def _key(value: Any, impl: Any) -> Any:
    """A leaf of a Variable's value."""
    return value if impl is None else jax.random.wrap_key_data(value, impl=impl)


def adopt_optimizer(x: Any) -> OptaxOptimizer | None:
    """What stands for an optimizer of optax; None if `x` isn't one."""
    is_of_optax = any(base.__module__.partition(".")[0] == "optax" for base in type(x).__mro__)
    return OptaxOptimizer(x) if is_of_optax and hasattr(x, "init") and hasattr(x, "update") else None
