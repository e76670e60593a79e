"""Tables of vectors: Embedding, and one that leads back from vectors to scores of the entries."""

from __future__ import annotations

import warnings
from typing import Any

from triceras import dtype_policies, ops
from triceras.core import dtypes
from triceras.core.spec import Spec
from triceras.layers.adaptable import Quantizable
from triceras.layers.settings import keep_settings, make_weight, positive_integer, settings_config

__all__ = ["Embedding", "ReversibleEmbedding"]


class Embedding(Quantizable):
    """A table of vectors, looked up by integers.

    Input: integers of any shape; output: that shape with `output_dim` behind.

    Args:
        input_dim: how many vectors; indices are below it.
        output_dim: their length.
        embeddings_initializer: initializer or its name.
        embeddings_regularizer: regularizer or its name.
        embeddings_constraint: constraint or its name.
        mask_zero: whether 0 is padding: then the output has a mask.
        weights: the initial table, or a list with it.
        lora_rank, lora_alpha: rank and weight of an adapter that `build` makes: see `enable_lora`.
        quantization_config: how to quantize: see `quantize`.

    Raises:
        ValueError: a size isn't a positive integer.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.Embedding(10, 4)(np.array([[1, 2, 3]])).shape)
        (1, 3, 4)
    """

    embeddings: Any = None
    _adapted = "embeddings"

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        quantization_config: Any = None,
        **kwargs: Any,
    ):
        if kwargs.pop("input_length", None) is not None:
            warnings.warn("Argument `input_length` is deprecated. Just remove it.", stacklevel=2)
        super().__init__(lora_rank=lora_rank, lora_alpha=lora_alpha, quantization_config=quantization_config, **kwargs)
        self.input_dim = positive_integer("input_dim", input_dim)
        self.output_dim = positive_integer("output_dim", output_dim)
        keep_settings(
            self,
            embeddings_initializer=embeddings_initializer,
            embeddings_regularizer=embeddings_regularizer,
            embeddings_constraint=embeddings_constraint,
        )
        self.mask_zero = self.supports_masking = mask_zero
        self.autocast = False
        if weights is not None:
            self.build()
            self.set_weights(weights if isinstance(weights, list) else [weights])

    def build(self, input_shape: Any = None) -> None:
        if self.built:
            return
        self._make_tables()
        self.built = True
        self._adapt()

    def _make_tables(self) -> None:
        self.embeddings = make_weight(self, "embeddings", (self.input_dim, self.output_dim))

    def _indices(self, inputs: Any) -> Any:
        return inputs if dtypes.is_int(inputs.dtype) else ops.cast(inputs, "int32")

    def call(self, inputs: Any) -> Any:
        return ops.cast(ops.take(self.embeddings, self._indices(inputs), axis=0), self.compute_dtype)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return ops.not_equal(inputs, 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return (*input_shape, self.output_dim)

    def get_config(self) -> dict[str, Any]:
        from triceras import regularizers

        return {
            **super().get_config(),
            "input_dim": self.input_dim,
            "output_dim": self.output_dim,
            **settings_config(self, "embeddings_initializer", "embeddings_regularizer"),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            **settings_config(self, "embeddings_constraint"),
            "mask_zero": self.mask_zero,
        }


class ReversibleEmbedding(Embedding):
    """A table of vectors that also leads back: called with `reverse=True`, vectors give a score for each entry.

    Input: integers of any shape; output: that shape with `output_dim` behind. In reverse: floats
    `(..., output_dim)`; output: `(..., input_dim)`. A language model's first and last layer share their weights so:
    Press and Wolf, 2017, https://arxiv.org/abs/1608.05859.

    Args:
        input_dim: how many vectors; indices are below it.
        output_dim: their length.
        tie_weights: whether both ways use the same table; else the way back has one of its own.
        embeddings_initializer: initializer or its name.
        embeddings_regularizer: regularizer or its name.
        embeddings_constraint: constraint or its name.
        mask_zero: whether 0 is padding: then the output has a mask.
        reverse_dtype: dtype in which the way back computes; the layer's by default.
        logit_soft_cap: scores are squeezed between minus this and this: `cap * tanh(scores / cap)`.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> layer = triceras.layers.ReversibleEmbedding(10, 4)
        >>> vectors = layer(np.array([[1, 2, 3]]))
        >>> tuple(vectors.shape), tuple(layer(vectors, reverse=True).shape)
        ((1, 3, 4), (1, 3, 10))
    """

    reverse_embeddings: Any = None

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        tie_weights: bool = True,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        reverse_dtype: Any = None,
        logit_soft_cap: float | None = None,
        **kwargs: Any,
    ):
        table = kwargs.pop("weights", None)
        super().__init__(
            input_dim,
            output_dim,
            embeddings_initializer=embeddings_initializer,
            embeddings_regularizer=embeddings_regularizer,
            embeddings_constraint=embeddings_constraint,
            mask_zero=mask_zero,
            **kwargs,
        )
        self.tie_weights, self.logit_soft_cap = tie_weights, logit_soft_cap
        self.reverse_dtype = reverse_dtype
        self._computes_back_in = None if reverse_dtype is None else dtype_policies.get(reverse_dtype).compute_dtype
        if table is not None:
            self.build()
            self.set_weights(table if isinstance(table, list) else [table])

    def _make_tables(self) -> None:
        super()._make_tables()
        if not self.tie_weights:
            self.reverse_embeddings = self.add_weight(
                (self.output_dim, self.input_dim), self.embeddings_initializer, name="reverse_embeddings"
            )

    def call(self, inputs: Any, reverse: bool = False) -> Any:
        if not reverse:
            return super().call(inputs)
        table = ops.transpose(self.embeddings) if self.tie_weights else self.reverse_embeddings
        inputs = self._to_reverse(inputs)
        return self._capped(ops.matmul(inputs, ops.cast(table, inputs.dtype)))

    def _to_reverse(self, inputs: Any) -> Any:
        return ops.cast(inputs, self._computes_back_in or self.compute_dtype)

    def _capped(self, logits: Any) -> Any:
        cap = self.logit_soft_cap
        return ops.multiply(ops.tanh(ops.divide(logits, cap)), cap) if cap else logits

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return super().compute_mask(inputs, mask) if dtypes.is_int(inputs.dtype) else None

    def compute_output_shape(self, input_shape: Any, reverse: bool = False) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.input_dim) if reverse else super().compute_output_shape(input_shape)

    def compute_output_spec(self, inputs: Any, reverse: bool = False) -> Any:
        dtype = self._computes_back_in if reverse and self._computes_back_in else self.compute_dtype
        return Spec(self.compute_output_shape(inputs.shape, reverse), dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "tie_weights": self.tie_weights,
            "reverse_dtype": self.reverse_dtype,
            "logit_soft_cap": self.logit_soft_cap,
        }
