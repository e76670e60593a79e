"""LoRA: a frozen weight with a trainable product of two thin ones added. Hu et al., 2021.

The layer's attribute (`kernel`) becomes a `LowRank`, which is read like any variable, so the layer's `call` stays as it
is. Files hold the sum: they open without adapters, too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from triceras import ops
from triceras.core.operators import Operators
from triceras.core.variable import Variable


class LowRank(Operators):
    """Stands for a variable in a layer's call and in files: `base + scaling * (a @ b)`.

    Args:
        base: the frozen weight.
        a: `(*base.shape[:-1], rank)`.
        b: `(rank, base.shape[-1])`.
        scaling: number.
    """

    def __init__(self, base: Variable, a: Variable, b: Variable, scaling: float):
        self.base, self.a, self.b, self.scaling = base, a, b, scaling

    backend = property(lambda self: self.base.backend)
    shape = property(lambda self: self.base.shape)
    dtype = property(lambda self: self.base.dtype)
    name = property(lambda self: self.base.name)
    path = property(lambda self: self.base.path)
    trainable = property(lambda self: self.base.trainable)

    @property
    def value(self) -> Any:
        """The sum, as a tensor."""
        return ops.add(self.base.value, difference(self.a, self.b, self.scaling))

    def numpy(self) -> np.ndarray:
        """The sum as a NumPy array."""
        return self.backend.to_numpy(self.value)

    def assign(self, value: Any) -> None:
        """Make the sum this: the frozen weight takes all of it, and the product begins at zero again."""
        self.base.assign(value)
        self.b.assign(ops.zeros_like(self.b))

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.asarray(self.numpy(), dtype=dtype)


def difference(a: Any, b: Any, scaling: float) -> Any:
    """What an adapter adds to its weight."""
    return ops.multiply(ops.matmul(a, b), scaling)


def enable(layer: Any, rank: int, alpha: float | None, a_initializer: Any, b_initializer: Any) -> None:
    """Give a layer an adapter: see `Adaptable.enable_lora`."""
    name = layer._adapted
    if not layer.built:
        raise ValueError(f"Cannot enable lora on a layer that isn't yet built. Layer '{layer.path}' isn't.")
    if layer.lora_enabled:
        raise ValueError(f"lora is already enabled. This can only be done once per layer. Layer: '{layer.path}'")
    if getattr(layer, f"{name}_constraint", None) is not None:
        raise ValueError(
            f"Lora is incompatible with {name} constraints. In order to enable lora on this layer, remove the "
            f"`{name}_constraint` argument. Layer: '{layer.path}'"
        )
    if isinstance(rank, bool) or not isinstance(rank, int) or rank < 1:
        raise ValueError(f"`rank` must be a positive integer. Received: rank={rank}")
    base = getattr(layer, name)
    layer._variables_of_its_own()  # notes their order, which stays when one is frozen
    thin = {"a": ((*base.shape[:-1], rank), a_initializer), "b": ((rank, base.shape[-1]), b_initializer)}
    for key, (shape, initializer) in thin.items():
        variable = layer.add_weight(
            shape,
            initializer,
            regularizer=getattr(layer, f"{name}_regularizer"),
            name=f"lora_{name}_{key}",
        )
        variable.path = f"{layer.path}/{variable.name}"
        setattr(layer, variable.name, variable)
    layer.lora_rank, layer.lora_alpha, layer.lora_enabled = rank, rank if alpha is None else alpha, True
    if layer.quantization_mode is None:
        base.trainable = False
        setattr(layer, name, LowRank(base, *adapter(layer)))
    rewired(layer)


def rewired(layer: Any) -> None:
    """What was compiled for a layer computes what it did before."""
    if layer._settled:
        from triceras.training.steps import forget_all

        forget_all()


def adapter(layer: Any) -> tuple[Variable, Variable, float]:
    """A layer's thin weights, and how often their product counts."""
    a, b = (getattr(layer, f"lora_{layer._adapted}_{key}") for key in "ab")
    return a, b, layer.lora_alpha / layer.lora_rank


def merged_variables(layer: Any) -> list[Any]:
    """What a file holds of a layer with an adapter: the sum in place of the weight."""
    merged = getattr(layer, layer._adapted)
    thin = adapter(layer)[:2]
    own = [v for v in layer._variables_of_its_own() if all(v is not x for x in thin)]
    return [merged if v is merged.base else v for v in own]


# --- adapters of a model --------------------------------------------------------------------------------------------


def _adapted_layers(model: Any) -> list[Any]:
    return [layer for layer in model._flatten_layers() if getattr(layer, "lora_enabled", False)]


def merge_lora(model: Any) -> None:
    """Add the adapters of a layer or model to its frozen weights, and let them begin at zero again.

    Args:
        model: a layer or model; its outputs stay the same.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> from triceras.quantization import merge_lora
        >>> layer = triceras.layers.Dense(3, lora_rank=1)
        >>> layer.build((None, 2))
        >>> layer.lora_kernel_b.assign([[1.0, 2.0, 3.0]])
        >>> before = layer.kernel.numpy()
        >>> merge_lora(layer)
        >>> bool(np.allclose(layer.kernel.numpy(), before)), layer.lora_kernel_b.numpy().tolist()
        (True, [[0.0, 0.0, 0.0]])
    """
    for layer in _adapted_layers(model):
        variables = layer._variables_in_files()
        for variable, value in zip(variables, [v.numpy() for v in variables], strict=True):
            variable.assign(value)


def get_adapters(model: Any) -> dict[str, dict[str, np.ndarray]]:
    """The adapters of a layer or model, to be kept apart from what they adapt.

    Args:
        model: a layer or model.

    Returns:
        Dict from the layers' paths to `{"a": …, "b": …, "alpha": …}`.
    """
    found = {}
    for layer in _adapted_layers(model):
        a, b, _ = adapter(layer)
        found[layer.path] = {"a": a.numpy(), "b": b.numpy(), "alpha": layer.lora_alpha}
    return found


def set_adapters(model: Any, adapters: dict[str, dict[str, Any]]) -> None:
    """Put adapters that `get_adapters` gave onto a model with layers of the same paths.

    Args:
        model: a layer or model; layers without an adapter get one.
        adapters: see `get_adapters`.

    Raises:
        ValueError: a path that the model doesn't have, or whose layer has no weight of that shape.

    Example:
        >>> import triceras
        >>> from triceras import layers
        >>> from triceras.quantization import get_adapters, set_adapters
        >>> make = lambda: triceras.Sequential([triceras.Input((2,)), layers.Dense(3, name="out")], name="net")
        >>> tuned, other = make(), make()
        >>> tuned.layers[0].enable_lora(1)
        >>> set_adapters(other, get_adapters(tuned))
        >>> other.layers[0].lora_rank
        1
    """
    layers = {layer.path: layer for layer in model._flatten_layers() if hasattr(layer, "enable_lora")}
    if unknown := sorted(set(adapters) - set(layers)):
        raise ValueError(f"The model has no layers {unknown} that take adapters. It has: {sorted(layers)}")
    for path, given in adapters.items():
        layer = layers[path]
        if not layer.lora_enabled:
            layer.enable_lora(np.shape(given["b"])[0], given["alpha"])
        a, b, _ = adapter(layer)
        a.assign(given["a"])
        b.assign(given["b"])
