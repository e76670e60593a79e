"""Data that yield batches themselves: generators, `PyDataset`, `tf.data`, torch's `DataLoader`."""

from __future__ import annotations

import functools
import inspect
import itertools
import multiprocessing
import sys
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any, NamedTuple

from triceras.core import seeds
from triceras.training.data.source import Source
from triceras.training.data.weights import add_class_weights
from triceras.utils.data import PyDataset


def with_class_weights(batches: Iterator[Any], class_weight: dict[int, float] | None) -> Iterator[Any]:
    """The batches, with sample weights where there are class weights."""
    return batches if class_weight is None else (add_class_weights(batch, class_weight) for batch in batches)


# --- generators ------------------------------------------------------------------------------------------------------


def from_generator(generator: Iterator[Any]) -> Source:
    """Batches of a generator, each a tuple `(x,)`, `(x, y)` or `(x, y, sample_weight)`, or an array or dict `x`.

    Raises:
        ValueError: it yields nothing, or something else.
    """
    first = list(itertools.islice(generator, 1))
    if not first:
        raise ValueError(
            "When passing a Python generator to a model, the generator must yield at least one batch. "
            "Received an empty generator."
        )
    stream = map(_checked, itertools.chain(first, generator))
    return Source(lambda: stream, restarts=False)


def _checked(batch: Any) -> Any:
    if isinstance(batch, list) or (isinstance(batch, tuple) and not 1 <= len(batch) <= 3):
        raise ValueError(
            "When passing a Python generator to a model, the generator must return a tuple, either (input,) or "
            f"(inputs, targets) or (inputs, targets, sample_weights). Received: {type(batch).__name__} of {len(batch)}"
        )
    return batch


# --- PyDataset -------------------------------------------------------------------------------------------------------


def from_py_dataset(dataset: PyDataset, shuffle: Any = False, class_weight: dict[int, float] | None = None) -> Source:
    """Batches of a `PyDataset`; `shuffle` draws a new order of the batches for each pass."""
    total = dataset.num_batches
    if total == 0:
        raise ValueError(f"The data set {type(dataset).__name__} has no batches: its length is 0.")

    def begin_pass() -> Iterator[Any]:
        order = itertools.count() if total is None else range(total)
        if shuffle and total is not None:
            order = seeds.host_generator().permutation(total).tolist()
        return with_class_weights(map(_checked_item, _fetch(dataset, order)), class_weight)

    return Source(begin_pass, total, on_epoch_begin=dataset.on_epoch_begin, on_epoch_end=dataset.on_epoch_end)


def _checked_item(batch: Any) -> Any:
    batch = _as_tuple(batch)
    if isinstance(batch, tuple) and not 1 <= len(batch) <= 3:
        raise ValueError(
            "PyDataset.__getitem__() must return a tuple or a dict. If a tuple, it must be ordered either (input,) or "
            f"(inputs, targets) or (inputs, targets, sample_weights). Received: a tuple of {len(batch)}"
        )
    return batch


def _fetch(dataset: PyDataset, order: Any) -> Iterator[Any]:
    if dataset.workers <= 1 and not dataset.use_multiprocessing:
        return map(dataset.__getitem__, order)
    return _fetch_ahead(dataset, order)


def _fetch_ahead(dataset: PyDataset, order: Any) -> Iterator[Any]:
    """The items of a data set in order, fetched ahead by its workers."""
    order = iter(order)
    executor, get = _workers(dataset)
    waiting = deque(executor.submit(get, index) for index in itertools.islice(order, max(dataset.max_queue_size, 1)))
    try:
        while waiting:
            item = waiting.popleft().result()
            waiting.extend(executor.submit(get, index) for index in itertools.islice(order, 1))
            yield item
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


_worker_dataset: Any = None  # in a worker process: its copy of the data set


def _workers(dataset: PyDataset) -> tuple[Executor, Callable[[int], Any]]:
    count = max(dataset.workers, 1)
    if not dataset.use_multiprocessing:
        return ThreadPoolExecutor(count, thread_name_prefix="PyDataset"), dataset.__getitem__
    context = multiprocessing.get_context("spawn")  # a fork after a framework has started threads can hang
    return ProcessPoolExecutor(count, context, initializer=_start_worker, initargs=(dataset,)), _get_in_worker


def _start_worker(dataset: PyDataset) -> None:
    global _worker_dataset
    _worker_dataset = dataset


def _get_in_worker(index: int) -> Any:
    return _worker_dataset[index]


# --- frameworks' own, recognised without an import -------------------------------------------------------------------


class Kind(NamedTuple):
    """A framework's data sets.

    Args:
        label: what errors call them.
        module: where their classes come from: the beginning of a module's name.
        num_batches: how many batches one has, or None.
        prepare: what is iterated over.
        class_weights: whether `class_weight` may be given.
    """

    label: str
    module: str
    num_batches: Callable[[Any], int | None]
    prepare: Callable[[Any], Any]
    class_weights: bool


def _length(data: Any) -> int | None:
    try:
        return len(data)
    except TypeError:
        return None


def _cardinality(dataset: Any) -> int | None:
    known = int(dataset.cardinality())
    return known if known >= 0 else None  # -1: without end, -2: unknown


KINDS = (
    Kind("tf.data.Dataset", "tensorflow.python.data.", _cardinality, lambda dataset: dataset.prefetch(-1), True),
    Kind(
        "tf.distribute dataset", "tensorflow.python.distribute.", lambda dataset: None, lambda dataset: dataset, False
    ),
    Kind("torch DataLoader", "torch.utils.data.dataloader", _length, lambda loader: loader, False),
    Kind("grain data set", "grain.", _length, lambda dataset: dataset, False),
)


def framework_kind(x: Any) -> Kind | None:
    """The kind of a framework's data set that something is, or None."""
    return _kind_of_type(type(x))


@functools.lru_cache(maxsize=64)
def _kind_of_type(cls: type) -> Kind | None:
    modules = [f"{base.__module__}." for base in cls.__mro__]
    for kind in KINDS:
        if kind.module.partition(".")[0] in sys.modules and any(module.startswith(kind.module) for module in modules):
            return kind if hasattr(cls, "__iter__") else None
    return None


def from_framework(data: Any, kind: Kind, class_weight: dict[int, float] | None = None) -> Source:
    """Batches of a framework's data set.

    Raises:
        ValueError: class weights where the kind doesn't take them.
    """
    if class_weight is not None and not kind.class_weights:
        raise ValueError(
            f"Argument `class_weight` is not supported for {kind.label} inputs. Yield (inputs, targets, "
            f"sample_weights) instead. Received: class_weight={class_weight}"
        )
    prepared = kind.prepare(data)
    return Source(lambda: with_class_weights(map(_as_tuple, prepared), class_weight), kind.num_batches(data))


def _as_tuple(batch: Any) -> Any:
    return tuple(batch) if isinstance(batch, list) else batch


def is_generator(x: Any) -> bool:
    """Whether something hands out batches one after the other, only once."""
    return inspect.isgenerator(x) or (hasattr(x, "__next__") and hasattr(x, "__iter__"))
