"""Attention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from triceras import ops, regularizers
from triceras.layers.activation_layers import Softmax
from triceras.layers.einsum_dense import EinsumDense
from triceras.layers.layer import Layer
from triceras.layers.regularization import Dropout
from triceras.layers.settings import keep_settings, not_yet, positive_integer, settings_config

__all__ = ["MultiHeadAttention"]


class MultiHeadAttention(Layer):
    """Attention with several heads (Vaswani et al. 2017, "Attention Is All You Need").

    Inputs: `query` `(batch, target, features)`, `value` and `key` `(batch, source, features)`; `key` is `value` by
        default.
    Output: `(batch, target, features of the query)`, or `output_shape` in place of the last.

    Args:
        num_heads: how many heads.
        key_dim: size of a head's queries and keys.
        value_dim: size of a head's values; `key_dim` by default.
        dropout: which part of the attention scores is dropped in training.
        use_bias: whether the projections have biases.
        output_shape: features of the output.
        attention_axes: the dimensions to attend over; all but batch and features by default.
        sliding_window, use_gate: not supported yet.
        flash_attention: whether fused kernels may be used; as configured by default.
        kernel_initializer, bias_initializer: initializers or their names.
        kernel_regularizer, bias_regularizer, activity_regularizer: regularizers or their names.
        kernel_constraint, bias_constraint: constraints or their names.
        seed: integer for the dropout.

    Call arguments:
        query_mask, value_mask, key_mask: bool `(batch, target)` or `(batch, source)`: which steps count.
        attention_mask: bool `(batch, target, source)`.
        return_attention_scores: whether the scores `(batch, heads, target, source)` come out, too.
        use_causal_mask: whether a step sees only itself and those before it.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> layer = triceras.layers.MultiHeadAttention(num_heads=2, key_dim=3)
        >>> x = np.ones((1, 4, 8))
        >>> tuple(layer(x, x).shape)
        (1, 4, 8)
    """

    query_dense: Any = None
    key_dense: Any = None
    value_dense: Any = None
    output_dense: Any = None

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: Any = None,
        attention_axes: Any = None,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        not_yet(sliding_window=sliding_window, use_gate=use_gate or None)
        self.supports_masking = True
        self._num_heads, self._key_dim = positive_integer("num_heads", num_heads), positive_integer("key_dim", key_dim)
        self._value_dim = value_dim or key_dim
        self._dropout, self._use_bias, self.seed = dropout, use_bias, seed
        self._output_shape = (
            (output_shape,) if isinstance(output_shape, int) else None if output_shape is None else tuple(output_shape)
        )
        self._attention_axes = None if attention_axes is None else tuple(np.atleast_1d(attention_axes).tolist())
        self._flash_attention = flash_attention
        keep_settings(
            self,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )

    num_heads = property(lambda self: self._num_heads)
    key_dim = property(lambda self: self._key_dim)
    value_dim = property(lambda self: self._value_dim)
    dropout = property(lambda self: self._dropout)
    use_bias = property(lambda self: self._use_bias)
    attention_axes = property(lambda self: self._attention_axes)

    def build(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> None:
        key_shape = key_shape or value_shape
        rank = len(query_shape)
        if query_shape[-1] is None or value_shape[-1] is None or key_shape[-1] is None:
            raise ValueError(
                f"The features of query, value and key must be known. Received: {query_shape}, {value_shape}, "
                f"{key_shape}"
            )
        if value_shape[1:-1] != key_shape[1:-1]:
            raise ValueError(
                "All dimensions of `value` and `key`, except the last one, must be equal. Received: "
                f"value_shape={value_shape} and key_shape={key_shape}"
            )
        if self._attention_axes is None:
            self._attention_axes = tuple(range(1, rank - 1))
        else:
            self._attention_axes = tuple(axis % rank for axis in self._attention_axes)
        self.query_dense = self._projection("query", rank, self._key_dim)
        self.key_dense = self._projection("key", len(key_shape), self._key_dim)
        self.value_dense = self._projection("value", len(value_shape), self._value_dim)
        self.output_dense = self._output_projection(rank, self._output_shape or (query_shape[-1],))
        self._softmax = Softmax(axis=-1, dtype=self.dtype_policy)
        self._dropout_layer = Dropout(self._dropout, seed=self.seed, dtype=self.dtype_policy)
        projected = (*query_shape[:-1], self._num_heads, self._value_dim)
        for layer, shape in (
            (self.query_dense, query_shape),
            (self.key_dense, key_shape),
            (self.value_dense, value_shape),
            (self.output_dense, projected),
        ):
            layer.build_from_config({"input_shape": shape})
            layer.supports_masking = True  # masks are this layer's concern: no warning that a projection drops one
        self._inverse_sqrt_key_dim = 1.0 / math.sqrt(self._key_dim)
        self.built = True

    def _projection(self, name: str, rank: int, size: int) -> EinsumDense:
        free = "abcdefghijklmnop"[: rank - 1]
        equation = f"{free}x,xyz->{free}yz"
        shape = (*(None,) * (rank - 2), self._num_heads, size)
        return EinsumDense(equation, shape, bias_axes="yz" if self._use_bias else None, name=name, **self._weights())

    def _output_projection(self, rank: int, shape: tuple) -> EinsumDense:
        free, out = "abcdefghijklmnop"[: rank - 1], "uvwst"[: len(shape)]
        equation = f"{free}yz,yz{out}->{free}{out}"
        full = (*(None,) * (rank - 2), *shape)
        return EinsumDense(
            equation, full, bias_axes=out if self._use_bias else None, name="attention_output", **self._weights()
        )

    def _weights(self) -> dict[str, Any]:
        names = (
            "kernel_initializer",
            "bias_initializer",
            "kernel_regularizer",
            "bias_regularizer",
            "kernel_constraint",
            "bias_constraint",
        )
        given = {name: getattr(self, name) for name in names}
        for name in ("kernel_initializer", "bias_initializer"):
            given[name] = type(given[name]).from_config(given[name].get_config())  # each projection draws its own
        return {**given, "dtype": self.dtype_policy}

    def call(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Any:
        key = value if key is None else key
        fused = not (return_attention_scores or (training and self._dropout > 0))
        masks = query_mask, value_mask, key_mask, attention_mask
        causal = fused and use_causal_mask and self._attention_axes == (1,) and all(m is None for m in masks)
        mask = None if causal else self._mask(query, value, *masks, use_causal_mask)
        q, k, v = self.query_dense(query), self.key_dense(key), self.value_dense(value)
        shape = ops.shape(q)
        flat = [self._flatten(x) for x in (q, k, v)]
        if fused:
            out, scores = self._fused(*flat, mask, causal), None
        else:
            out, scores = self._composite(*flat, mask, training)
        out = self.output_dense(self._unflatten(out, shape))
        return (out, scores) if return_attention_scores else out

    def _fused(self, q: Any, k: Any, v: Any, mask: Any, causal: bool) -> Any:
        return ops.dot_product_attention(
            *(q, k, v),
            mask=None if mask is None else ops.expand_dims(mask, axis=1),
            scale=self._inverse_sqrt_key_dim,
            is_causal=causal,  # no mask at all, so that kernels can skip what nobody attends to
            flash_attention=self._flash_attention,
        )

    def _composite(self, q: Any, k: Any, v: Any, mask: Any, training: bool | None) -> tuple[Any, Any]:
        scores = ops.einsum("bthk,bshk->bhts", ops.multiply(q, self._inverse_sqrt_key_dim), k)
        scores = self._softmax(scores, mask=None if mask is None else ops.expand_dims(mask, axis=1))
        return ops.einsum("bhts,bshv->bthv", self._dropout_layer(scores, training=training), v), scores

    # --- any attention axes: those attended over become one dimension, the others join the batch ----------------------

    def _axis_order(self, rank: int) -> tuple[int, ...]:
        axes = self._attention_axes
        return (*(i for i in range(rank - 2) if i not in axes), *axes, rank - 2, rank - 1)

    def _flatten(self, x: Any) -> Any:
        rank = len(x.shape)
        if rank == 4:
            return x
        x = ops.transpose(x, self._axis_order(rank))
        batches = rank - 2 - len(self._attention_axes)
        shape = ops.shape(x)
        return ops.reshape(x, (-1, *((_product(shape[batches:-2]),)), *shape[-2:]))

    def _unflatten(self, x: Any, shape: tuple) -> Any:
        rank = len(shape)
        if rank == 4:
            return x
        order = self._axis_order(rank)
        x = ops.reshape(x, (*(shape[i] for i in order[:-1]), self._value_dim))
        return ops.transpose(x, tuple(np.argsort(order).tolist()))

    def _mask(
        self, query: Any, value: Any, query_mask: Any, value_mask: Any, key_mask: Any, attention_mask: Any, causal: bool
    ) -> Any:
        """All masks in one: bool `(batch, target, source)`, or None."""
        parts = []
        if query_mask is not None:
            parts.append(ops.expand_dims(ops.cast(query_mask, "bool"), axis=-1))
        if value_mask is not None:
            parts.append(ops.expand_dims(ops.cast(value_mask, "bool"), axis=-2))
        if key_mask is not None:
            parts.append(ops.expand_dims(ops.cast(key_mask, "bool"), axis=-2))
        if causal:
            parts.append(self._causal_mask(query, value))
        if attention_mask is not None:
            parts.append(ops.cast(attention_mask, "bool"))
        mask = None
        for part in parts:
            mask = part if mask is None else ops.logical_and(mask, part)
        return mask

    def _causal_mask(self, query: Any, value: Any) -> Any:
        rows = ops.expand_dims(ops.arange(ops.shape(query)[1], dtype="int32"), axis=-1)
        columns = ops.expand_dims(ops.arange(ops.shape(value)[1], dtype="int32"), axis=0)
        return ops.expand_dims(ops.greater_equal(rows, columns), axis=0)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        return previous_mask  # the query's

    def compute_output_shape(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> tuple[int | None, ...]:
        return (*query_shape[:-1], *(self._output_shape or (query_shape[-1],)))

    def compute_output_spec(
        self, query: Any, value: Any, key: Any = None, *args: Any, return_attention_scores: bool = False, **kwargs: Any
    ) -> Any:
        from triceras.core.spec import Spec

        out = Spec(self.compute_output_shape(query.shape, value.shape), self.compute_dtype)
        if not return_attention_scores:
            return out
        sizes = [_product(tuple(x.shape[a] for a in self._attention_axes)) for x in (query, value)]
        return out, Spec((query.shape[0], self._num_heads, *sizes), self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_heads": self._num_heads,
            "key_dim": self._key_dim,
            "value_dim": self._value_dim,
            "dropout": self._dropout,
            "use_bias": self._use_bias,
            "use_gate": False,
            "output_shape": self._output_shape,
            "attention_axes": self._attention_axes,
            "sliding_window": None,
            **settings_config(self, "kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer"),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            **settings_config(self, "kernel_constraint", "bias_constraint"),
            "seed": self.seed,
        }


def _product(sizes: Any) -> Any:
    """The product of dimensions, None (or -1 for `reshape`) where one isn't known."""
    return -1 if any(not isinstance(d, int) for d in sizes) else math.prod(sizes)
