"""References of `samples_patches.py`: by loops, over every block, window and path."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np


def _two(value: Any) -> tuple[int, int]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value, value)


def _blocks(size: Any, kernel: Any, dilation: Any, padding: Any, stride: Any) -> list[np.ndarray]:
    """For each block the places of its elements along each axis, in the padded image."""
    counts = [
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, d, p, s in zip(size, kernel, dilation, padding, stride, strict=True)
    ]
    starts = itertools.product(*(range(0, c * s, s) for c, s in zip(counts, stride, strict=True)))
    return [
        np.ix_(*(a + d * np.arange(k) for a, d, k in zip(start, dilation, kernel, strict=True))) for start in starts
    ]


def unfold(x: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    kernel, dilation, padding, stride = map(_two, (kernel_size, dilation, padding, stride))
    padded = np.pad(x, ((0, 0), (0, 0), *((p, p) for p in padding)))
    blocks = _blocks(x.shape[2:], kernel, dilation, padding, stride)
    return np.stack([padded[:, :, *b].reshape(len(x), -1) for b in blocks], -1)


def fold(x: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    size, kernel, dilation, padding, stride = map(_two, (output_size, kernel_size, dilation, padding, stride))
    channels = x.shape[1] // math.prod(kernel)
    result = np.zeros((len(x), channels, *(n + 2 * p for n, p in zip(size, padding, strict=True))))
    for i, b in enumerate(_blocks(size, kernel, dilation, padding, stride)):
        result[:, :, *b] += x[..., i].reshape(len(x), channels, *kernel)
    return result[:, :, padding[0] : padding[0] + size[0], padding[1] : padding[1] + size[1]]


def adaptive(reduce: Callable) -> Callable:
    """Pooling by a NumPy reduction over windows from `floor(i n / k)` to `ceil((i + 1) n / k)`."""

    def run(x: Any, output_size: Any, data_format: str = "channels_last") -> Any:
        x = np.moveaxis(x, 1, -1) if data_format == "channels_first" else x
        counts = (output_size,) * (x.ndim - 2) if isinstance(output_size, int) else output_size
        result = np.zeros((len(x), *counts, x.shape[-1]))
        for place in itertools.product(*map(range, counts)):
            window = [
                slice(i * n // k, math.ceil((i + 1) * n / k))
                for i, n, k in zip(place, x.shape[1:-1], counts, strict=True)
            ]
            result[:, *place] = reduce(x[:, *window], axis=tuple(range(1, x.ndim - 1)))
        return np.moveaxis(result, -1, 1) if data_format == "channels_first" else result

    return run


def _log_softmax(x: Any) -> Any:
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def _probabilities(logits: Any, blank: int) -> dict[tuple[int, ...], float]:
    """The probability of all labels that some path stands for."""
    found: dict[tuple[int, ...], float] = {}
    logarithms = _log_softmax(np.asarray(logits, "float64"))
    for path in itertools.product(range(logits.shape[-1]), repeat=len(logits)):
        labels = tuple(c for c, _ in itertools.groupby(path) if c != blank)
        found[labels] = found.get(labels, 0.0) + math.exp(sum(logarithms[t, c] for t, c in enumerate(path)))
    return found


def ctc_loss(target: Any, output: Any, target_length: Any, output_length: Any, mask_index: int = 0) -> Any:
    """By the forward recursion with probabilities, in double precision."""
    losses = []
    for labels, logits, n, t in zip(target, np.asarray(output, "float64"), target_length, output_length, strict=True):
        p = np.exp(_log_softmax(logits[: int(t)]))
        states = [mask_index, *itertools.chain(*((int(c), mask_index) for c in labels[: int(n)]))]
        a = np.zeros(len(states))
        a[:2] = p[0, states[:2]]
        for row in p[1:]:
            ways = a + np.pad(a, (1, 0))[:-1]
            for s in range(2, len(states)):
                ways[s] += a[s - 2] if states[s] not in (mask_index, states[s - 2]) else 0
            a = ways * row[states]
        losses.append(-math.log(a[-2:].sum()))
    return np.array(losses)


def ctc_decode(
    inputs: Any, sequence_lengths: Any, strategy: str = "greedy", beam_width: int = 100, top_paths: int = 1,
    merge_repeated: bool = True, mask_index: int = 0,
) -> Any:  # fmt: skip
    """A beam search wide enough finds what trying all paths does."""
    labels = np.full((1 if strategy == "greedy" else top_paths, *inputs.shape[:2]), -1)
    scores = np.zeros((len(inputs), len(labels)))
    for i, (logits, length) in enumerate(zip(inputs, sequence_lengths, strict=True)):
        logits = logits[: int(length)]
        if strategy == "greedy":
            path = logits.argmax(-1).tolist()
            merged = [c for c, _ in itertools.groupby(path)] if merge_repeated else path
            best = [([c for c in merged if c != mask_index], -logits.max(-1).sum())]
        else:
            every = sorted(_probabilities(logits, mask_index).items(), key=lambda item: -item[1])
            best = [(found, math.log(p)) for found, p in every[:top_paths]]
        for j, (found, score) in enumerate(best):
            labels[j, i, : len(found)], scores[i, j] = found, score
    return labels, scores
