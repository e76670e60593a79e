"""Classes: codes of them, and the cross-entropy of predictions."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.backends.sparse import sparse_codes
from triceras.core import config, dtypes
from triceras.ops.op import composite
from triceras.ops.rules import Rule, float_, normalize_axis, reduced


def _one_hot(x: Any, num_classes: int, axis: int, dtype: Any, sparse: bool) -> Any:
    sizes = list(x.shape)
    sizes.insert(axis, num_classes)
    return tuple(sizes)


def _code_axis(bound: dict[str, Any]) -> None:
    bound["axis"] = normalize_axis(bound["axis"], len(bound["x"].shape) + 1)


_codes = Rule(_one_hot, lambda d: (("int64" if d == "int64" else "int32",), None), ("x",), _code_axis)


@composite(_codes)
def one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False) -> Any:
    """A vector with a single 1 for each integer; all zeros where it is out of range.

    Args:
        x: integers.
        num_classes: the vectors' size.
        axis: where their axis goes.
        dtype: standard name, default `floatx`.
        sparse: whether the result is a sparse tensor, where the backend has such.

    Example:
        >>> from triceras import ops
        >>> ops.convert_to_numpy(ops.one_hot([1, 0], 3)).tolist()
        [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
    """
    if sparse:
        return sparse_codes(x, num_classes, axis, dtype)
    classes = ops.arange(num_classes, dtype=ops.dtype(x))
    classes = ops.reshape(classes, [num_classes if i == axis else 1 for i in range(len(x.shape) + 1)])
    return ops.cast(ops.equal(ops.expand_dims(x, axis), classes), dtype)


@composite
def multi_hot(
    inputs: Any, num_classes: int | None = None, axis: int = -1, dtype: Any = None, sparse: bool = False, **kwargs: Any
) -> Any:
    """One vector for each row of integers, with a 1 for each integer that occurs in it.

    Args:
        inputs: integers of shape `(n,)` or `(batch, n)`; those out of range are left out.
        num_classes: the vectors' size.
        axis: where their axis goes.
        dtype: standard name, default `floatx`.
        sparse: whether the result is a sparse tensor, where the backend has such.
        **kwargs: `num_tokens`, an old name of `num_classes`.
    """
    num_classes = kwargs.get("num_tokens", num_classes)
    if num_classes is None:
        raise ValueError("ops.multi_hot: argument num_classes must be an int; got None.")
    codes = one_hot(inputs, num_classes, axis=axis, dtype=dtype, sparse=sparse)
    ndim = len(codes.shape)
    rows = 1 if ndim > 2 and axis % ndim != 1 else 0 if ndim == 2 else 2
    return ops.sign(ops.sum(codes, axis=rows)) if sparse else ops.max(codes, axis=rows, initial=0)


def _pair_shape(target: Any, output: Any, **rest: Any) -> Any:
    pairs = zip(target.shape, output.shape, strict=False)
    if len(target.shape) != len(output.shape) or any(a != b and None not in (a, b) for a, b in pairs):
        raise ValueError(f"target and output must have the same shape; got {target.shape} and {output.shape}.")
    return output.shape


@composite(Rule(_pair_shape, float_, ("target", "output"), lambda bound: _pair_shape(**bound)))
def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """The cross-entropy of probabilities with binary targets, element-wise.

    Args:
        target: a tensor of numbers between 0 and 1.
        output: probabilities, or with `from_logits` their logits, of the same shape.
        from_logits: which of them.
    """
    if from_logits:
        yes, no = (
            ops.softplus(ops.negative(output)),
            ops.softplus(output),
        )  # the right gradient at 0 too, on each backend
        return ops.add(ops.multiply(target, yes), ops.multiply(ops.subtract(1.0, target), no))
    output = _inside(output)
    yes = ops.multiply(target, ops.log(output))
    no = ops.multiply(ops.subtract(1.0, target), ops.log(ops.subtract(1.0, output)))
    return ops.negative(ops.add(yes, no))


def _inside(probabilities: Any) -> Any:
    """Probabilities kept away from 0 and 1, so that their logarithms are finite."""
    low = max(config.epsilon(), dtypes.machine_epsilon(probabilities.dtype) / 2)
    return ops.clip(probabilities, low, 1.0 - low)


def _class_axis(bound: dict[str, Any]) -> None:
    ndim = len(bound["output"].shape)
    if not ndim:
        raise ValueError("argument output must have at least one dimension; got a scalar.")
    bound["axis"] = normalize_axis(bound["axis"], ndim)


def _without_classes(target: Any, output: Any, from_logits: bool, axis: int) -> Any:
    return reduced(output.shape, axis, False)


def _log_probabilities(output: Any, from_logits: bool, axis: int) -> Any:
    if from_logits:
        return ops.log_softmax(output, axis=axis)
    return ops.log(_inside(ops.divide(output, ops.sum(output, axis=axis, keepdims=True))))


def _classes(bound: dict[str, Any]) -> None:
    _class_axis(bound)
    _pair_shape(**bound)


@composite(Rule(_without_classes, float_, ("target", "output"), _classes))
def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """The cross-entropy of class probabilities with one-hot targets.

    Args:
        target: a tensor with probabilities along `axis`.
        output: probabilities (scaled to add up to 1), or with `from_logits` logits, of the same shape.
        from_logits: which of them.
        axis: the classes.

    Returns:
        A tensor without that axis.
    """
    return ops.negative(ops.sum(ops.multiply(target, _log_probabilities(output, from_logits, axis)), axis=axis))


def _labels(bound: dict[str, Any]) -> None:
    _class_axis(bound)
    output, axis = tuple(bound["output"].shape), bound["axis"]
    target, expected = tuple(bound["target"].shape), reduced(output, axis, False)
    if len(target) == len(output) and target[axis] == 1:
        bound["target"], target = ops.squeeze(bound["target"], axis=axis), reduced(target, axis, False)
    pairs = zip(target, expected, strict=False)
    if len(target) != len(expected) or any(a != b and None not in (a, b) for a, b in pairs):
        raise ValueError(f"target must have output's shape without the classes, {expected}; got {target}.")


@composite(Rule(_without_classes, lambda t, o: (("int32", float_(o)[1]), float_(o)[1]), ("target", "output"), _labels))
def sparse_categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """The cross-entropy of class probabilities with integer targets.

    Args:
        target: class numbers, of the shape of `output` without `axis` (or with size 1 there).
        output: probabilities (scaled to add up to 1), or with `from_logits` logits.
        from_logits: which of them.
        axis: the classes.

    Returns:
        A tensor of the targets' shape.
    """
    logs = _log_probabilities(output, from_logits, axis)
    codes = one_hot(target, ops.shape(logs)[axis], axis=axis, dtype=ops.dtype(logs))
    return ops.negative(ops.sum(ops.multiply(codes, logs), axis=axis))
