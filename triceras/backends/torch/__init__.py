"""The PyTorch backend: eager by default, gradients by autograd, layers that are `torch.nn.Module`s."""

from functools import cached_property
from typing import Any

from triceras.backends.torch import array, image, linalg, logic, math, nn, optimizer, random, reduce, signal
from triceras.backends.torch.bridges import WrappedModule
from triceras.backends.torch.layer import TorchLayer
from triceras.backends.torch.tensor import Tensors
from triceras.backends.torch.transforms import Transforms
from triceras.backends.torch.variable import Variables
from triceras.core.backend import Backend


class TorchBackend(Tensors, Variables, Transforms, Backend):
    """PyTorch behind the common interface."""

    name = "torch"
    modules = (math, logic, array, reduce, linalg, signal, nn, image, random, optimizer)
    layer_mixin = TorchLayer
    bridges = {"TorchModuleWrapper": WrappedModule}
    seed_dtype = "int64"  # torch has no arithmetic on unsigned 32-bit words

    @cached_property
    def _engine(self) -> Any:
        from triceras.backends.torch.distribution import TorchEngine

        return TorchEngine(self)

    def engine(self) -> Any:
        return self._engine
