"""`TorchLayer`: what makes a layer a `torch.nn.Module` while it lives on torch.

torch sees a layer through `_parameters`, `_buffers` and `_modules`. They are brought up to date whenever torch looks
(`_sync_native`), so lists that grow, weights made at the first call and values that were replaced need no notification.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.nn.modules.module import _has_any_global_hook

from triceras.backends.torch.tensor import default_device, placed_on, to_torch
from triceras.backends.torch.variable import held
from triceras.core.scope import local

_STATE = frozenset(torch.nn.Module().__dict__) | {"_native_attributes", "_shown", "_home"}


class TorchLayer(torch.nn.Module):
    """Inherited by layers on torch, beside their own class. Never made alone.

    `train()` and `eval()` set what `training` is where a call doesn't say; before either, the call's own default holds.
    """

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        cls._plain_call = plain = cls.__call__
        cls.__call__ = _with_hooks(plain)

    # --- the contract with `layers.binding` --------------------------------------------------------------------------

    def _init_native(self) -> None:
        """Set up the module's own state; calls no `__init__` of a layer."""
        torch.nn.Module.__init__(self)
        self.__dict__.update(training=None, _native_attributes={}, _shown=(), _home=None)

    def _drop_native(self) -> None:
        """Forget the module's own state: the layer moves to another backend."""
        for name in _STATE:
            self.__dict__.pop(name, None)

    def _native_names(self) -> frozenset[str]:
        """The attributes that belong to torch and not to the layer."""
        return _STATE

    def _track_native(self, name: str, value: Any) -> None:
        """Take note of an attribute: modules and parameters of torch itself are kept apart."""
        own = isinstance(value, (torch.nn.Module, torch.nn.Parameter)) and not isinstance(value, TorchLayer)
        kept = self.__dict__.get("_native_attributes")  # there is none while the layer's class is being changed
        if own:
            kept[name] = value
        elif kept:
            kept.pop(name, None)

    def _track_variable(self, name: str, variable: Any) -> None:
        """Nothing to do: torch finds it when it looks."""

    def _sync_native(self) -> None:
        """Show torch the parameters, buffers and modules that the layer has now; what others registered stays."""
        for table, key in self._shown:
            table.pop(key, None)
        shown = []

        def show(table: dict[str, Any], key: str, value: Any) -> None:
            taken = (*self._parameters, *self._buffers, *self._modules)
            unique, n = key, 0
            while unique in taken:
                n += 1
                unique = f"{key}_{n}"
            table[unique] = value
            shown.append((table, unique))

        for key, variable in self._native_variables():
            native = variable.native
            show(self._parameters if isinstance(native, torch.nn.Parameter) else self._buffers, key, native)
        for key, value in (*_modules_in(self._tracked), *self._native_attributes.items()):
            if isinstance(value, torch.nn.Parameter):
                show(self._parameters, key, value)
            elif all(value is not m for m in self._modules.values()):
                show(self._modules, key, value)
        self.__dict__["_shown"] = tuple(shown)

    def _native_variables(self) -> list[tuple[str, Any]]:
        """The layer's own variables with the names that torch knows them by."""
        attributes = {id(value): name for name, value in self._tracked.items()}
        return [(_key(v, attributes.get(id(v))), v) for v in self._variables_of_its_own()]

    # --- where torch looks -------------------------------------------------------------------------------------------

    def named_modules(self, *args: Any, **kwargs: Any) -> Iterator:
        self._sync_native()
        return super().named_modules(*args, **kwargs)

    def named_children(self) -> Iterator:
        self._sync_native()
        return super().named_children()

    def _named_members(self, *args: Any, **kwargs: Any) -> Iterator:
        self._sync_native()
        return super()._named_members(*args, **kwargs)

    def get_submodule(self, target: str) -> torch.nn.Module:
        for _ in self.modules():
            pass
        return super().get_submodule(target)

    def get_parameter(self, target: str) -> torch.nn.Parameter:
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        return module._parameters[name] if name in module._parameters else super().get_parameter(target)

    def get_buffer(self, target: str) -> torch.Tensor:
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        return module._buffers[name] if name in module._buffers else super().get_buffer(target)

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        self._sync_native()
        return super().state_dict(*args, **kwargs)

    def _load_from_state_dict(self, state_dict: dict, prefix: str, local_metadata: dict, *rest: Any) -> None:
        self._sync_native()
        local_metadata = {**local_metadata, "assign_to_params_buffers": False}  # always in place: Variables hold them
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

    def _apply(self, fn: Callable, recurse: bool = True) -> TorchLayer:
        self._sync_native()
        variables = [v for _, v in self._native_variables()]
        places = dict(zip(map(id, variables), self._shown, strict=False))
        super()._apply(fn, recurse)
        for variable in variables:
            table, key = places[id(variable)]
            set_native(variable, table[key])
        with torch.no_grad():
            for holder in self._state_holders():
                for variable in holder.variables:
                    set_native(variable, fn(variable.native))
            self._follow(fn)
        return self

    def _follow(self, fn: Callable) -> None:
        """Compute where and in what `to()`, `half()`… moved the weights; also where a layer has none."""
        before = torch.empty(0, dtype=to_torch(self.variable_dtype), device=self._home or default_device())
        after = fn(before)
        if after.dtype is not before.dtype:
            self.dtype_policy = self.backend.dtype(after)
        if after.device != before.device:
            self.__dict__["_home"] = after.device

    def requires_grad_(self, requires_grad: bool = True) -> TorchLayer:
        super().requires_grad_(requires_grad)
        for layer in self.modules():
            for _, variable in layer._native_variables() if isinstance(layer, TorchLayer) else ():
                if isinstance(variable.native, torch.nn.Parameter):
                    variable.trainable = requires_grad
        return self

    def train(self, mode: bool = True) -> TorchLayer:
        if not isinstance(mode, bool):
            raise ValueError(f"training mode is expected to be boolean; got {mode!r}.")
        self.__dict__["training"] = mode
        for child in self.children():
            child.train(mode)
        return self

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The layer's call; hooks run around it."""
        return self._plain_call(*args, **kwargs)


