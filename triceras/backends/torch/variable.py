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
        with unset_fake_temporarily(), torch.no_grad():  # also where shapes are being inferred, its values are real
            tensor = self.convert(value, dtype).clone(memory_format=torch.contiguous_format)
        return torch.nn.Parameter(tensor) if trainable and _differentiable(tensor) else tensor

    def assign(self, native: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        overlaps = value._is_view() and _shares_memory(native, value)
        value = value.detach()
        with torch.no_grad():
            if not isinstance(native, torch.nn.Parameter) and native._use_count() > 1:
                return value.clone()  # a backward pass to come holds the old values
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


def _differentiable(tensor: torch.Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()


def _shares_memory(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a is not b and a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr()
