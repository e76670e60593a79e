"""Connectionist temporal classification: the loss of unaligned sequences, and how to read predictions.

Graves et al. 2006, "Connectionist Temporal Classification: Labelling Unsegmented Sequence Data with RNNs". A path of
one class a step stands for the labels that are left when repeats and then blanks are dropped. All is computed in
float32 at least.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from triceras import ops
from triceras.core.dtypes import standardize_dtype
from triceras.ops.op import composite
from triceras.ops.rules import Rule, float_, one_of

_NEVER = -1e30  # the logarithm of no probability: finite, so that gradients are, too

# --- loss -------------------------------------------------------------------------------------------------------------


def _loss_dtypes(target: Any, output: Any, *lengths: Any) -> tuple[tuple, Any]:
    common = _wide(output)
    return ("int32", common, "int32", "int32"), common


def _wide(dtype: Any) -> str:
    return "float64" if float_(dtype)[1] == "float64" else "float32"


def _loss_shapes(bound: dict[str, Any]) -> None:
    shapes = {name: tuple(bound[name].shape) for name in ("target", "output", "target_length", "output_length")}
    if [len(shape) for shape in shapes.values()] != [2, 3, 1, 1]:
        wanted = "(batch, labels), (batch, steps, classes), (batch,) and (batch,)"
        raise ValueError(f"the arguments must have shapes {wanted}; got {', '.join(map(str, shapes.values()))}.")
    if len({shape[0] for shape in shapes.values() if shape[0] is not None}) > 1:
        raise ValueError(f"the arguments must have one batch size; got shapes {', '.join(map(str, shapes.values()))}.")


@composite(
    Rule(
        lambda target, output, **rest: (output.shape[0],),
        _loss_dtypes,
        ("target", "output", "target_length", "output_length"),
        _loss_shapes,
    )
)
def ctc_loss(target: Any, output: Any, target_length: Any, output_length: Any, mask_index: int = 0) -> Any:
    """The negative logarithm of the probability that a prediction stands for some labels.

    Args:
        target: labels of shape `(batch, labels)`.
        output: logits of shape `(batch, steps, classes)`.
        target_length: how many labels count, of shape `(batch,)`.
        output_length: how many steps count, of shape `(batch,)`.
        mask_index: the class of blanks.

    Returns:
        A tensor of shape `(batch,)`; very large (1e30) where there are too few steps for the labels.
    """
    logarithms = ops.log_softmax(output, axis=-1)
    states = _with_blanks(target, mask_index)
    steps, count = output.shape[1], 2 * target.shape[1] + 1
    emitted = ops.take_along_axis(logarithms, ops.expand_dims(states, 1), axis=-1)  # (batch, steps, states)
    emitted = ops.moveaxis(emitted, 1, 0)
    jump = ops.logical_and(ops.not_equal(states, mask_index), ops.not_equal(states, _later(states, 2, mask_index)))
    start = ops.where(ops.less(np.arange(count), 2), emitted[0], _NEVER)

    def step(state: Any, now: Any) -> Any:
        number, scores = now
        skipped = ops.where(jump, _later(state, 2, _NEVER), _NEVER)
        ways = ops.logsumexp(ops.stack([state, _later(state, 1, _NEVER), skipped], axis=0), axis=0)
        moved = ops.maximum(ops.add(ways, scores), _NEVER)
        return ops.where(ops.expand_dims(ops.less(number, output_length), -1), moved, state), None

    last, _ = ops.scan(step, start, (ops.arange(1, steps, dtype="int32"), emitted[1:]))
    final = ops.expand_dims(ops.multiply(target_length, 2), -1)
    ends = ops.logical_or(ops.equal(np.arange(count), final), ops.equal(np.arange(count), ops.subtract(final, 1)))
    return ops.negative(ops.maximum(ops.logsumexp(ops.where(ends, last, _NEVER), axis=-1), _NEVER))


def _with_blanks(target: Any, blank: int) -> Any:
    """Labels with a blank before, between and after them."""
    blanks = ops.full_like(target, blank)
    pairs = ops.reshape(ops.stack([blanks, target], axis=-1), (ops.shape(target)[0], -1))
    return ops.concatenate([pairs, ops.full((ops.shape(target)[0], 1), blank, dtype="int32")], axis=1)


def _later(x: Any, by: int, fill: Any) -> Any:
    """What stood `by` places before, along the last axis."""
    return ops.pad(ops.get_item(x, (Ellipsis, slice(None, -by))), ((0, 0), (by, 0)), constant_values=fill)


# --- reading predictions ----------------------------------------------------------------------------------------------


def _decode_arguments(bound: dict[str, Any]) -> None:
    one_of("strategy", bound["strategy"], ("greedy", "beam_search"))
    shapes = tuple(bound["inputs"].shape), tuple(bound["sequence_lengths"].shape)
    if [len(shape) for shape in shapes] != [3, 1]:
        raise ValueError(
            f"inputs and sequence_lengths must have shapes (batch, steps, classes) and (batch,); got {shapes}."
        )
    if bound["strategy"] == "beam_search" and not 1 <= bound["top_paths"] <= bound["beam_width"]:
        raise ValueError(
            f"argument top_paths must be between 1 and beam_width={bound['beam_width']}; got {bound['top_paths']}."
        )


def _decoded(inputs: Any, strategy: str, top_paths: int, **rest: Any) -> Any:
    paths = 1 if strategy == "greedy" else top_paths
    return [(paths, inputs.shape[0], inputs.shape[1]), (inputs.shape[0], paths)]


def _decode_dtypes(inputs: Any, lengths: Any) -> tuple[tuple, Any]:
    return (_wide(inputs), "int32"), ["int32", _wide(inputs)]


@composite(Rule(_decoded, _decode_dtypes, ("inputs", "sequence_lengths"), _decode_arguments))
def ctc_decode(
    inputs: Any,
    sequence_lengths: Any,
    strategy: str = "greedy",
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = True,
    mask_index: int = 0,
) -> Any:
    """The labels that predictions stand for.

    Args:
        inputs: logits of shape `(batch, steps, classes)`.
        sequence_lengths: how many steps count, of shape `(batch,)`.
        strategy: "greedy" takes the best class of each step; "beam_search" looks for the most probable labels.
        beam_width: how many candidates a beam search keeps.
        top_paths: how many of them it returns.
        merge_repeated: whether "greedy" drops repeats.
        mask_index: the class of blanks.

    Returns:
        Labels of shape `(paths, batch, steps)` in int32, filled with -1 at their ends, and scores of shape
        `(batch, paths)`: the sum of the logits taken, negated, for "greedy"; the logarithm of the probability for
        "beam_search".

    Raises:
        ValueError: an unknown strategy, or `top_paths` greater than `beam_width`.
    """
    if strategy == "greedy":
        return _greedy(inputs, sequence_lengths, merge_repeated, mask_index)
    return _beam_search(inputs, sequence_lengths, beam_width, top_paths, mask_index)


def _greedy(inputs: Any, lengths: Any, merge_repeated: bool, blank: int) -> Any:
    steps = inputs.shape[1]
    counted = ops.less(np.arange(steps, dtype="int32"), ops.expand_dims(lengths, -1))
    best = ops.argmax(inputs, axis=-1)
    score = ops.sum(ops.where(counted, ops.max(inputs, axis=-1), 0), axis=-1, keepdims=True)
    kept = ops.logical_and(counted, ops.not_equal(best, blank))
    if merge_repeated:
        kept = ops.logical_and(kept, ops.not_equal(best, _later(best, 1, -1)))
    order = ops.argsort(ops.where(kept, 0, 1), axis=-1)  # stable: what is kept goes first, in its order
    labels = ops.take_along_axis(ops.where(kept, best, -1), order, axis=-1)
    return ops.expand_dims(labels, 0), ops.negative(score)


def _beam_search(inputs: Any, lengths: Any, width: int, top: int, blank: int) -> Any:
    """Prefix beam search (Hannun et al. 2014), all sequences and candidates at once.

    The state holds for each candidate its labels, how many they are, and the probabilities of the paths that end with a
    blank and of those that don't, as logarithms.
    """
    logarithms = ops.log_softmax(inputs, axis=-1)
    dtype = standardize_dtype(logarithms.dtype)
    batch, steps = ops.shape(inputs)[0], inputs.shape[1]
    first = ops.broadcast_to(np.where(np.arange(width) == 0, 0.0, _NEVER), (batch, width))
    start = (
        ops.full((batch, width, steps), -1, dtype="int32"),
        ops.zeros((batch, width), "int32"),
        ops.cast(first, dtype),
        ops.full((batch, width), _NEVER, dtype=dtype),
    )

    def step(state: Any, now: Any) -> Any:
        number, scores = now
        goes_on = ops.less(number, lengths)
        new = _extended(state, scores, width, blank)
        rest = (slice(None), *[None] * 2)
        return tuple(
            ops.where(ops.get_item(goes_on, rest[: len(old.shape)]), x, old) for x, old in zip(new, state, strict=True)
        ), None

    steps_first = (ops.arange(steps, dtype="int32"), ops.moveaxis(logarithms, 1, 0))
    labels, _, ended, open_ = ops.scan(step, start, steps_first)[0]
    scores, best = ops.top_k(ops.logaddexp(ended, open_), top)
    labels = ops.take_along_axis(labels, ops.expand_dims(best, -1), axis=1)
    return ops.moveaxis(labels, 1, 0), scores


def _extended(state: Any, scores: Any, width: int, blank: int) -> Any:
    """The best candidates after one more step: the old ones, and the old ones with one more label."""
    labels, counts, ended, open_ = state
    batch, classes, steps = ops.shape(scores)[0], scores.shape[-1], labels.shape[-1]
    total = ops.logaddexp(ended, open_)
    place = ops.maximum(ops.subtract(counts, 1), 0)
    last = ops.squeeze(ops.take_along_axis(labels, ops.expand_dims(place, -1), axis=-1), -1)
    is_last = ops.equal(ops.expand_dims(last, -1), np.arange(classes, dtype="int32"))  # (batch, width, classes)
    # A repeat of the last label makes a new one only after a blank.
    longer = ops.add(
        ops.expand_dims(scores, 1), ops.where(is_last, ops.expand_dims(ended, -1), ops.expand_dims(total, -1))
    )
    longer = ops.where(np.arange(classes) == blank, _NEVER, longer)
    known, from_parents = _merged(labels, counts, last, longer)
    longer = ops.where(known, _NEVER, longer)
    repeated = ops.sum(ops.where(is_last, ops.expand_dims(scores, 1), 0), axis=-1)
    stays_open = ops.logaddexp(ops.where(ops.less(0, counts), ops.add(open_, repeated), _NEVER), from_parents)
    stays_ended = ops.add(total, ops.expand_dims(scores[:, blank], -1))
    every = ops.concatenate(
        [ops.logaddexp(stays_ended, stays_open), ops.reshape(longer, (batch, width * classes))], axis=1
    )
    _, best = ops.top_k(every, width)
    is_longer = ops.less_equal(width, best)
    grown = ops.maximum(ops.subtract(best, width), 0)
    parent = ops.where(is_longer, ops.floor_divide(grown, classes), best)
    new = ops.where(is_longer, ops.mod(grown, classes), -1)

    def of_parent(x: Any) -> Any:
        return ops.take_along_axis(x, parent, axis=1)

    counts = of_parent(counts)
    labels = ops.take_along_axis(labels, ops.expand_dims(parent, -1), axis=1)
    here = ops.logical_and(ops.expand_dims(is_longer, -1), ops.equal(np.arange(steps), ops.expand_dims(counts, -1)))
    labels = ops.where(here, ops.expand_dims(new, -1), labels)
    gained = ops.take_along_axis(every, best, axis=1)
    ended = ops.where(is_longer, _NEVER, of_parent(stays_ended))
    open_ = ops.where(is_longer, gained, of_parent(stays_open))
    return labels, ops.add(counts, ops.cast(is_longer, "int32")), ops.maximum(ended, _NEVER), ops.maximum(open_, _NEVER)


def _merged(labels: Any, counts: Any, last: Any, longer: Any) -> tuple[Any, Any]:
    """Which longer candidates are old ones too, and what these get from them."""
    steps, classes = labels.shape[-1], longer.shape[-1]
    end = ops.equal(np.arange(steps), ops.expand_dims(ops.subtract(counts, 1), -1))
    without_last = ops.where(end, -1, labels)
    same = ops.all(ops.equal(ops.expand_dims(without_last, 2), ops.expand_dims(labels, 1)), axis=-1)
    shorter = ops.equal(ops.expand_dims(counts, 2), ops.add(ops.expand_dims(counts, 1), 1))
    grows = ops.logical_and(same, shorter)  # (batch, child, parent)
    by_last = ops.equal(ops.expand_dims(last, -1), np.arange(classes, dtype="int32"))  # (batch, child, classes)
    pairs = ops.matmul(ops.swapaxes(ops.cast(grows, "float32"), 1, 2), ops.cast(by_last, "float32"))
    places = ops.broadcast_to(ops.expand_dims(ops.maximum(last, 0), 1), ops.shape(grows))
    gain = ops.swapaxes(ops.take_along_axis(longer, places, axis=-1), 1, 2)  # (batch, child, parent)
    return ops.less(0, pairs), ops.max(ops.where(grows, gain, _NEVER), axis=-1)
