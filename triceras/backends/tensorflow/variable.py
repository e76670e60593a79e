"""A Variable holds a `tf.Variable` and shows TensorFlow enough of it to be taken for one."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from triceras.core.scope import local

# What GradientTape, `tf.function` and assignments ask a resource variable for.
PROTOCOL = frozenset(
    (
        "handle",
        "_should_act_as_resource_variable",
        "_unique_id",
        "_shared_name",
        "_handle_name",
        "_in_graph_mode",
        "graph",
    )
)


class Variables:
    """Storage of Variables."""

    def new_value(self, value: Any, dtype: str, trainable: bool) -> tf.Variable:
        if isinstance(value, tf.Tensor) and self.is_traced(value):
            static = tf.get_static_value(value)
            if static is None:
                raise TypeError(
                    f"A Variable's first value can't be {value}, a tensor of a graph that is being traced. Make the "
                    "variable before the function is compiled (build the model first), or give it a NumPy array."
                )
            value = static
        if tf.distribute.has_strategy():
            return self.engine().new_value(value, dtype, trainable)
        with tf.init_scope():  # out of any graph, so that a variable made while tracing outlives the trace
            return tf.Variable(self.convert(value, dtype), trainable=trainable)

    def assign(self, native: tf.Variable, value: tf.Tensor) -> tf.Variable:
        native.assign(value, read_value=False)
        return native

    def set_trainable(self, native: tf.Variable, trainable: bool) -> tf.Variable:
        for copy in (native, *getattr(native, "values", ())):
            copy._trainable = trainable  # a new tf.Variable would leave compiled functions with the old one
        return native

    def protocol(self, variable: Any, name: str) -> Any:
        native = raw_value(variable) if name in PROTOCOL else None
        if not isinstance(native, tf.Variable):
            raise AttributeError(name)
        return name == "_should_act_as_resource_variable" or getattr(native, name)


def raw_value(variable: Any) -> Any:
    """What a Variable holds in its own dtype: a `tf.Variable`, or a tensor inside a StatelessScope."""
    return variable.native if local.state is None else local.state.lookup(variable)
