"""The five things that must hold for an op on a backend, checked from the op's `Case` in `samples`.

1. Its values equal the NumPy reference's.
2. The rule's spec has the shape and dtype of the result, also where sizes are unknown.
3. Compiled code gives the same.
4. A composite's body gives what the backend's own function gives.
5. The gradient is finite and equals the slope of the reference.

A plug-in's tests call `check_op(name, backend)` for every name in `samples.CASES`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from triceras.core import registry, tree
from triceras.core.scope import use_backend
from triceras.core.spec import Spec
from triceras.ops.op import OPS, Op, ready, within
from triceras.testing.samples import CASES, Case, Sample

HALF = {"float16": 2e-3, "bfloat16": 2e-2}  # relative tolerance where a result has few digits


def check_op(name: str, backend: str) -> None:
    """Check all five properties of an op.

    Args:
        name: an op that has a case.
        backend: the backend's name.

    Raises:
        AssertionError: some don't hold; says which, for which sample, and what was found.
    """
    op, case, home = OPS[name], CASES[name], registry.get(backend)
    failures = []
    with use_backend(backend):
        for check in (eager, compiled, gradient):
            try:
                check(op, case, home)
            except Exception as error:
                failures.append(f"{check.__name__}: {type(error).__name__}: {error}")
    assert not failures, f"ops.{name} on {backend}:\n" + "\n".join(failures)


# --- the properties ---------------------------------------------------------------------------------------------------


def eager(op: Op, case: Case, backend: Any) -> None:
    """Eager code gives what the reference gives, in the shapes and dtypes that the rule foretells.

    Where the op works in compiled code, one sample will do: all of them run in one compiled program, which is ten times
    as fast on a backend that compiles eager code op by op.
    """
    for sample in case.samples[: 1 if case.jit else None]:
        _compare(op, case, sample, run(op, sample, backend), backend)


def compiled(op: Op, case: Case, backend: Any) -> None:
    """So does compiled code, and so does a composite's body where the backend has a function of its own."""
    functions = [op, *_bodies(op, case, backend)]

    def every(tensors: list[list[Any]]) -> list[Any]:
        filled = [s.filled(arrays) for s, arrays in zip(case.samples, tensors, strict=True)]
        return [[function(*s.args, **s.kwargs) for s in filled] for function in functions]

    inputs = [[backend.convert(x) for x in s.arrays] for s in case.samples]
    for found, who in zip((backend.jit(every) if case.jit else every)(inputs), ("the op", "its body"), strict=False):
        for sample, result in zip(case.samples, found, strict=True):
            try:
                _compare(op, case, sample, result, backend)
            except AssertionError as error:
                raise AssertionError(f"{who}: {error}") from None


def _bodies(op: Op, case: Case, backend: Any) -> list[Callable]:
    if op.body is None or backend.find(op.name) is None or not case.same_body:
        return []
    plain = within(backend, op.body)
    return [plain if op.rule is None else ready(op, backend, plain)]


def _compare(op: Op, case: Case, sample: Sample, found: Any, backend: Any) -> None:
    same(found, case.reference(*sample.args, **sample.kwargs), case, sample, backend)
    results = [backend.spec(x) for x in tree.flatten(found)]
    for unknown in (False, True) if case.static else ():
        arguments = mapped(lambda x, hide=unknown: _spec(x, hide, backend), sample)
        foretold = tree.flatten(op.spec(*arguments.args, **arguments.kwargs))
        assert len(foretold) == len(results), f"{sample}: the rule gives {len(foretold)} results, found {len(results)}"
        for want, got in zip(foretold, results, strict=True):
            assert _agree(want.shape, got.shape, unknown), f"{sample}: the rule's shape {want.shape}, found {got.shape}"
            dtype = backend.canonical_dtype(want.dtype)
            assert dtype == got.dtype or op.name == "random_bits", f"{sample}: the rule's {dtype}, found {got.dtype}"


