"""Wrappers around layers: integers in the place of large weights (`int8`), adapters beside them (`lora`).

The layers know nothing of it; `layers/adaptable.py` leads here from `layer.quantize`, `layer.enable_lora` and policies.
"""

from __future__ import annotations

import re
import warnings
from typing import Any

from triceras import dtype_policies
from triceras.layers import Wrapper, binding
from triceras.quantization import lora
from triceras.quantization.configs import Int8QuantizationConfig, config_of
from triceras.quantization.lora import get_adapters, merge_lora, set_adapters

__all__ = ["get_adapters", "merge_lora", "quantize", "quantize_model", "replace_weights", "set_adapters"]


def mode_of(mode: Any, config: Any) -> tuple[str, Any]:
    """The mode and the config that arguments of `quantize` mean.

    Raises:
        ValueError: neither is given, an unknown mode, or they contradict each other.
        NotImplementedError: a mode that isn't available.
    """
    if mode is None and config is None:
        raise ValueError("You must provide either `mode` or `config` to `quantize`.")
    config = None if config is None else config_of(config)
    if mode is not None and mode not in dtype_policies.MODES:
        raise ValueError(f"Invalid quantization mode. Expected one of {dtype_policies.MODES}. Received: mode={mode}")
    if mode is not None and config is not None and config.mode != mode:
        raise ValueError(f"Contradictory arguments: mode='{mode}' but config.mode='{config.mode}'")
    mode = mode or config.mode
    if mode != "int8":
        raise NotImplementedError(f"Quantization to '{mode}' isn't available yet; 'int8' is: `quantize('int8')`.")
    return mode, config


def quantize(layer: Any, mode: Any, type_check: bool = True, config: Any = None) -> None:
    """Quantize one layer: see `Quantizable.quantize`."""
    mode, config = mode_of(mode, config)
    if type_check and not binding.unbound_class(type(layer)).__module__.startswith("triceras.layers."):
        raise NotImplementedError(
            f"Layer {type(layer).__name__} does not have a `quantize` method implemented: it is a subclass whose "
            "`call` may be another. Pass `type_check=False` if it isn't."
        )
    if not layer.built:
        raise ValueError(
            f"Cannot quantize a layer that isn't yet built. Layer '{layer.name}' (of type '{type(layer).__name__}') is "
            "not built yet."
        )
    policies, path = layer.dtype_policy, layer.path
    policy = policies.at(path)
    if policy.quantization_mode is not None:
        raise ValueError(
            f"Layer '{layer.name}' is already quantized with dtype_policy='{policy.name}'. Received: mode={mode}"
        )
    quantized, own = dtype_policies.get(f"{mode}_from_{policy.name}"), layer.quantization_config
    layer.quantization_config = config or (own if own is not None and own.mode == mode else Int8QuantizationConfig())
    if isinstance(policies, dtype_policies.DTypePolicyMap):
        if path in policies:
            del policies[path]
        policies[path] = quantized
        quantized = policies
    layer.dtype_policy = quantized


def replace_weights(layer: Any, mode: str, config: Any = None) -> None:
    """Quantize a layer's weights, and let its calls use them: see `Quantizable.quantized_build`."""
    from triceras.core.scope import use_backend
    from triceras.quantization import int8

    mode_of(mode, config)
    with use_backend(layer.backend):
        layer.quantization_config = config
        int8.replace_weights(layer, config)
    layer.__dict__["call"] = layer.quantized_call
    lora.rewired(layer)


def quantize_model(model: Any, mode: Any = None, config: Any = None, filters: Any = None) -> None:
    """Quantize all layers of a model that can be: see `Model.quantize`."""
    wanted = _filter(filters)
    mode, config = mode_of(mode, config)
    if not model.built:
        raise ValueError(
            f"Cannot quantize a layer that isn't yet built. Layer '{model.name}' (of type '{type(model).__name__}') is "
            "not built yet."
        )
    for layer in model._flatten_layers():
        if layer._sublayers() or not wanted(layer):
            continue
        try:
            layer.quantize(mode, type_check=True, config=config)
        except NotImplementedError as error:
            if layer.weights:
                warnings.warn(str(error), stacklevel=3)
    for layer in model._flatten_layers():
        _note_quantized(layer)


def _note_quantized(layer: Any) -> None:
    """Let the config of a layer that makes layers itself say which of them are quantized."""
    from triceras.models import Functional, Sequential

    policies = {x.path: x.dtype_policy for x in layer._flatten_layers()[1:] if x.quantization_mode is not None}
    says_so_anyway = isinstance(layer, (Functional, Sequential, Wrapper))
    if policies and not says_so_anyway and not isinstance(layer.dtype_policy, dtype_policies.DTypePolicyMap):
        layer.dtype_policy = dtype_policies.DTypePolicyMap(layer.dtype_policy.name, policies)


def _filter(filters: Any) -> Any:
    if filters is None:
        return lambda layer: True
    if callable(filters):
        return filters
    patterns = [filters] if isinstance(filters, str) else filters
    if isinstance(patterns, (list, tuple)) and all(isinstance(pattern, str) for pattern in patterns):
        return lambda layer: any(re.search(pattern, layer.name) for pattern in patterns)
    raise ValueError(
        "The `filters` argument must be a regex string, a list of regex strings, or a callable. Received: "
        f"{type(filters)}"
    )
