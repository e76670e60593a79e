"""Losses on embeddings and sequences: Circle and CTC."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.core import dtypes, masks, registry
from triceras.losses.loss import FunctionLoss

REDUCTION = "sum_over_batch_size"


def circle(
    y_true: Any,
    y_pred: Any,
    ref_labels: Any = None,
    ref_embeddings: Any = None,
    remove_diagonal: bool = True,
    gamma: float = 80,
    margin: float = 0.4,
) -> Any:
    """Pulls embeddings of a class together and pushes others apart, each pair as far as it still has to go.

    Sun et al., 2020, "Circle Loss".

    Args:
        y_true: class numbers, shape `(batch,)`.
        y_pred: embeddings of norm 1, shape `(batch, d)`.
        ref_labels: class numbers to compare with, shape `(references,)`; the batch's by default.
        ref_embeddings: their embeddings, shape `(references, d)`.
        remove_diagonal: whether the references are the batch itself, so that pairs of an embedding with itself are left
            out.
        gamma: scale.
        margin: how far from perfect a pair may be without being changed.

    Returns:
        Tensor of shape `(batch,)`, with a mask: False where there is nothing to compare with.

    Example:
        >>> from triceras import losses
        >>> losses.circle([0, 0, 1], [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]).shape[0]
        3
    """
    backend = registry.backend_of(y_pred, y_true) or registry.current()
    y_pred = backend.convert(y_pred)
    dtype = dtypes.standardize_dtype(y_pred.dtype)
    y_pred = at_least_float32(y_pred)
    labels = ops.reshape(backend.convert(y_true, "int32"), (-1, 1))
    references = y_pred if ref_embeddings is None else at_least_float32(backend.convert(ref_embeddings))
    ref_labels = labels if ref_labels is None else ops.reshape(backend.convert(ref_labels, "int32"), (-1, 1))

    cosines = ops.matmul(y_pred, ops.transpose(references))
    same = ops.equal(labels, ops.transpose(ref_labels))
    other = ops.logical_not(same)
    if remove_diagonal:
        rows, columns = (ops.arange(n) for n in ops.shape(cosines))
        same = ops.logical_and(same, ops.not_equal(ops.expand_dims(rows, 1), ops.expand_dims(columns, 0)))

    pull = ops.relu(1.0 + margin - cosines)  # how far a pair of one class is from its goal
    push = ops.relu(cosines + margin)
    positive = _log_sum_exp(-gamma * ops.stop_gradient(pull) * (cosines - (1.0 - margin)), same)
    negative = _log_sum_exp(gamma * ops.stop_gradient(push) * (cosines - margin), other)
    found = ops.logical_and(ops.any(same, axis=1), ops.any(other, axis=1))
    values = ops.cast(ops.where(found, ops.softplus(positive + negative), ops.zeros_like(positive)), dtype)
    masks.set(values, found)
    return values


def at_least_float32(x: Any) -> Any:
    """A tensor in a dtype whose range holds scores of what can't be."""
    return ops.cast(x, dtypes.result_type(dtypes.standardize_dtype(x.dtype), "float32"))


def _log_sum_exp(x: Any, where: Any) -> Any:
    return ops.logsumexp(ops.where(where, x, ops.full_like(x, -1e9)), axis=1)


def ctc(y_true: Any, y_pred: Any) -> Any:
    """Connectionist temporal classification: Graves et al., 2006. Class 0 is the blank.

    Args:
        y_true: class numbers, shape `(batch, max label length)`, padded with 0.
        y_pred: logits, shape `(batch, max length, classes)`.

    Returns:
        Tensor of shape `(batch,)`, of float32 at least.

    Raises:
        ValueError: other ranks.

    Example:
        >>> from triceras import losses
        >>> round(float(losses.ctc([[1]], [[[0.0, 0.0]]])[0]), 4)
        0.6931
    """
    backend = registry.backend_of(y_pred, y_true) or registry.current()
    y_true, y_pred = backend.convert(y_true, "int32"), at_least_float32(backend.convert(y_pred))
    if len(y_true.shape) != 2 or len(y_pred.shape) != 3:
        raise ValueError(
            "ctc needs targets of shape (batch, max label length) and logits of shape (batch, max length, classes). "
            f"Received: y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}"
        )
    labels = ops.shape(y_true)[1]
    blank = ops.zeros_like(y_true)
    states = ops.concatenate([ops.reshape(ops.stack([blank, y_true], axis=2), (-1, 2 * labels)), blank[:, :1]], axis=1)
    chosen_class = ops.one_hot(states, y_pred.shape[-1], dtype=y_pred.dtype)
    emitted = ops.einsum("btc,bsc->tbs", ops.log_softmax(y_pred), chosen_class)

    before = ops.pad(states[:, :-2], [[0, 0], [2, 0]])
    may_skip = ops.logical_and(ops.not_equal(states, 0), ops.not_equal(states, before))

    def advance(scores: Any, now: Any) -> tuple[Any, Any]:
        skipped = ops.where(may_skip, _shifted(scores, 2), ops.full_like(scores, IMPOSSIBLE))
        scores = ops.logsumexp(ops.stack([scores, _shifted(scores, 1), skipped]), axis=0) + now
        return scores, now[:, 0]

    first = ops.full_like(emitted[0, :, 2:], IMPOSSIBLE)
    scores, _ = ops.scan(advance, ops.concatenate([emitted[0, :, :2], first], axis=1), emitted[1:])
    ends = 2 * ops.sum(ops.cast(ops.not_equal(y_true, 0), "int32"), axis=1, keepdims=True)
    last_two = ops.concatenate([ends, ops.maximum(ends - 1, 0)], axis=1)
    chosen = ops.take_along_axis(scores, last_two, axis=1)
    empty = ops.concatenate([ends < 0, ops.equal(ends, 0)], axis=1)
    return -ops.logsumexp(ops.where(empty, ops.full_like(chosen, IMPOSSIBLE), chosen), axis=1)


IMPOSSIBLE = -1e5  # a log-probability that adds nothing


def _shifted(scores: Any, by: int) -> Any:
    """Each state's score moved `by` states on."""
    return ops.concatenate([ops.full_like(scores[:, :by], IMPOSSIBLE), scores[:, :-by]], axis=1)


class Circle(FunctionLoss):
    """The circle loss as a `Loss`; see `circle`.

    Example:
        >>> from triceras import losses
        >>> losses.Circle().get_config()["gamma"]
        80.0
    """

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        reduction: str | None = REDUCTION,
        name: str = "circle",
        dtype: Any = None,
    ):
        super().__init__(circle, reduction, name, dtype, gamma=gamma, margin=margin, remove_diagonal=remove_diagonal)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return circle(y_true, y_pred, **self.settings)


class CTC(FunctionLoss):
    """The CTC loss as a `Loss`; see `ctc`."""

    def __init__(self, reduction: str | None = REDUCTION, name: str = "ctc", dtype: Any = None):
        super().__init__(ctc, reduction, name, dtype)