def gradient(op: Op, case: Case, backend: Any) -> None:
    """The gradient with respect to every floating input is the slope of the reference."""
    if not case.gradient or not backend.has_gradients:
        return
    samples = [s for s in case.samples if s.differentiable][: case.gradients]
    places = [(k, i) for k, s in enumerate(samples) for i, x in enumerate(s.arrays) if _varies(x)]
    weights = [_weights(case.reference(*s.args, **s.kwargs)) for s in samples]

    def loss(*floats: Any) -> Any:
        arrays = [[backend.convert(x) for x in s.arrays] for s in samples]
        for (k, i), x in zip(places, floats, strict=True):
            arrays[k][i] = x
        filled = [s.filled(a) for s, a in zip(samples, arrays, strict=True)]
        return _weighted_sum([op(*s.args, **s.kwargs) for s in filled], weights)

    differentiated = backend.value_and_grad(loss, argnums=tuple(range(len(places))))
    inputs = [backend.convert(samples[k].arrays[i]) for k, i in places]
    _, gradients = (backend.jit(differentiated) if case.jit else differentiated)(*inputs)
    for (k, i), found in zip(places, gradients, strict=True):
        want = slope(case.reference, samples[k], i, weights[k])
        got = np.asarray(backend.to_numpy(found), np.float64)
        scale = max(1.0, np.abs(want).max(initial=0.0))
        where = f"{samples[k]}: the gradient of input {i} is\n{got}"
        assert np.isfinite(got).all(), f"{where}\nwhich isn't finite"
        assert np.allclose(got, want, rtol=1e-2, atol=1e-3 * scale), f"{where}\nnot\n{want}"


# --- helpers ----------------------------------------------------------------------------------------------------------


def run(op: Op, sample: Sample, backend: Any) -> Any:
    """The op on a sample whose arrays are tensors of the backend."""
    arguments = mapped(backend.convert, sample)
    return op(*arguments.args, **arguments.kwargs)


def mapped(change: Callable, sample: Sample) -> Sample:
    """A sample with something else in place of each array."""
    return sample.filled([change(x) for x in sample.arrays])


def same(found: Any, expected: Any, case: Case, sample: Sample, backend: Any) -> None:
    """Fail unless two trees of tensors and arrays hold the same values."""
    found = [np.asarray(backend.to_numpy(x)) for x in tree.flatten(found)]
    expected = [np.asarray(x) for x in tree.flatten(expected)]
    assert len(found) == len(expected), f"{sample}: {len(found)} results instead of {len(expected)}"
    for got, want in zip(found, expected, strict=True):
        assert got.shape == want.shape, f"{sample}: shape {got.shape} instead of {want.shape}"
        if got.dtype == object or want.dtype.kind in "US":
            continue
        tolerance = max(
            case.tolerance, HALF.get(str(got.dtype), 0.0), *(HALF.get(str(x.dtype), 0.0) for x in sample.arrays), 0.0
        )
        kind = np.complex128 if "c" in (got.dtype.kind, want.dtype.kind) else np.float64
        got, want = got.astype(kind), want.astype(kind)
        close = np.allclose(got, want, rtol=tolerance, atol=tolerance, equal_nan=True)
        assert close, f"{sample}:\n{got}\ninstead of\n{want}"


def slope(reference: Callable, sample: Sample, place: int, weights: Any, step: float = 1e-6) -> np.ndarray:
    """Central differences of the weighted sum of a reference's results, in double precision."""
    arrays = [np.asarray(x, np.float64) if _varies(x) else x for x in sample.arrays]
    result = np.zeros(arrays[place].shape)
    for i in np.ndindex(*result.shape):
        ends = []
        for sign in (1, -1):
            moved = arrays[place].copy()
            moved[i] += sign * step
            filled = sample.filled([moved if j == place else x for j, x in enumerate(arrays)])
            outputs = tree.flatten(reference(*filled.args, **filled.kwargs))
            ends.append(
                sum(float(np.sum(np.asarray(y, np.float64) * w)) for y, w in zip(outputs, weights, strict=True))
            )
        result[i] = (ends[0] - ends[1]) / (2 * step)
    return result


def _weights(outputs: Any) -> list[np.ndarray]:
    """Fixed weights for each floating result, so that gradients don't cancel; 0 for what has no gradient."""
    generator = np.random.default_rng(0)
    outputs = [np.asarray(y) for y in tree.flatten(outputs)]
    return [generator.uniform(0.5, 1.5, y.shape) * (y.dtype.kind == "f") for y in outputs]


def _weighted_sum(outputs: list[Any], weights: list[list[np.ndarray]]) -> Any:
    from triceras import ops

    total = ops.zeros(())
    for y, w in zip(tree.flatten(outputs), [w for ws in weights for w in ws], strict=True):
        if w.any():
            total = ops.add(total, ops.sum(ops.multiply(y, w.astype("float32"))))
    return total


def _varies(x: Any) -> bool:
    return x.dtype == np.float32


def _spec(x: np.ndarray, hide: bool, backend: Any) -> Spec:
    spec = backend.spec(backend.convert(x))
    return Spec((None, *spec.shape[1:]), spec.dtype) if hide and spec.shape else spec


def _agree(want: Any, got: Any, unknown: bool) -> bool:
    if len(want) != len(got):
        return False
    return all(a == b or (a is None and unknown) for a, b in zip(want, got, strict=True))
