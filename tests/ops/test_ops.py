"""Every op on every backend: values, specs, bodies, compiled code, gradients."""

import warnings

import pytest

from triceras.ops.op import OPS
from triceras.testing.op_suite import check_op
from triceras.testing.samples import CASES

CONTROL = {
    "associative_scan",
    "cond",
    "fori_loop",
    "map",
    "scan",
    "stop_gradient",
    "switch",
    "vectorized_map",
    "while_loop",
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_op(name, backend):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_op(name, backend)


def test_every_op_has_samples():
    assert set(OPS) - set(CASES) == CONTROL | {"random_uniform", "random_normal"}
    assert min(len(case.samples) for case in CASES.values()) >= 5
