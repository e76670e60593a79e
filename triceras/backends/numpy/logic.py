"""NumPy functions of the ops in `ops/logic.py`."""

import numpy as np

from triceras.backends.numpy.math import quiet

equal, not_equal, less, less_equal, greater, greater_equal = map(
    quiet, (np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal)
)
logical_and, logical_or, logical_xor, logical_not = np.logical_and, np.logical_or, np.logical_xor, np.logical_not
any, all = np.any, np.all


def where(condition, x1=None, x2=None):
    if x1 is None:
        return tuple(i.astype(np.int32) for i in np.nonzero(condition))
    return np.where(condition, x1, x2)
