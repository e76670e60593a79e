"""Sparse tensors are `tf.SparseTensor`s, indices in order; `tf.IndexedSlices` stay what they are where that is easy.

TensorFlow's own operations on them lack dtypes, gradients or static shapes here and there; so most are made of gathers
and segment sums.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from triceras.backends.sparse import SparseBackend
from triceras.backends.tensorflow.sparse.functions import FUNCTIONS, sparse
from triceras.backends.tensorflow.tensor import densify


class SparseTensors(SparseBackend):
    """Ops on TensorFlow's sparse tensors."""

    tensor_types = (tf.SparseTensor, tf.IndexedSlices)

    def __init__(self, home: Any):
        super().__init__(home)
        self.functions = {**FUNCTIONS, "mean": self.mean}

    def sizes(self, x: Any) -> tuple[Any, ...]:
        return self.home.dynamic_shape(x)

    def densify(self, x: Any) -> tf.Tensor:
        return tf.ensure_shape(densify(x), x.shape)

    def values(self, x: Any) -> tuple[tf.Tensor, Callable]:
        if isinstance(x, tf.SparseTensor):
            return x.values, lambda values: sparse(x.indices, values, x.dense_shape, x.shape)
        rows, where = tf.unique(x.indices)  # a row that is there twice counts as the sum
        values = tf.math.unsorted_segment_sum(x.values, where, tf.size(rows))
        return values, lambda values: tf.IndexedSlices(values, rows, x.dense_shape)

    def reaches(self, x: Any, dense: Any) -> bool:
        return super().reaches(x, dense) if isinstance(x, tf.SparseTensor) else dense.shape.rank == 0

    def align(self, x1: Any, x2: Any) -> tuple | None:
        if not isinstance(x1, tf.SparseTensor) or not isinstance(x2, tf.SparseTensor):
            return None

        def spread(x: tf.SparseTensor, other: tf.SparseTensor) -> tuple[tf.Tensor, tf.Tensor]:
            numbers = tf.SparseTensor(x.indices, tf.range(1, tf.size(x.values) + 1), x.dense_shape)
            places = tf.sparse.add(
                numbers, tf.SparseTensor(other.indices, tf.zeros_like(other.values, "int32"), x.dense_shape)
            )
            padded = tf.concat([tf.zeros((1,), x.dtype), x.values], 0)
            return places.indices, tf.gather(padded, places.values)

        (indices, first), (_, second) = spread(x1, x2), spread(x2, x1)
        return first, second, lambda values: sparse(indices, values, x1.dense_shape, x1.shape)

    def at(self, dense: tf.Tensor, x: Any) -> tf.Tensor:
        if dense.shape.rank == 0:
            return dense
        places = x.indices[:, x.shape.rank - dense.shape.rank :]
        return tf.gather_nd(dense, tf.where(tf.shape(dense, tf.int64) == 1, tf.zeros_like(places), places))

    def make(self, indices: Any, values: Any, shape: Any) -> tf.SparseTensor:
        static = [d if isinstance(d, (int, np.integer)) else None for d in shape]
        sizes = tf.stack([tf.cast(d, tf.int64) for d in shape])
        made = tf.sparse.reorder(tf.SparseTensor(tf.cast(indices, tf.int64), values, sizes))
        return sparse(made.indices, made.values, sizes, static)

    def take_apart(self, x: Any) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
        x = x if isinstance(x, tf.SparseTensor) else tf.sparse.from_dense(self.densify(x))
        x = tf.sparse.reorder(x)
        return x.indices.numpy(), x.values.numpy(), tuple(x.dense_shape.numpy().tolist())
