"""What data may be given as: `PyDataset`, and the tuples `(x, y, sample_weight)`."""

from __future__ import annotations

from typing import Any


class PyDataset:
    """A data set that is indexed by batch: subclass it and define `__len__` and `__getitem__`.

    Workers fetch batches ahead of the training loop, in threads or in fresh processes; the order stays.

    Args:
        workers: how many workers fetch batches; with 1 and no multiprocessing the training loop fetches them itself.
        use_multiprocessing: workers are processes (started by "spawn", so the data set must be picklable), not threads.
        max_queue_size: how many batches may be ready or under way.

    Example:
        >>> import numpy as np
        >>> from triceras.utils import PyDataset
        >>> class Squares(PyDataset):
        ...     def __len__(self):
        ...         return 3
        ...     def __getitem__(self, index):
        ...         x = np.arange(4.0) + 4 * index
        ...         return x, x**2
        >>> Squares().num_batches
        3
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10):
        self._workers, self._use_multiprocessing, self._max_queue_size = workers, use_multiprocessing, max_queue_size

    @property
    def workers(self) -> int:
        """How many workers fetch batches."""
        return getattr(self, "_workers", 1)

    @workers.setter
    def workers(self, value: int) -> None:
        self._workers = value

    @property
    def use_multiprocessing(self) -> bool:
        """Whether workers are processes."""
        return getattr(self, "_use_multiprocessing", False)

    @use_multiprocessing.setter
    def use_multiprocessing(self, value: bool) -> None:
        self._use_multiprocessing = value

    @property
    def max_queue_size(self) -> int:
        """How many batches may be ready or under way."""
        return getattr(self, "_max_queue_size", 10)

    @max_queue_size.setter
    def max_queue_size(self, value: int) -> None:
        self._max_queue_size = value

    def __getitem__(self, index: int) -> Any:
        """The batch at a position: `x`, `(x, y)` or `(x, y, sample_weight)`."""
        raise NotImplementedError(f"{type(self).__name__} must define `__getitem__(self, index)`.")

    @property
    def num_batches(self) -> int | None:
        """How many batches there are; None where there is no end."""
        if hasattr(self, "__len__"):
            return len(self)
        raise NotImplementedError(
            f"{type(self).__name__} must define `__len__`, or the property `num_batches`; None stands for no end."
        )

    def on_epoch_begin(self) -> None:
        """Called before an epoch."""

    def on_epoch_end(self) -> None:
        """Called after an epoch."""


Sequence = PyDataset


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """The data of a step as `train_step` gets it, from its parts.

    Args:
        x: inputs.
        y: targets.
        sample_weight: weights of the samples.

    Returns:
        `x` alone (in a tuple where it is a list or tuple), `(x, y)` or `(x, y, sample_weight)`.

    Example:
        >>> from triceras.utils import pack_x_y_sample_weight
        >>> pack_x_y_sample_weight("x", "y")
        ('x', 'y')
    """
    if y is None and sample_weight is None:
        return (x,) if isinstance(x, (list, tuple)) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """`x`, `y` and `sample_weight` of a step's data, None where absent.

    Args:
        data: what `pack_x_y_sample_weight` gives.

    Returns:
        A tuple of three.

    Raises:
        ValueError: a tuple of more than three.

    Example:
        >>> from triceras.utils import unpack_x_y_sample_weight
        >>> unpack_x_y_sample_weight(("x", "y"))
        ('x', 'y', None)
    """
    if isinstance(data, list):
        data = tuple(data)
    if not isinstance(data, tuple):
        return data, None, None
    if 1 <= len(data) <= 3:
        return data + (None,) * (3 - len(data))
    raise ValueError(
        "Data is expected to be in format `x`, `(x,)`, `(x, y)`, or `(x, y, sample_weight)`, found: "
        f"a tuple of {len(data)}"
    )
