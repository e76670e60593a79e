"""Attention of a query on a value, without heads: `Attention` (Luong) and `AdditiveAttention` (Bahdanau)."""

from __future__ import annotations

import abc
from typing import Any

from triceras import ops, random
from triceras.core import dtypes
from triceras.core.seeds import SeedGenerator
from triceras.core.spec import Spec
from triceras.layers.layer import Layer
from triceras.layers.shapes import is_shape

__all__ = ["AdditiveAttention", "Attention"]


class QueryAttention(Layer, abc.ABC):
    """`softmax(scores(query, key)) @ value`: masks, dropout and outputs; a subclass defines the scores."""

    def __init__(self, use_scale: bool, dropout: float, seed: int | None, **kwargs: Any):
        super().__init__(**kwargs)
        self.use_scale, self.dropout, self.seed = use_scale, fraction("dropout", dropout), seed
        self.scale = None
        if dropout > 0:
            self.seed_generator = SeedGenerator(seed)
        self.supports_masking = True

    @abc.abstractmethod
    def scores(self, query: Any, key: Any) -> Any:
        """How well each query fits each key: `(batch, target, source)` before the softmax."""

    def build(self, input_shape: Any) -> None:
        query, value, *key = self._shapes(input_shape)
        key = key[0] if key else value
        sizes = query[-1], key[-1]
        if value[:-1] != key[:-1] or (None not in sizes and sizes[0] != sizes[1]):
            raise ValueError(
                f"{type(self).__name__} layer '{self.name}': the last dimension of query and key must be equal, and "
                f"all others of value and key. Received: query {query}, value {value}, key {key}"
            )
        self.built = True

    def call(
        self,
        inputs: Any,
        mask: Any = None,
        training: bool | None = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        query, value, *key = inputs
        key = key[0] if key else value
        query_mask, value_mask, *_ = self._masks(mask) or (None, None)
        drops = bool(training) and self.dropout > 0
        where = _where_to_look(query, key, value_mask, use_causal_mask)
        if return_attention_scores or drops or len(query.shape) != 3 or not self._is_plain():
            result, weights = self._attend(query, key, value, where, drops)
        else:
            result, weights = self._fused(query, key, value, where), None
        if query_mask is not None:
            kept = ops.expand_dims(ops.cast(query_mask, result.dtype), axis=-1)
            result = ops.multiply(result, kept)
        return (result, weights) if return_attention_scores else result

    def _attend(self, query: Any, key: Any, value: Any, where: Any, drops: bool) -> tuple[Any, Any]:
        scores = self.scores(query, key)
        if where is not None:
            low = ops.cast(-0.7 * dtypes.largest(self.compute_dtype), scores.dtype)
            scores = ops.where(where, scores, low)
        weights = ops.softmax(scores, axis=-1)
        if drops:
            weights = random.dropout(weights, self.dropout, seed=self.seed_generator)
        return ops.matmul(weights, value), weights

    def _is_plain(self) -> bool:
        """Whether the scores are dot products alone, for which there are fused kernels."""
        return False

    def _fused(self, query: Any, key: Any, value: Any, where: Any) -> Any:
        if self.scale is not None:
            query = ops.multiply(query, self.scale)
        query, key, value = (ops.expand_dims(x, axis=2) for x in (query, key, value))  # one head
        where = None if where is None else ops.expand_dims(where, axis=1)
        return ops.squeeze(ops.dot_product_attention(query, key, value, mask=where, scale=1.0), axis=2)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The query's mask."""
        masks = self._masks(mask)
        return masks[0] if masks else None

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        query, value, *_ = self._shapes(input_shape)
        return (*query[:-1], value[-1])

    def compute_output_spec(
        self,
        inputs: Any,
        mask: Any = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Any:
        query, value = inputs[0].shape, inputs[1].shape
        out = Spec(self.compute_output_shape([x.shape for x in inputs]), self.compute_dtype)
        return (out, Spec((*query[:-1], value[-2]), self.compute_dtype)) if return_attention_scores else out

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "use_scale": self.use_scale, "dropout": self.dropout, "seed": self.seed}

    def _shapes(self, shapes: Any) -> list[tuple]:
        """The inputs' shapes, two or three.

        Raises:
            ValueError: there is another number.
        """
        name = type(self).__name__
        if not isinstance(shapes, (list, tuple)) or is_shape(shapes):
            raise ValueError(
                f"{name} layer must be called on a list of inputs, namely [query, value] or [query, value, key]. "
                f"Received: inputs={shapes}."
            )
        if len(shapes) not in (2, 3):
            raise ValueError(
                f"{name} layer accepts inputs list of length 2 or 3, namely [query, value] or [query, value, key]. "
                f"Received length: {len(shapes)}."
            )
        return [tuple(s) for s in shapes]

    def _masks(self, mask: Any) -> Any:
        """The masks, one for each input, or None.

        Raises:
            ValueError: it is one mask, or another number of them.
        """
        if mask is not None and not isinstance(mask, (list, tuple)):
            raise ValueError(
                f"{type(self).__name__} layer mask must be a list, namely [query_mask, value_mask]. Received: one mask "
                f"of shape {getattr(mask, 'shape', None)}."
            )
        if mask is not None and len(mask) not in (2, 3):
            raise ValueError(
                f"{type(self).__name__} layer accepts mask list of length 2 or 3, namely [query_mask, value_mask] or "
                f"[query_mask, value_mask, key_mask]. Received length: {len(mask)}."
            )
        return mask


class Attention(QueryAttention):
    """Dot-product attention (Luong et al. 2015, "Effective Approaches to Attention-based Neural Machine Translation").

    Inputs: a list of query `(batch, target, features)`, value `(batch, source, value features)` and maybe key
        `(batch, source, features)`; the key is the value by default.
    Output: `(batch, target, value features)`, with `return_attention_scores` also the scores `(batch, target, source)`.

    Args:
        use_scale: whether the scores are multiplied by a trained number.
        score_mode: `"dot"`: query · key; `"concat"`: a trained number times the sum of `tanh(query + key)`.
        dropout: which part of the scores is dropped in training, from 0 to 1.
        seed: integer for the dropout; drawn by default.

    Call arguments:
        mask: list `[query_mask, value_mask]` of bool `(batch, target)` and `(batch, source)`, or None in their places;
            outputs of masked queries are zero, masked values aren't looked at. The inputs' own masks by default.
        return_attention_scores: whether the scores come out, too.
        use_causal_mask: whether a step sees only itself and those before it.

    Raises:
        ValueError: `score_mode` or `dropout` is none of these, or the inputs don't fit together.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> query, value = np.ones((1, 2, 4)), np.ones((1, 3, 4))
        >>> tuple(triceras.layers.Attention()([query, value]).shape)
        (1, 2, 4)
    """

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(use_scale, dropout, seed, **kwargs)
        if score_mode not in ("dot", "concat"):
            raise ValueError(
                "Invalid value for argument score_mode. Expected one of {'dot', 'concat'}. Received: "
                f"score_mode={score_mode}"
            )
        self.score_mode, self.concat_score_weight = score_mode, None

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        if self.use_scale:
            self.scale = self.add_weight((), "ones", name="scale")
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight((), "ones", name="concat_score_weight")

    def scores(self, query: Any, key: Any) -> Any:
        if self._is_plain():
            found = ops.matmul(query, ops.swapaxes(key, -1, -2))
            return found if self.scale is None else ops.multiply(found, self.scale)
        pairs = _pairs(query, key)
        if self.scale is not None:
            pairs = ops.multiply(pairs, self.scale)
        return ops.multiply(ops.sum(ops.tanh(pairs), axis=-1), self.concat_score_weight)

    def _is_plain(self) -> bool:
        return self.score_mode == "dot"

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "score_mode": self.score_mode}


