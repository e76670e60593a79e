"""A Variable holds a `jax.Array` of its own, which the next compiled step may take over (donation)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from triceras.backends.jax.tensor import compiled, jax_dtype
from triceras.core.variable import Variable

_copied = compiled(jnp.copy)

# JAX's compiled functions take pytrees, not what has `__jax_array__`: a Variable among their arguments is its tensor.
jax.tree_util.register_pytree_node(Variable, lambda v: ((v.value,), None), lambda _, leaves: leaves[0])


class Variables:
    """Storage of Variables."""

    def new_value(self, value: Any, dtype: str, trainable: bool) -> Any:
        with jax.ensure_compile_time_eval():  # a real array, even when a layer builds itself inside a trace
            return jnp.array(self.convert(value), dtype=jax_dtype(dtype), copy=True)

    def assign(self, native: Any, value: Any) -> Any:
        if isinstance(value, jax.core.Tracer):
            raise RuntimeError(
                "A Variable was assigned inside a JAX transform that knows nothing of it. Use triceras.jit, "
                "triceras.value_and_grad, ops.scan… in place of jax.jit, jax.grad, jax.lax.scan…, or a StatelessScope."
            )
        if len(native.sharding.device_set) > 1:
            return jax.device_put(_copied(value), native.sharding)
        return _copied(value)  # the caller's array must outlive the donation of ours
