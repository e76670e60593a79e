"""Class weights as sample weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from triceras.core import config, registry, tree
from triceras.utils.data import pack_x_y_sample_weight, unpack_x_y_sample_weight


def class_to_sample_weights(y: Any, class_weight: dict[int, float]) -> np.ndarray:
    """The weight of each sample's class.

    Args:
        y: class numbers of shape (n,) or (n, 1), or one-hot rows (n, classes).
        class_weight: weights by class number; classes that it lacks weigh 1.

    Raises:
        ValueError: several outputs, or `class_weight` isn't a dict.
    """
    if not isinstance(class_weight, dict):
        raise ValueError(f"`class_weight` must be a dict from class numbers to weights. Received: {class_weight!r}")
    if y is None or tree.is_nested(y):
        raise ValueError("`class_weight` is only supported for Models with a single output and with targets `y`.")
    backend = registry.backend_of(y)
    y = np.asarray(y) if backend is None else backend.to_numpy(y)
    if y.ndim > 1:
        y = y.argmax(-1) if y.shape[-1] > 1 else y[..., 0]
    classes = np.round(y).astype("int64")
    weights = np.ones(classes.shape, config.floatx())
    for number, weight in class_weight.items():
        weights[classes == int(number)] = weight
    return weights


def add_class_weights(batch: Any, class_weight: dict[int, float]) -> tuple:
    """A batch with the sample weights that its classes have.

    Raises:
        ValueError: the batch has sample weights already.
    """
    x, y, sample_weight = unpack_x_y_sample_weight(batch)
    if sample_weight is not None:
        raise ValueError("You cannot `class_weight` and `sample_weight` at the same time.")
    return pack_x_y_sample_weight(x, y, class_to_sample_weights(y, class_weight))
