"""What must hold for a layer on a backend, its own or a third party's.

1. It builds at its first call, from a seed always the same; calls in inference change nothing.
2. Symbolic calls foretell shapes and dtypes, also for an unknown batch size; a functional model gives the same.
3. Under a mixed policy it computes in half precision and keeps its weights in full.
4. Masks are carried, or a warning says that they are dropped.
5. It comes back from its config, from a `.keras` file and from a weights file.
6. Moved to another backend and back, it gives the same.
7. Compiled training steps equal eager ones, and a gradient reaches every trainable weight.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from triceras import dtype_policies
from triceras.core import masks, registry, tree
from triceras.core.scope import use_backend
from triceras.core.seeds import set_random_seed
from triceras.layers.binding import unbound_class
from triceras.layers.call import signature_of

STEPS = 3


class Subject(NamedTuple):
    """A layer to be checked: how it is made, what it is called with, and where.

    Args:
        make: function that makes a fresh layer.
        inputs: NumPy arrays, or lists of them: the positional arguments.
        options: further arguments of the call.
        backend: the backend's name.
        to: the backend that the layer is moved to and back from.
        tolerance: absolute, relative to the largest number.
    """

    make: Callable[[], Any]
    inputs: tuple
    options: dict[str, Any]
    backend: str
    to: str
    tolerance: float


def check_layer(
    make: Callable[[], Any],
    *inputs: Any,
    backend: str | None = None,
    to: str = "numpy",
    tolerance: float = 2e-5,
    **options: Any,
) -> None:
    """Check all seven properties of a layer on a backend.

    Args:
        make: function without arguments that makes a fresh layer, the same each time.
        *inputs: NumPy arrays (or lists of them), the call's positional arguments; the first dimension is the batch.
        backend: name of the backend; the current one by default.
        to: name of another backend, to move the layer to and back from.
        tolerance: of numbers, relative to the largest.
        **options: further arguments of every call.

    Raises:
        AssertionError: some properties don't hold; says which, for which layer, and what was found.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> from triceras.testing import check_layer
        >>> check_layer(lambda: triceras.layers.Dense(3), np.ones((2, 4), "float32"), backend="numpy")
    """
    subject = Subject(make, inputs, options, backend or registry.current().name, to, tolerance)
    failures = []
    with use_backend(subject.backend):
        for check in (builds, symbolic, half_precision, carries_masks, comes_back, moves, trains):
            try:
                check(subject)
            except Exception as error:
                failures.append(f"{check.__name__}: {type(error).__name__}: {error}")
        name = type(make()).__name__
    assert not failures, f"{name} on {subject.backend}:\n" + "\n".join(failures)


# --- the properties ---------------------------------------------------------------------------------------------------


def builds(subject: Subject) -> None:
    """The same seed makes the same weights; calls in inference change no state."""
    layer, outputs = called(subject)
    assert layer.built, "it isn't built after its first call"
    paths = [w.path for w in layer.weights]
    assert len(set(paths)) == len(paths), f"weights of the same path: {paths}"
    before = state(layer)
    close(call(layer, subject), outputs, 0.0, "the second call's output")
    if not getattr(layer, "stateful", False):
        close(state(layer), before, 0.0, "a variable after a call in inference,")
    other, again = called(subject)
    close(other.get_weights(), layer.get_weights(), 0.0, "a weight from the same seed,")
    close(again, outputs, 0.0, "the output from the same seed,")


def symbolic(subject: Subject) -> None:
    """What specs foretell holds; the functional model of the layer gives what the layer gives."""
    layer, outputs = called(subject)
    real = tree.flatten(outputs)
    model = functional(subject, layer)
    foretold = tree.flatten(model.outputs)
    assert len(foretold) == len(real), f"{len(foretold)} symbolic outputs, {len(real)} real ones"
    for spec, x in zip(foretold, real, strict=True):
        agree = len(spec.shape) == len(x.shape) and all(
            a in (None, b) for a, b in zip(spec.shape, x.shape, strict=True)
        )
        assert agree, f"the symbolic call's shape is {spec.shape}, the real one's {tuple(x.shape)}"
        dtype = layer.backend.dtype(x)
        assert spec.dtype == dtype, f"the symbolic call's dtype is {spec.dtype}, the real one's {dtype}"
    close(tree.flatten(model(flat(subject))), real, subject.tolerance, "the functional model's output")


def half_precision(subject: Subject) -> None:
    """With `dtype="mixed_bfloat16"` floating outputs are bfloat16, and the weights stay as they are."""
    layer, outputs = called(subject)
    first = tree.flatten(outputs)[0]
    if layer.dtype_policy.name != "float32" or layer.backend.dtype(first) != layer.compute_dtype:
        return
    set_random_seed(0)
    before = dtype_policies.dtype_policy()
    dtype_policies.set_dtype_policy("mixed_bfloat16")  # of layers inside it, too
    try:
        half = subject.make()
    finally:
        dtype_policies.set_dtype_policy(before)
    found = tree.flatten(call(half, subject))[0]
    assert half.backend.dtype(found) == "bfloat16", f"the output is {half.backend.dtype(found)}, not bfloat16"
    kinds = [w.dtype for w in half.weights]
    assert kinds == [w.dtype for w in layer.weights], f"the weights became {kinds}"
    half.set_weights(layer.get_weights())
    close(tree.flatten(call(half, subject))[0], first, 6e-2, "the output in half precision,")


def carries_masks(subject: Subject) -> None:
    """A mask of the first two dimensions is carried as `compute_mask` says, or dropped with a warning."""
    layer, _ = called(subject)
    tensors = tree.map_structure(lambda x: layer.backend.convert(x.copy()), list(subject.inputs))
    first = tree.flatten(tensors)[0]
    if len(first.shape) != 3 or "mask" in subject.options or len(tensors) > 1:
        return
    for x in tree.flatten(tensors):
        steps = np.arange(np.prod(x.shape[:2])).reshape(x.shape[:2])
        masks.set(x, layer.backend.convert(steps % 3 < 2))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        outputs = layer(*tensors, **subject.options)
    dropped = any("does not support masking" in str(w.message) for w in caught)
    carries = layer.supports_masking or layer._layers_carry_masks
    assert dropped != carries, (
        "a mask was dropped without a warning" if not carries else "it warns of a mask it carries"
    )
    for x in tree.flatten(outputs):
        found = masks.get(x)
        assert found is None or tuple(found.shape) == tuple(x.shape[: len(found.shape)]), "a mask of another shape"


def comes_back(subject: Subject) -> None:
    """From its config, a `.keras` file and a weights file come layers that give the same."""
    layer, _ = called(subject)
    cls = unbound_class(type(layer))
    config = layer.get_config()
    assert cls.from_config(config).get_config() == config, "its config doesn't come back from its config"
    model = functional(subject, layer)
    expected = model(flat(subject))
    with tempfile.TemporaryDirectory() as folder:
        model.save(file := str(Path(folder, "model.keras")))
        model.save_weights(weights := str(Path(folder, "model.weights.h5")))
        from triceras.saving import load_model

        loaded = load_model(file, custom_objects={cls.__name__: cls})
        close(loaded(flat(subject)), expected, subject.tolerance, "the output of what the file gave")
        for w in loaded.trainable_weights:
            w.assign(w.numpy() * 0)
        loaded.load_weights(weights)
        close(loaded(flat(subject)), expected, subject.tolerance, "the output with the loaded weights")


def moves(subject: Subject) -> None:
    """On another backend it gives the same, also after it has come back."""
    layer, outputs = called(subject)
    kept = state(layer)
    if subject.to != subject.backend:
        close(call(layer.to_backend(subject.to), subject), outputs, subject.tolerance, f"the output on {subject.to}")
    layer.to_backend(subject.backend)
    if not getattr(layer, "stateful", False):
        close(state(layer), kept, 0.0, "a variable after moving,")
        close(call(layer, subject), outputs, 0.0, "the output after coming back")


def trains(subject: Subject) -> None:
    """Steps of SGD, compiled, equal eager ones; every trainable weight gets a finite gradient that isn't all 0."""
    if not registry.get(subject.backend).has_gradients:
        return
    eager, sizes = stepped(subject, lambda step: step)
    compiled, _ = stepped(subject, registry.get(subject.backend).jit)
    for path, size in sizes.items():
        assert np.isfinite(size), f"the gradient of {path} isn't finite"
        assert size > 0, f"no gradient reaches {path}"
    for i, (a, b) in enumerate(zip(compiled, eager, strict=True)):
        close(a, b, subject.tolerance, f"compiled: at step {i}, what")


