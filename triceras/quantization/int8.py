"""Layers whose large weights are int8: how they are quantized, and what such a layer computes.

`x @ kernel` becomes `(q(x) @ q(kernel)) / (scale(x) * scale(kernel))`. The product of the integers is taken in float32:
it is exact below 1,040 terms and good to 1e-7 beyond, and CPUs multiply floats ten to five hundred times as fast as the
int8 products of NumPy, torch and TensorFlow.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, singledispatch
from typing import Any, NamedTuple

from triceras import activations, ops
from triceras.core.operators import Operators
from triceras.layers.core import Dense
from triceras.layers.einsum_dense import EinsumDense, letters
from triceras.layers.embedding import Embedding, ReversibleEmbedding
from triceras.quantization import lora
from triceras.quantization.configs import QuantizationConfig
from triceras.quantization.quantizers import AbsMaxQuantizer


class Weight(NamedTuple):
    """A weight that is quantized.

    Args:
        name: the attribute that holds it; its scale is in `<name>_scale`.
        axes: the numbers along these share a scale.
        arrange: from a scale of size 1 along the axes to the shape that is kept.
        restore: from that to the shape before.
    """

    name: str
    axes: tuple[int, ...]
    arrange: Callable[[Any], Any]
    restore: Callable[[Any], Any]


def _along(name: str, axis: int) -> Weight:
    """A weight with a scale for all numbers along one axis, which is kept without that axis."""
    return Weight(name, (axis,), partial(ops.squeeze, axis=axis), partial(ops.expand_dims, axis=axis))


@singledispatch
def weights(layer: Any) -> list[Weight]:
    """What is quantized in a layer."""
    raise NotImplementedError(f"Layer {type(layer).__name__} does not have a `quantize` method implemented.")


@singledispatch
def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
    """What a quantized layer computes."""
    raise NotImplementedError(f"Layer {type(layer).__name__} does not have a quantized call.")


# --- weights --------------------------------------------------------------------------------------------------------


def quantized(weight: Weight, value: Any, config: Any) -> tuple[Any, Any]:
    """The integers and the scale of a weight's value."""
    quantizer = QuantizationConfig.weight_quantizer_or_default(config, AbsMaxQuantizer(weight.axes))
    integers, scale = quantizer(value)
    return integers, weight.arrange(scale)


def replace_weights(layer: Any, config: Any) -> None:
    """Put int8 weights in the place of a layer's floats."""
    layer.inputs_quantizer = QuantizationConfig.activation_quantizer_or_default(config, AbsMaxQuantizer())
    for weight in weights(layer):
        variable = getattr(layer, weight.name)
        variable = getattr(variable, "base", variable)  # an adapter stays what it is
        made = zip((weight.name, f"{weight.name}_scale"), quantized(weight, variable.value, config), strict=True)
        layer._own_variables.remove(variable)
        for name, value in made:
            dtype = "int8" if name == weight.name else layer.variable_dtype
            kept = layer.add_weight(value.shape, _given(value), dtype, trainable=False, autocast=False, name=name)
            kept.path = f"{layer.path}/{name}"
            setattr(layer, name, kept)


def _given(value: Any) -> Callable[..., Any]:
    return lambda shape, dtype: ops.convert_to_numpy(value)


class Requantized(Operators):
    """Stands for a quantized weight, or its scale, in the file of a layer with an adapter, which it is merged with.

    Args:
        variable: what holds the value without the adapter.
        compute: gives the value with it.
        b: what is zero once the adapter is merged.
    """

    def __init__(self, variable: Any, compute: Callable[[], Any], b: Any):
        self.variable, self.compute, self.b = variable, compute, b
        self.name, self.path, self.shape = variable.name, variable.path, variable.shape

    def numpy(self) -> Any:
        return ops.convert_to_numpy(self.compute())

    def assign(self, value: Any) -> None:
        self.variable.assign(value)
        self.b.assign(ops.zeros_like(self.b))


def variables_in_files(layer: Any) -> list[Any]:
    """What a file holds of a quantized layer: weight, bias, scale; the adapter is merged with the weight."""
    kinds = weights(layer)
    found = {w.name: getattr(layer, w.name) for w in kinds[:1]}
    if getattr(layer, "bias", None) is not None:
        found["bias"] = layer.bias
    for w in kinds:
        found.update({name: getattr(layer, name) for name in (w.name, f"{w.name}_scale")})
    if layer.lora_enabled:
        w, b = kinds[0], lora.adapter(layer)[1]
        for i, name in enumerate((w.name, f"{w.name}_scale")):
            found[name] = Requantized(found[name], partial(_merged, layer, w, i), b)
    return list(found.values())


def _merged(layer: Any, weight: Weight, which: int) -> Any:
    value, scale = getattr(layer, weight.name), getattr(layer, f"{weight.name}_scale")
    floats = ops.divide(ops.cast(value, layer.variable_dtype), weight.restore(scale))
    return quantized(weight, ops.add(floats, lora.difference(*lora.adapter(layer))), layer.quantization_config)[which]


# --- products -------------------------------------------------------------------------------------------------------


