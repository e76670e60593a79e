"""What `TorchModuleWrapper` is on torch: a layer's Variables hold the parameters and buffers of a `torch.nn.Module`."""

from __future__ import annotations

import base64
import io
import itertools
from collections.abc import Iterator
from typing import Any

import torch
from torch.nn.parameter import is_lazy

from triceras.backends.torch.layer import set_native
from triceras.backends.torch.variable import held
from triceras.core.variable import Variable


class WrappedModule:
    """A module whose tensors are those of Variables.

    Args:
        module: the `torch.nn.Module`.

    Raises:
        ValueError: it is none, or has parameters without a shape yet.
    """

    def __init__(self, module: Any):
        if not isinstance(module, torch.nn.Module):
            raise ValueError(
                f"Argument `module` must be a torch.nn.Module. Received: module={module!r} (of type {type(module)})"
            )
        lazy = [name for name, tensor in _tensors(module) if is_lazy(tensor)]
        if lazy:
            raise ValueError(
                "Argument `module` has lazy parameters, whose shapes aren't known yet. Call the module once before it "
                f"is wrapped. Received: lazy parameters {', '.join(lazy)}"
            )
        self.module = module
        self.variables: dict[str, Variable] = {}  # by the module's name for them; tied tensors share one
        known: dict[int, Variable] = {}
        for name, tensor in _tensors(module):
            if id(tensor) not in known:
                known[id(tensor)] = _variable(name, tensor)
            self.variables[name] = known[id(tensor)]
        self.adopt()

    def adopt(self) -> None:
        """Let the Variables hold the module's own tensors, also after these were moved, converted or copied."""
        for name, tensor in _tensors(self.module):
            set_native(self.variables[name], tensor)

    def __call__(self, training: bool, args: tuple, kwargs: dict[str, Any]) -> Any:
        if self.module.training is not training:
            self.module.train(training)
        buffers = {name: self.variables[name].value.clone() for name, _ in self.module.named_buffers()}
        values = {name: v.value for name, v in self.variables.items() if name not in buffers} | buffers
        result = torch.func.functional_call(self.module, values, args, kwargs)
        for name, given in buffers.items():  # running statistics and the like
            if training or values[name] is not given or given._version:  # some kernels don't count what they change
                self.variables[name].assign(values[name])
                self._show_buffer(name)
        return result

    def _show_buffer(self, name: str) -> None:
        """Let the module hold its buffer's Variable's tensor, which an assignment may have replaced."""
        path, _, key = name.rpartition(".")
        self.module.get_submodule(path)._buffers[key] = self.variables[name].native

    def state(self) -> dict[str, Any]:
        """The arrays of the module's `state_dict`."""
        return {name: self.variables[name].numpy() for name in self.module.state_dict() if name in self.variables}

    def load_state(self, store: Any) -> None:
        """Take the arrays that `state` gave.

        Raises:
            ValueError: other names or shapes; nothing is changed then.
        """
        expected, found = [name for name in self.module.state_dict() if name in self.variables], list(store.keys())
        if set(expected) != set(found):
            raise ValueError(f"The module's state has other entries. Expected: {expected}. Received: {found}")
        for name in expected:
            if tuple(store[name].shape) != self.variables[name].shape:
                raise ValueError(
                    f"Entry {name!r} of the module's state has another shape. Expected: {self.variables[name].shape}. "
                    f"Received: {tuple(store[name].shape)}"
                )
        for name in expected:
            self.variables[name].assign(store[name])
        for name, _ in self.module.named_buffers():
            self._show_buffer(name)

    def encode(self) -> str:
        """The module, pickled by torch, as text."""
        with io.BytesIO() as buffer:
            torch.save(self.module, buffer)
            return base64.b64encode(buffer.getvalue()).decode("ascii")

    @staticmethod
    def decode(text: str) -> torch.nn.Module:
        """The module that `encode` wrote. Runs what is in the text: only for text that is trusted."""
        return torch.load(io.BytesIO(base64.b64decode(text)), weights_only=False)


def _tensors(module: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Parameters and buffers by name, tied ones by each of their names."""
    return itertools.chain(
        module.named_parameters(remove_duplicate=False), module.named_buffers(remove_duplicate=False)
    )


def _variable(name: str, tensor: torch.Tensor) -> Variable:
    parameter = isinstance(tensor, torch.nn.Parameter)
    trainable = parameter and tensor.requires_grad
    variable = Variable(tensor.detach(), dtype=tensor.dtype, trainable=trainable, autocast=parameter, name=name)
    variable.native = tensor if parameter else held(tensor)
    return variable