# --- helpers ----------------------------------------------------------------------------------------------------------


def called(subject: Subject) -> tuple[Any, Any]:
    """A fresh layer from a fixed seed, and what its first call gives."""
    set_random_seed(0)
    layer = subject.make()
    return layer, call(layer, subject)


def call(layer: Any, subject: Subject) -> Any:
    return layer(*subject.inputs, **{**inference(layer), **subject.options})


def inference(layer: Any) -> dict[str, bool]:
    return {"training": False} if signature_of(type(layer).call).training else {}


def flat(subject: Subject) -> Any:
    """The inputs as a functional model takes them."""
    leaves = tree.flatten(list(subject.inputs))
    return leaves if len(leaves) > 1 else leaves[0]


def functional(subject: Subject, layer: Any) -> Any:
    from triceras.layers.input_layer import Input
    from triceras.models.functional import Functional

    fixed = getattr(layer, "stateful", False)
    symbols = tree.map_structure(
        lambda x: Input(batch_shape=x.shape if fixed else (None, *x.shape[1:]), dtype=str(x.dtype)),
        list(subject.inputs),
    )
    return Functional(tree.flatten(symbols), layer(*symbols, **subject.options))


def state(layer: Any) -> list[np.ndarray]:
    return [v.numpy() for v in layer.variables]


