"""A Variable holds a `torch.nn.Parameter` if it was ever trainable, else a plain tensor; both keep their identity."""

from __future__ import annotations

from typing import Any

import torch
from torch._subclasses.fake_tensor import unset_fake_temporarily

_DUNDERS = ("__dlpack__", "__dlpack_device__", "__cuda_array_interface__")
_OF_NATIVE = ("grad", "data", "requires_grad", "is_leaf", "register_hook", "register_post_accumulate_grad_hook")


class Variables:
    """Storage of Variables. Optimizers, hooks and `state_dict` hold on to it, so it is written in place."""

    def new_value(self, value: Any, dtype: str, trainable: bool) -> torch.Tensor:
        # Real values also where shapes are being inferred, and trainable later also where nothing is trained now.
        with unset_fake_temporarily(), torch.inference_mode(False), torch.no_grad():
            tensor = self.convert(value, dtype).clone(memory_format=torch.contiguous_format)
        return torch.nn.Parameter(tensor) if trainable and _differentiable(tensor) else held(tensor)

    def assign(self, native: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        overlaps = value._is_view() and _shares_memory(native, value)
        value = value.detach()
        with torch.no_grad():
            if native._use_count() > 1 and not isinstance(native, torch.nn.Parameter):
                return held(value.clone())  # a backward pass to come holds the old values
            if overlaps:
                value = value.clone()
            native.copy_(value)
        return native

    def set_trainable(self, native: torch.Tensor, trainable: bool) -> torch.Tensor:
        if isinstance(native, torch.nn.Parameter):
            return native.requires_grad_(trainable)
        return torch.nn.Parameter(native) if trainable and _differentiable(native) else native

    def protocol(self, variable: Any, name: str) -> Any:
        if name not in _DUNDERS and (name.startswith("_") or not hasattr(torch.Tensor, name)):
            raise AttributeError(name)
        return getattr(variable.native if name in _OF_NATIVE else variable.value, name)


def held(tensor: torch.Tensor) -> torch.Tensor:
    """A plain tensor, marked as a Variable's: it is going to be written in place."""
    tensor.held_by_variable = True
    return tensor


def apart(x: Any) -> Any:
    """A result that later assignments leave as it is: a copy of what is a Variable's memory, anything else itself."""
    if not isinstance(x, torch.Tensor):
        return x
    owner = x._base if x._is_view() else x
    live = issubclass(type(owner), torch.nn.Parameter) or hasattr(owner, "held_by_variable") or _is_leaf(owner)
    return x.clone() if live else x


def _is_leaf(tensor: torch.Tensor) -> bool:
    return tensor.requires_grad and tensor.is_leaf  # may be what stands for a Variable while gradients are taken


def _differentiable(tensor: torch.Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()


def _shares_memory(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a is not b and a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr()