class AdditiveAttention(QueryAttention):
    """Additive attention.

    Bahdanau et al. 2014, "Neural Machine Translation by Jointly Learning to Align and Translate".
    The scores are the sum of `scale * tanh(query + key)` over the features.

    Inputs: a list of query `(batch, target, features)`, value `(batch, source, value features)` and maybe key
        `(batch, source, features)`; the key is the value by default.
    Output: `(batch, target, value features)`, with `return_attention_scores` also the scores `(batch, target, source)`.

    Args:
        use_scale: whether a trained number for each feature weighs it; a plain sum otherwise.
        dropout: which part of the scores is dropped in training, from 0 to 1.
        seed: integer for the dropout; drawn by default.

    Call arguments:
        mask, return_attention_scores, use_causal_mask: see `Attention`.

    Raises:
        ValueError: `dropout` isn't between 0 and 1, or the inputs don't fit together.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> query, value = np.ones((1, 2, 4)), np.ones((1, 3, 4))
        >>> out, scores = triceras.layers.AdditiveAttention()([query, value], return_attention_scores=True)
        >>> tuple(out.shape), tuple(scores.shape)
        ((1, 2, 4), (1, 2, 3))
    """

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, **kwargs: Any):
        super().__init__(use_scale, dropout, kwargs.pop("seed", None), **kwargs)

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        if self.use_scale:
            self.scale = self.add_weight((input_shape[-1][-1],), "glorot_uniform", name="scale")

    def scores(self, query: Any, key: Any) -> Any:
        found = ops.tanh(_pairs(query, key))
        return ops.sum(found if self.scale is None else ops.multiply(found, self.scale), axis=-1)


def fraction(name: str, value: Any) -> float:
    """The value, checked.

    Raises:
        ValueError: it is no number from 0 to 1.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError(
            f"Invalid value for argument `{name}`. Expected a number from 0 to 1. Received: {name}={value!r}"
        )
    return value


def _pairs(query: Any, key: Any) -> Any:
    """The sum of each query and each key."""
    return ops.add(ops.expand_dims(query, axis=-2), ops.expand_dims(key, axis=-3))


def _where_to_look(query: Any, key: Any, value_mask: Any, causal: bool) -> Any:
    """The masks of the scores in one, bool, or None."""
    parts = [] if value_mask is None else [ops.expand_dims(ops.cast(value_mask, "bool"), axis=-2)]
    if causal:
        rows, columns = (ops.arange(ops.shape(x)[-2], dtype="int32") for x in (query, key))
        parts.append(ops.greater_equal(ops.expand_dims(rows, axis=-1), columns)[None])
    return ops.logical_and(*parts) if len(parts) == 2 else parts[0] if parts else None