def stepped(subject: Subject, transform: Callable) -> tuple[list[Any], dict[str, float]]:
    """Losses and variables at each of some training steps, and the largest gradient of each trainable weight."""
    from triceras import ops

    layer, _ = called(subject)
    training = {"training": True} if inference(layer) else {}
    variables = layer.trainable_variables
    value_and_grad = layer.backend.value_and_grad

    def loss(*inputs: Any) -> Any:
        leaves = [ops.cast(x, "float32") for x in tree.flatten(layer(*inputs, **{**training, **subject.options}))]
        # Weighted unevenly, so that normalized outputs have slopes, too.
        weighted = (ops.multiply(x, ops.add(ops.cos(ops.add(x, _ramp(x))), 2.0)) for x in leaves)
        return sum((ops.sum(x) for x in weighted), ops.zeros(()))

    def step(*inputs: Any) -> tuple[Any, list[Any]]:
        if not variables:
            return loss(*inputs), []
        value, slopes = value_and_grad(lambda: loss(*inputs), variables)()
        slopes = [
            ops.zeros(v.shape) if g is None else ops.convert_to_tensor(g)
            for v, g in zip(variables, slopes, strict=True)
        ]
        for v, g in zip(variables, slopes, strict=True):
            v.assign_sub(ops.cast(ops.multiply(g, 1e-3), v.dtype))
        return value, slopes

    run, inputs = transform(step), tree.map_structure(layer.backend.convert, list(subject.inputs))
    found, sizes = [], {}
    for _ in range(STEPS):
        value, slopes = run(*inputs)
        found.append([value, *state(layer)])
        for v, g in zip(variables, slopes, strict=True):
            largest = np.abs(ops.convert_to_numpy(ops.cast(g, "float32"))).max(initial=0.0)
            sizes[v.path] = np.maximum(sizes.get(v.path, 0.0), largest)  # keeps a NaN
    return found, sizes


def _ramp(x: Any) -> np.ndarray:
    return np.linspace(0, 1, int(np.prod(x.shape)), dtype="float32").reshape(tuple(x.shape))


def close(found: Any, expected: Any, tolerance: float, what: str) -> None:
    """Fail unless two trees hold the same numbers."""
    found, expected = ([numbers(x) for x in tree.flatten(t)] for t in (found, expected))
    assert len(found) == len(expected), f"{what} has {len(found)} parts instead of {len(expected)}"
    for a, b in zip(found, expected, strict=True):
        assert a.shape == b.shape, f"{what} has shape {a.shape} instead of {b.shape}"
        distance = np.abs(a - b).max(initial=0.0)
        limit = tolerance * max(1.0, np.abs(b).max(initial=0.0))
        assert distance <= limit, f"{what} differs by {distance:.1e} (allowed {limit:.1e})"


def numbers(x: Any) -> np.ndarray:
    backend = registry.backend_of(x)
    return np.asarray(x if backend is None else backend.to_numpy(x)).astype("float64")
