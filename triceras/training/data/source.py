"""`Source`: batches to train on, whatever they were given as; and `Epochs`, which cuts them into epochs of steps."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Source:
    """Where batches come from.

    Args:
        begin_pass: starts a pass over the data: an iterator of batches (trees of arrays or tensors).
        num_batches: how many batches a pass has; None where nobody knows or there is no end.
        batch_size: how many samples a batch has, where that is known.
        restarts: whether a second pass is possible; a generator's isn't.
        on_epoch_begin: called before each epoch.
        on_epoch_end: called after each epoch.
    """

    begin_pass: Callable[[], Iterator[Any]]
    num_batches: int | None = None
    batch_size: int | None = None
    restarts: bool = True
    on_epoch_begin: Callable[[], None] = _nothing
    on_epoch_end: Callable[[], None] = _nothing


class Epochs:
    """A source, cut into epochs.

    Without `steps_per_epoch` every epoch is a pass over the data. With it, an epoch goes on where the last one stopped,
    and a new pass begins when the data are used up.

    Args:
        source: the batches.
        steps_per_epoch: how many batches an epoch takes; None: all.
        chunk: how many batches come out together, at most.
    """

    def __init__(self, source: Source, steps_per_epoch: int | None = None, chunk: int = 1):
        if steps_per_epoch is not None and steps_per_epoch < 1:
            raise ValueError(
                f"The number of steps an epoch must be at least 1, or None for all. Received: {steps_per_epoch}"
            )
        self.source, self.chunk = source, chunk
        self.steps_per_epoch = steps_per_epoch
        self.num_steps = steps_per_epoch if steps_per_epoch is not None else source.num_batches
        self._stream: Iterator[Any] | None = None
        self._peeked: tuple[Iterator[Any], list[Any]] | None = None

    def peek(self) -> Any:
        """The first batch of the next epoch, which will come again then; None if there is none."""
        if self._peeked is None:
            self.source.on_epoch_begin()
            self._peeked = self._open()
        return self._peeked[1][0] if self._peeked[1] else None

    def __iter__(self) -> Iterator[tuple[int, list[Any]]]:
        """One epoch: pairs (index of the first batch, the batches)."""
        if self._peeked is None:
            self.source.on_epoch_begin()
        done = 0
        for batches in self._chunks():
            yield done, batches
            done += len(batches)
        self.source.on_epoch_end()
        if self.num_steps is None:
            self.num_steps = done
        elif done < self.num_steps:
            warnings.warn(
                "Your input ran out of data; interrupting training. Make sure that your dataset or generator can "
                "generate at least `steps_per_epoch * epochs` batches. You may need to use the `.repeat()` function "
                "when building your dataset.",
                stacklevel=3,
            )

    def _chunks(self) -> Iterator[list[Any]]:
        stream, first = self._open()
        batches = itertools.islice(itertools.chain(first, stream), self.steps_per_epoch)
        return iter(lambda: list(itertools.islice(batches, self.chunk)), [])

    def _open(self) -> tuple[Iterator[Any], list[Any]]:
        """The running pass and its next batch in a list; a fresh pass where that is due and possible."""
        if self._peeked is not None:
            peeked, self._peeked = self._peeked, None
            return peeked
        if self._stream is not None and (self.steps_per_epoch is not None or not self.source.restarts):
            first = list(itertools.islice(self._stream, 1))
            if first or not self.source.restarts:
                return self._stream, first
        self._stream = self.source.begin_pass()
        return self._stream, list(itertools.islice(self._stream, 1))