def product(
    multiply: Callable[[Any, Any], Any],
    inputs: Any,
    integers: Any,
    scale: Any,
    quantizer: Any,
    axes: tuple[int, ...] = (-1,),
    arrange: Callable[[Any], Any] = lambda scale: scale,
) -> Any:
    """The product of inputs with an int8 weight, in the dtype of the inputs.

    Its gradient is that of the product with `integers / scale`, as if the inputs weren't rounded.

    Args:
        multiply: the product of two float tensors.
        inputs: floats.
        integers: the weight.
        scale: its scale, which the product is divided by.
        quantizer: for the inputs, or None.
        axes: the inputs' dimensions that are summed up.
        arrange: from a scale of size 1 along `axes` to one that the product can be divided by.
    """
    dtype = inputs.dtype
    if quantizer is None:
        return ops.divide(multiply(inputs, ops.cast(integers, dtype)), ops.cast(scale, dtype))
    own = getattr(quantizer, "axis", None)
    rounded, inputs_scale = quantizer(inputs, **({"axis": axes} if own is None else {}))
    inputs_scale = ops.stop_gradient(inputs_scale)
    exact = ops.multiply(inputs, inputs_scale)
    path = ops.subtract(exact, ops.stop_gradient(exact))  # zero, with the gradient that rounding lacks
    rounded = ops.add(ops.cast(ops.stop_gradient(rounded), "float32"), ops.cast(path, "float32"))
    result = ops.cast(multiply(rounded, ops.cast(integers, "float32")), dtype)
    return ops.divide(result, ops.multiply(arrange(inputs_scale), ops.cast(scale, dtype)))


def _finished(layer: Any, x: Any) -> Any:
    if layer.bias is not None:
        x = ops.add(x, layer.bias)
    return x if layer.activation is activations.linear else layer.activation(x)


# --- Dense ----------------------------------------------------------------------------------------------------------


@weights.register
def _(layer: Dense) -> list[Weight]:
    return [_along("kernel", 0)]


@call.register
def _(layer: Dense, inputs: Any, training: bool | None = None) -> Any:
    x = product(ops.matmul, inputs, layer.kernel, layer.kernel_scale, layer.inputs_quantizer)
    if layer.lora_enabled:
        a, b, scaling = lora.adapter(layer)
        x = ops.add(x, ops.multiply(ops.matmul(ops.matmul(inputs, a), b), scaling))
    return _finished(layer, x)


# --- EinsumDense ----------------------------------------------------------------------------------------------------


def _rearranged(scale: Any, source: str, target: str) -> Any:
    """A tensor with a dimension a letter of `source`, laid out by `target`; letters that it lacks become size 1."""
    scale = ops.squeeze(scale, axis=tuple(i for i, c in enumerate(source) if c not in target))
    kept = [c for c in source if c in target]
    scale = ops.transpose(scale, [kept.index(c) for c in target if c in kept])
    missing = tuple(i for i, c in enumerate(target) if c not in kept)
    return ops.expand_dims(scale, missing) if missing else scale


def _einsum_letters(layer: EinsumDense) -> tuple[str, str, str]:
    return letters(layer.equation, layer._input_rank)


@weights.register
def _(layer: EinsumDense) -> list[Weight]:
    _, kernel, output = _einsum_letters(layer)
    summed = tuple(i for i, c in enumerate(kernel) if c not in output)
    there, back = ({"source": a, "target": b} for a, b in ((kernel, output), (output, kernel)))
    return [Weight("kernel", summed, partial(_rearranged, **there), partial(_rearranged, **back))]


@call.register
def _(layer: EinsumDense, inputs: Any, training: bool | None = None) -> Any:
    given, _, output = _einsum_letters(layer)
    x = product(
        partial(ops.einsum, layer.equation),
        inputs,
        layer.kernel,
        layer.kernel_scale,
        layer.inputs_quantizer,
        tuple(i for i, c in enumerate(given) if c not in output),
        partial(_rearranged, source=given, target=output),
    )
    if layer.lora_enabled:
        x = ops.add(x, ops.einsum(layer.equation, inputs, lora.difference(*lora.adapter(layer))))
    return _finished(layer, x)


# --- embeddings -----------------------------------------------------------------------------------------------------


@weights.register
def _(layer: Embedding) -> list[Weight]:
    return [_along("embeddings", -1)]


@weights.register
def _(layer: ReversibleEmbedding) -> list[Weight]:
    names = {"embeddings": -1} if layer.tie_weights else {"embeddings": -1, "reverse_embeddings": 0}
    return [_along(name, axis) for name, axis in names.items()]


@call.register
def _(layer: Embedding, inputs: Any) -> Any:
    indices = layer._indices(inputs)
    rows = ops.cast(ops.take(layer.embeddings, indices, axis=0), layer.compute_dtype)
    scale = ops.cast(ops.take(layer.embeddings_scale, indices, axis=0), layer.compute_dtype)
    x = ops.divide(rows, ops.expand_dims(scale, -1))
    if layer.lora_enabled:
        a, b, scaling = lora.adapter(layer)
        x = ops.add(x, ops.multiply(ops.matmul(ops.take(a, indices, axis=0), b), scaling))
    return x


@call.register
def _(layer: ReversibleEmbedding, inputs: Any, reverse: bool = False) -> Any:
    if not reverse:
        return call.dispatch(Embedding)(layer, inputs)
    inputs = layer._to_reverse(inputs)
    if not layer.tie_weights:
        logits = product(
            ops.matmul, inputs, layer.reverse_embeddings, layer.reverse_embeddings_scale, layer.inputs_quantizer
        )
        return layer._capped(logits)
    table = ops.transpose(layer.embeddings)
    logits = product(ops.matmul, inputs, table, layer.embeddings_scale, layer.inputs_quantizer)
    if layer.lora_enabled:
        table = ops.cast(ops.transpose(lora.difference(*lora.adapter(layer))), inputs.dtype)
        logits = ops.add(logits, ops.matmul(inputs, table))
    return layer._capped(logits)
