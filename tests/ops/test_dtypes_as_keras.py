"""The dtypes of results: every op of one or two tensors, every pair of dtypes, against real Keras."""

import itertools

import pytest

from tests.oracle import run_keras
from triceras import ops, tree
from triceras.core.spec import Spec
from triceras.ops.op import OPS

pytestmark = pytest.mark.oracle

KINDS = ["bool", "int8", "uint8", "int32", "uint32", "int64", "float16", "bfloat16", "float32"]
NUMBERS = ["int", "float"]
CODE = """
def make(kind):
    return {"int": 2, "float": 2.0}[kind] if kind in ("int", "float") else keras.ops.cast(keras.ops.ones((2, 2)), kind)

def dtypes(name, *kinds):
    try:
        found = getattr(keras.ops, name)(*map(make, kinds))
        return [keras.backend.standardize_dtype(x.dtype) for x in (found if isinstance(found, (tuple, list)) else [found])]
    except Exception:
        return None

result = {"|".join(call): dtypes(*call) for call in calls}
"""


# What differs on purpose: the reason, the ops, and a test of the dtypes that go in and Keras's that come out.
DIFFERENT = {
    "Python numbers don't vote, as in Keras's other ops": (
        "arctan2 dot fmod gcd heaviside hypot inner kron lcm logaddexp logaddexp2 mod nextafter outer",
        lambda kinds, theirs: kinds[-1] in NUMBERS,
    ),
    "64-bit integers become floatx, as in Keras's other ops": (
        "cbrt corrcoef deg2rad heaviside hypot i0 rad2deg",
        lambda kinds, theirs: theirs == ["float64"],
    ),
    "products of int8 are kept in int32, as in matmul": ("tensordot", lambda kinds, theirs: theirs == ["int8"]),
    "parts of complex numbers are floats": ("view_as_real", lambda kinds, theirs: "float" not in theirs[0]),
    "the number of results depends on values": ("nonzero", lambda kinds, theirs: True),
}


def _of(*tensors):
    """The ops whose only needed arguments are these tensors."""
    for name, op in sorted(OPS.items()):
        needed = [p.name for p in op.signature.parameters.values() if p.default is p.empty]
        if op.namespace == "ops" and op.rule is not None and op.rule.tensors == tensors and needed == list(tensors):
            if hasattr(ops, name):
                yield name


def calls():
    yield from itertools.product(_of("x"), KINDS)
    for name in _of("x1", "x2"):
        yield from ((name, a, b) for a, b in itertools.product(KINDS, KINDS + NUMBERS))


def _ours(name, *kinds):
    arguments = [{"int": 2, "float": 2.0}.get(kind) or Spec((2, 2), kind) for kind in kinds]
    try:
        found = getattr(ops, name)(*arguments)
    except (TypeError, ValueError) as error:
        return str(error)
    return [x.dtype for x in tree.flatten(found)]


def _excuse(name, kinds, theirs):
    for reason, (names, applies) in DIFFERENT.items():
        if name in names.split() and applies(kinds, theirs):
            return reason, name
    return None


def test_dtypes_are_those_of_keras():
    listed = list(calls())
    found = run_keras(CODE, "tensorflow", calls=[list(call) for call in listed])
    different, excused, compared = [], set(), 0
    for name, *kinds in listed:
        theirs = found["|".join([name, *kinds])]
        if theirs is None:  # TensorFlow has no kernel for it
            continue
        compared += 1
        ours = _ours(name, *kinds)
        if ours == theirs:
            continue
        excuse = _excuse(name, kinds, theirs)
        excused.add(excuse)
        if excuse is None:
            different.append(f"{name} {' '.join(kinds)}: {ours}, Keras {theirs}")
    assert not different, f"{len(different)} of {compared}:\n" + "\n".join(different)
    assert excused == {(reason, name) for reason, (names, _) in DIFFERENT.items() for name in names.split()}
    assert compared > 4_500
