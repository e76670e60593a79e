"""Layers in several configurations, as expressions that mean the same here and in Keras, a file a family.

Each case: a name, an expression, the inputs' shapes (a dtype after a colon, a list for a list of inputs), and what else
the call gets (`example("2,4:bool")` for a tensor, such as a mask). `CASES` are compared with Keras. `MORE` are compared
with ourselves alone: random numbers, functions and cells in layers, and the slower ones. `DIFFERENT` tells where we
don't do as Keras does, and why: {case: {"config": {entry: reason}, "to": reason (Keras can't open our file), "from":
reason (we can't open its file)}}, and {class: reason} for one with fewer than four cases.
"""

import re

import numpy as np

from tests.layers.cases import (
    activation,
    attention,
    bridges,
    convolution,
    core,
    merging,
    normalization,
    pooling,
    recurrent,
    regularization,
    reshaping,
)
from tests.layers.cases.example import example

_MODULES = (
    core,
    activation,
    merging,
    reshaping,
    regularization,
    normalization,
    pooling,
    convolution,
    recurrent,
    attention,
    bridges,
)
FAMILIES = {module.__name__.rpartition(".")[2]: module.CASES for module in _MODULES}
CASES = [case for cases in FAMILIES.values() for case in cases]
MORE = [case for module in _MODULES for case in module.MORE]
DIFFERENT = {name: told for module in _MODULES for name, told in getattr(module, "DIFFERENT", {}).items()}


def _kind(case) -> str:
    """The class of a case's layer; layers in it count, too."""
    return " ".join(re.findall(r"layers\.(\w+)\(", case[1]))


# One case for each class of layers: the first.
ONE_EACH = list({_kind(case): case for case in reversed([*CASES, *MORE])}.values())[::-1]


def inputs_of(shapes) -> list:
    """The positional arguments of a case."""
    return [
        [example(s, i) for i, s in enumerate(shape)] if isinstance(shape, list) else example(shape) for shape in shapes
    ]


def weight(i: int, shape) -> np.ndarray:
    """A value for the i-th weight, positive so that it will do for variances."""
    return (0.6 + 0.5 * np.sin(np.arange(int(np.prod(shape))) * (0.37 + i) + i)).reshape(shape).astype("float32") * 0.5
