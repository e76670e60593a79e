"""Attention with heads: `MultiHeadAttention` and `GroupQueryAttention`."""

from __future__ import annotations

import abc
import math
import string
from typing import Any

from triceras import ops, regularizers
from triceras.core.spec import Spec
from triceras.layers.activation_layers import Softmax
from triceras.layers.attention import fraction
from triceras.layers.einsum_dense import EinsumDense
from triceras.layers.layer import Layer
from triceras.layers.regularization import Dropout
from triceras.layers.settings import keep_settings, positive_integer, settings_config

__all__ = ["GroupedQueryAttention", "MultiHeadAttention"]

_SETTINGS = (
    "kernel_initializer",
    "bias_initializer",
    "kernel_regularizer",
    "bias_regularizer",
    "kernel_constraint",
    "bias_constraint",
)


class HeadAttention(Layer, abc.ABC):
    """Query, key and value are projected to heads, each head attends, and the heads are projected to the output.

    Where nothing speaks against it, a fused kernel computes the heads; otherwise the scores are computed in full, over
    any dimensions.
    """

    _gate_dense: Any = None

    def __init__(
        self,
        dropout: float,
        use_bias: bool,
        use_gate: bool,
        sliding_window: int | None,
        flash_attention: bool | None,
        seed: int | None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if sliding_window is not None and (type(sliding_window) is not int or sliding_window <= 0):
            raise ValueError(
                f"`sliding_window` must be `None` or a positive integer. Received: sliding_window={sliding_window}"
            )
        if flash_attention and fraction("dropout", dropout) > 0:
            raise ValueError(
                "Dropout is not supported when flash attention is enabled. Please set dropout to 0.0 to use flash "
                f"attention. Received: dropout={dropout}, flash_attention={flash_attention}"
            )
        self._dropout, self._use_bias, self._use_gate = fraction("dropout", dropout), use_bias, use_gate
        self._sliding_window, self._flash_attention, self.seed = sliding_window, flash_attention, seed
        self.supports_masking = True

    dropout = property(lambda self: self._dropout)
    use_bias = property(lambda self: self._use_bias)

    @abc.abstractmethod
    def _sizes(self) -> tuple[int, int, int, int]:
        """Heads of the query, heads of key and value, size of a query's head, size of a value's."""

    @abc.abstractmethod
    def _axes(self, rank: int) -> tuple[int, ...]:
        """The dimensions to attend over, for inputs of a rank."""

    def _out(self, query_shape: tuple) -> tuple[int, ...]:
        """The features of the output."""
        return query_shape[-1:]

    # --- weights ---------------------------------------------------------------------------------------------------

    def build(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> None:
        key_shape = key_shape or value_shape
        self._check_shapes(query_shape, value_shape, key_shape)
        heads, key_heads, size, value_size = self._sizes()
        self._query_dense = self._projection("query", query_shape, heads, size)
        self._key_dense = self._projection("key", key_shape, key_heads, size)
        if self._use_gate:
            self._gate_dense = self._projection("gate", query_shape, heads, value_size)
        self._value_dense = self._projection("value", value_shape, key_heads, value_size)
        self._softmax = Softmax(axis=tuple(range(-len(self._axes(len(query_shape))), 0)), dtype=self.dtype_policy)
        self._dropout_layer = Dropout(self._dropout, seed=self.seed, dtype=self.dtype_policy)
        free, out = _letters(len(query_shape) - 1), "uvwst"[: len(self._out(query_shape))]
        projected = (*query_shape[:-1], heads, value_size)
        self._output_dense = self._einsum(
            "attention_output", f"{free}yz,yz{out}->{free}{out}", projected, self._out(query_shape), out
        )
        self.built = True

    def _check_shapes(self, query: Any, value: Any, key: Any) -> None:
        where = f"{type(self).__name__} layer '{self.name}'"
        received = f"Received: query_shape={query}, value_shape={value}, key_shape={key}"
        if value[:-1] != key[:-1]:
            raise ValueError(
                f"{where}: All dimensions of `value` and `key`, except the last one, must be equal. Received: "
                f"value_shape={value} and key_shape={key}"
            )
        if len(query) != len(value) or len(query) < 3:
            raise ValueError(
                f"{where}: query, value and key must have the same number of dimensions, 3 or more. {received}"
            )
        if None in (query[-1], value[-1], key[-1]):
            raise ValueError(f"{where}: the features (last dimension) of the inputs must be known. {received}")
        axes = self._axes(len(query))
        for i, (own, other) in enumerate(zip(query[:-1], value[:-1], strict=True)):
            if i not in axes and None not in (own, other) and own != other:
                raise ValueError(
                    f"{where}: query and value must be equal in every dimension that isn't attended over. They differ "
                    f"in dimension {i}; attended over: {axes}. {received}"
                )

    def _projection(self, name: str, shape: Any, heads: int, size: int) -> EinsumDense:
        free = _letters(len(shape) - 1)
        return self._einsum(name, f"{free}x,xyz->{free}yz", shape, (heads, size), "yz")

    def _einsum(self, name: str, equation: str, shape: Any, features: tuple, bias_axes: str) -> EinsumDense:
        given = {setting: getattr(self, setting) for setting in _SETTINGS}
        for setting in ("kernel_initializer", "bias_initializer"):
            given[setting] = type(given[setting]).from_config(given[setting].get_config())  # each draws its own
        bias_axes = bias_axes if self._use_bias else None
        inner = (None,) * (len(equation.partition("->")[2]) - 1 - len(features))
        layer = EinsumDense(
            equation, (*inner, *features), bias_axes=bias_axes, dtype=self.dtype_policy, name=name, **given
        )
        layer.build_from_config({"input_shape": shape})
        layer.supports_masking = True  # masks are this layer's concern: no warning that a projection drops one
        return layer

    # --- computing -------------------------------------------------------------------------------------------------

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
        if return_attention_scores and self._flash_attention:
            raise ValueError(
                "Returning attention scores is not supported when flash attention is enabled. Please disable flash "
                "attention to access attention scores."
            )
        key = value if key is None else key
        masks = self._parts(query, query_mask, (value_mask, key_mask), attention_mask)
        plain = self._axes(len(query.shape)) == (1,) and len(query.shape) == 3
        fused = plain and not return_attention_scores and not (training and self._dropout > 0)
        causal = fused and use_causal_mask and not masks and self._sliding_window is None
        if (use_causal_mask or self._sliding_window is not None) and not causal:
            masks.append(self._band(query, value, use_causal_mask))
        mask = _all(masks)
        q, k, v = self._query_dense(query), self._key_dense(key), self._value_dense(value)
        out, scores = (self._fused(q, k, v, mask, causal), None) if fused else self._composite(q, k, v, mask, training)
        if self._gate_dense is not None:
            out = ops.multiply(out, ops.sigmoid(self._gate_dense(query)))
        out = self._output_dense(out)
        return (out, scores) if return_attention_scores else out

    def _fused(self, q: Any, k: Any, v: Any, mask: Any, causal: bool) -> Any:
        return ops.dot_product_attention(
            *(q, k, v),
            mask=mask,
            scale=1.0 / math.sqrt(self._sizes()[2]),
            is_causal=causal,  # no mask at all, so that kernels can skip what nobody attends to
            flash_attention=self._flash_attention,
        )

    def _composite(self, q: Any, k: Any, v: Any, mask: Any, training: bool | None) -> tuple[Any, Any]:
        heads, key_heads, size, _ = self._sizes()
        if heads != key_heads:
            k, v = (ops.repeat(x, heads // key_heads, axis=-2) for x in (k, v))
        rank = len(q.shape) - 1
        axes, letters = self._axes(rank), _letters(rank - 1)
        free = "".join(c for i, c in enumerate(letters) if i not in axes)
        source = "".join(c.upper() if i in axes else c for i, c in enumerate(letters))
        scored = f"{free}y{''.join(letters[i] for i in axes)}{''.join(source[i] for i in axes)}"
        scaled = ops.multiply(q, 1.0 / math.sqrt(size))
        scores = self._softmax(ops.einsum(f"{letters}yz,{source}yz->{scored}", scaled, k), mask=mask)
        dropped = self._dropout_layer(scores, training=training)
        return ops.einsum(f"{scored},{source}yz->{letters}yz", dropped, v), scores

    # --- masks: each gets the rank of the scores `(batch, free…, heads, target…, source…)` ----------------------------

    def _parts(self, query: Any, query_mask: Any, source_masks: tuple, attention_mask: Any) -> list[Any]:
        rank = len(query.shape)
        axes = self._axes(rank)
        parts = []
        if query_mask is not None:
            parts.append(ops.expand_dims(self._steps("query_mask", query_mask, rank), axis=tuple(range(-len(axes), 0))))
        for name, mask in zip(("value_mask", "key_mask"), source_masks, strict=True):
            if mask is not None:
                places = tuple(range(-2 * len(axes), -len(axes)))
                parts.append(ops.expand_dims(self._steps(name, mask, rank), axis=places))
        if attention_mask is not None:
            parts.append(ops.cast(attention_mask, "bool"))
        return [self._with_heads(mask, rank) for mask in parts]

    def _steps(self, name: str, mask: Any, rank: int) -> Any:
        """A mask of steps as `(batch, free…, attended…)`; it may leave out all that is free."""
        axes = self._axes(rank)
        if len(mask.shape) == rank - 1:
            order = (*(i for i in range(rank - 1) if i not in axes), *axes)
            mask = mask if order == tuple(range(rank - 1)) else ops.transpose(mask, order)
        elif len(mask.shape) != 1 + len(axes):
            raise ValueError(
                f"`{name}` must have the shape of its input without the features, or batch and the dimensions {axes} "
                f"alone. Received: a mask of shape {tuple(mask.shape)} for inputs of {rank} dimensions"
            )
        return ops.cast(mask, "bool")

    def _with_heads(self, mask: Any, rank: int) -> Any:
        attended = 2 * len(self._axes(rank))
        missing = rank + attended // 2 - len(mask.shape)
        return ops.expand_dims(mask, axis=tuple(range(-attended - missing, -attended))) if missing > 0 else mask

    def _band(self, query: Any, value: Any, causal: bool) -> Any:
        """Where a step looks: at itself and those before it, at those nearby, or both."""
        rank = len(query.shape)
        axes = self._axes(rank)
        if len(axes) != 1:
            raise ValueError(
                "`use_causal_mask` and `sliding_window` need one dimension to attend over. Received: "
                f"attention_axes={axes}"
            )
        rows, columns = (ops.arange(ops.shape(x)[axes[0]], dtype="int32") for x in (query, value))
        distance = ops.subtract(ops.expand_dims(rows, axis=-1), columns)
        parts = [ops.greater_equal(distance, 0)] if causal else []
        if self._sliding_window is not None:
            parts.append(ops.less(ops.abs(distance), self._sliding_window))
        return self._with_heads(_all(parts), rank)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """The query's mask."""
        return previous_mask

    # --- shapes and configuration ----------------------------------------------------------------------------------

    def compute_output_shape(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> tuple[int | None, ...]:
        self._check_shapes(tuple(query_shape), tuple(value_shape), tuple(key_shape or value_shape))
        return (*query_shape[:-1], *self._out(query_shape))

    def compute_output_spec(
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
        key_shape = None if key is None else key.shape
        out = Spec(self.compute_output_shape(query.shape, value.shape, key_shape), self.compute_dtype)
        if not return_attention_scores:
            return out
        axes = self._axes(len(query.shape))
        free = (size for i, size in enumerate(query.shape[:-1]) if i not in axes)
        attended = (x.shape[i] for x in (query, value) for i in axes)
        return out, Spec((*free, self._sizes()[0], *attended), self.compute_dtype)

    def _shared_config(self) -> dict[str, Any]:
        return {
            "dropout": self._dropout,
            "use_bias": self._use_bias,
            "use_gate": self._use_gate,
            "sliding_window": self._sliding_window,
            **settings_config(self, *_SETTINGS),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "seed": self.seed,
        }


class MultiHeadAttention(HeadAttention):
    """Attention with several heads (Vaswani et al. 2017, "Attention Is All You Need").

    Inputs: `query` `(batch, target, features)`, `value` and `key` `(batch, source, features)`; `key` is `value` by
        default. There may be further dimensions, see `attention_axes`.
    Output: `(batch, target, features of the query)`, or `output_shape` in place of the last.

    Args:
        num_heads: how many heads.
        key_dim: size of a head's queries and keys.
        value_dim: size of a head's values; `key_dim` by default.
        dropout: which part of the attention scores is dropped in training, from 0 to 1.
        use_bias: whether the projections have biases.
        output_shape: features of the output.
        attention_axes: the dimensions to attend over; all but batch and features by default.
        sliding_window: a step sees only those less than so many steps away.
        flash_attention: whether fused kernels may be used; as configured by default.
        kernel_initializer, bias_initializer: initializers or their names.
        kernel_regularizer, bias_regularizer, activity_regularizer: regularizers or their names.
        kernel_constraint, bias_constraint: constraints or their names.
        use_gate: whether a sigmoid of a projection of the query multiplies the heads' results (Qiu et al. 2025,
            "Gated Attention for Large Language Models").
        seed: integer for the dropout.

    Call arguments:
        query_mask, value_mask, key_mask: bool `(batch, target)` or `(batch, source)`: which steps count. The inputs'
            own masks by default.
        attention_mask: bool `(batch, target, source)`, or with the heads before the target.
        return_attention_scores: whether the scores `(batch, heads, target, source)` come out, too.
        use_causal_mask: whether a step sees only itself and those before it.

    Raises:
        ValueError: a number isn't positive, `dropout` isn't from 0 to 1 or not 0 with `flash_attention`, or the inputs'
            shapes don't fit together.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> layer = triceras.layers.MultiHeadAttention(num_heads=2, key_dim=3)
        >>> x = np.ones((1, 4, 8))
        >>> tuple(layer(x, x).shape)
        (1, 4, 8)
    """

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
        kwargs["activity_regularizer"] = activity_regularizer
        super().__init__(dropout, use_bias, use_gate, sliding_window, flash_attention, seed, **kwargs)
        keep_settings(
            self,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )
        self._num_heads, self._key_dim = positive_integer("num_heads", num_heads), positive_integer("key_dim", key_dim)
        self._value_dim = self._key_dim if value_dim is None else positive_integer("value_dim", value_dim)
        self._output_shape = (output_shape,) if isinstance(output_shape, int) else output_shape and tuple(output_shape)
        if attention_axes is not None and not isinstance(attention_axes, (int, list, tuple)):
            raise ValueError(
                f"`attention_axes` must be an int, list, or tuple. Received: attention_axes={attention_axes}"
            )
        self._attention_axes = (attention_axes,) if isinstance(attention_axes, int) else attention_axes

    num_heads = property(lambda self: self._num_heads)
    key_dim = property(lambda self: self._key_dim)
    value_dim = property(lambda self: self._value_dim)
    attention_axes = property(lambda self: self._attention_axes)
    query_dense = property(lambda self: self._query_dense)
    key_dense = property(lambda self: self._key_dense)
    value_dense = property(lambda self: self._value_dense)
    output_dense = property(lambda self: self._output_dense)

    def build(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> None:
        super().build(query_shape, value_shape, key_shape)
        self._attention_axes = self._axes(len(query_shape))

    def _sizes(self) -> tuple[int, int, int, int]:
        return self._num_heads, self._num_heads, self._key_dim, self._value_dim

    def _axes(self, rank: int) -> tuple[int, ...]:
        if self._attention_axes is None:
            return tuple(range(1, rank - 1))
        axes = tuple(axis + rank if axis < 0 else axis for axis in self._attention_axes)
        if len(set(axes)) != len(axes) or not all(0 < axis < rank - 1 for axis in axes):
            raise ValueError(
                f"MultiHeadAttention layer '{self.name}': `attention_axes` must be different dimensions between batch "
                f"and features. Received: attention_axes={self._attention_axes} for inputs of {rank} dimensions"
            )
        return axes

    def _out(self, query_shape: tuple) -> tuple[int, ...]:
        return self._output_shape or query_shape[-1:]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_heads": self._num_heads,
            "key_dim": self._key_dim,
            "value_dim": self._value_dim,
            "output_shape": self._output_shape,
            "attention_axes": self._attention_axes,
            **self._shared_config(),
        }


class GroupedQueryAttention(HeadAttention):
    """Attention in which several heads of the query share one of key and value (Ainslie et al. 2023, "GQA").

    Inputs: `query` `(batch, target, features)`, `value` and `key` `(batch, source, features)`; `key` is `value` by
        default.
    Output: `(batch, target, features of the query)`.

    Args:
        head_dim: size of a head.
        num_query_heads: how many heads the query has, a multiple of `num_key_value_heads`.
        num_key_value_heads: how many heads key and value have; one is multi-query attention.
        dropout: which part of the attention scores is dropped in training, from 0 to 1.
        use_bias: whether the projections have biases.
        sliding_window: a step sees only those less than so many steps away.
        flash_attention: whether fused kernels may be used; as configured by default.
        kernel_initializer, bias_initializer: initializers or their names.
        kernel_regularizer, bias_regularizer, activity_regularizer: regularizers or their names.
        kernel_constraint, bias_constraint: constraints or their names.
        use_gate: whether a sigmoid of a projection of the query multiplies the heads' results.
        seed: integer for the dropout.

    Call arguments:
        As those of `MultiHeadAttention`.

    Raises:
        ValueError: a number isn't positive, the heads don't divide, `dropout` isn't from 0 to 1 or not 0 with
            `flash_attention`, or the inputs' shapes don't fit together.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> layer = triceras.layers.GroupQueryAttention(head_dim=3, num_query_heads=4, num_key_value_heads=2)
        >>> x = np.ones((1, 5, 8))
        >>> out, scores = layer(x, x, return_attention_scores=True)
        >>> tuple(out.shape), tuple(scores.shape)
        ((1, 5, 8), (1, 4, 5, 5))
    """

    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
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
        kwargs["activity_regularizer"] = activity_regularizer
        super().__init__(dropout, use_bias, use_gate, sliding_window, flash_attention, seed, **kwargs)
        keep_settings(
            self,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )
        self.head_dim = positive_integer("head_dim", head_dim)
        self.num_query_heads = positive_integer("num_query_heads", num_query_heads)
        self.num_key_value_heads = positive_integer("num_key_value_heads", num_key_value_heads)
        if num_query_heads % num_key_value_heads:
            raise ValueError(
                "`num_query_heads` must be divisible by `num_key_value_heads`. Received: "
                f"num_query_heads={num_query_heads}, num_key_value_heads={num_key_value_heads}"
            )

    use_gate = property(lambda self: self._use_gate)
    sliding_window = property(lambda self: self._sliding_window)

    def _sizes(self) -> tuple[int, int, int, int]:
        return self.num_query_heads, self.num_key_value_heads, self.head_dim, self.head_dim

    def _axes(self, rank: int) -> tuple[int, ...]:
        if rank != 3:
            raise ValueError(
                f"GroupQueryAttention layer '{self.name}' takes inputs of 3 dimensions: (batch, steps, features). "
                f"Received: {rank} dimensions"
            )
        return (1,)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "head_dim": self.head_dim,
            "num_query_heads": self.num_query_heads,
            "num_key_value_heads": self.num_key_value_heads,
            **self._shared_config(),
        }


def _letters(count: int) -> str:
    return string.ascii_lowercase[:count]


def _all(masks: list[Any]) -> Any:
    """Masks joined by "and"; None if there are none."""
    found = None
    for mask in masks:
        found = mask if found is None else ops.logical_and(found, mask)
    return found