def _with_hooks(plain: Callable) -> Callable:
    """A class's `__call__` that knows `train()` and `eval()`, and runs torch's hooks where some are registered."""

    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N807
        state = self.__dict__
        call = _run_hooks if _has_hooks(state) else plain
        if local.call is not None:
            return call(self, *args, **kwargs)
        if state["training"] is not None:
            kwargs.setdefault("training", state["training"])
        home = state["_home"] or default_device()
        if home is None:
            return call(self, *args, **kwargs)
        with placed_on(home):
            args, kwargs = self.backend.place_batch((args, kwargs))
            return call(self, *args, **kwargs)

    return __call__


def _run_hooks(layer: TorchLayer, *args: Any, **kwargs: Any) -> Any:
    return layer._call_impl(*args, **kwargs)


def _has_hooks(state: dict[str, Any]) -> bool:
    return bool(
        state["_forward_hooks"]
        or state["_forward_pre_hooks"]
        or state["_backward_hooks"]
        or state["_backward_pre_hooks"]
        or _has_any_global_hook()
    )


def _key(variable: Any, attribute: str | None) -> str:
    """A variable's own name; where that was only counted up, the attribute it is kept in, which is stable."""
    counted = variable.name.rstrip("_0123456789") == "variable"
    return (attribute if counted and attribute else variable.name).replace(".", "_")


def _modules_in(attributes: dict[str, Any]) -> Iterator[tuple[str, torch.nn.Module]]:
    """The modules among attributes, also those in lists and dicts as `name_0`, `name_key`.

    The list in which a model keeps its layers shows them as `layers_0`…: names that a second model has, too.
    """
    for name, value in attributes.items():
        if isinstance(value, torch.nn.Module):
            yield str(name).replace(".", "_").lstrip("_"), value
        elif isinstance(value, (list, tuple, dict)):
            items = value.items() if isinstance(value, dict) else enumerate(value)
            own = str(name).startswith("_") and all(isinstance(x, TorchLayer) for x in value)
            yield from _modules_in({f"{'layers' if own else name}_{key}": x for key, x in items})


def set_native(variable: Any, native: torch.Tensor) -> None:
    """Give a Variable the tensor that torch put in its place, maybe on another device or of another dtype."""
    variable.native = native if isinstance(native, torch.nn.Parameter) else held(native)
    dtype = variable.backend.dtype(native)
    if dtype != variable.backend.canonical_dtype(variable.dtype):
        variable.dtype = dtype
