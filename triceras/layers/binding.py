"""Layers belong to a backend: on one that asks for it, they also inherit its mixin (on torch, `torch.nn.Module`)."""

from __future__ import annotations

import abc
import functools
import inspect
from collections.abc import Iterable, Iterator
from typing import Any

from triceras.core import registry
from triceras.core.variable import Variable


@functools.cache
def bound_class(cls: type, mixin: type | None) -> type:
    """The class of instances of `cls` on a backend with this mixin: `cls` itself, or a subclass that looks like it."""
    if mixin is None or issubclass(cls, mixin):
        return cls
    namespace = {
        "__module__": cls.__module__,
        "__qualname__": cls.__qualname__,
        "__doc__": cls.__doc__,
        "_unbound": cls,
    }
    return type(cls)(cls.__name__, (cls, mixin), namespace)


def unbound_class(cls: type) -> type:
    """The class as its author wrote it."""
    return cls.__dict__.get("_unbound", cls)


class LayerType(abc.ABCMeta):
    """The class of layer classes: a class bound to another backend makes layers on the current one, too."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        plain = unbound_class(cls)
        self = plain.__new__(plain, *args, **kwargs)
        self.__init__(*args, **kwargs)
        return self

    @property
    def __signature__(cls) -> inspect.Signature:
        """The constructor's, which `__call__` above would hide from help and editors."""
        whole = inspect.signature(unbound_class(cls).__init__)
        return whole.replace(parameters=list(whole.parameters.values())[1:])


def create(cls: type, backend: Any) -> Any:
    """An empty instance on a backend, with the mixin's own state set up so that attributes may come in any order."""
    cls = bound_class(unbound_class(cls), backend.layer_mixin)
    self = object.__new__(cls)
    self.__dict__["backend"] = backend
    if backend.layer_mixin is not None:
        self._init_native()
    return self


def rebind(layer: Any, backend: Any) -> None:
    """Make an instance belong to another backend: its class changes, its mixin's state is dropped or set up."""
    if layer.backend.layer_mixin is not None:
        layer._drop_native()
    layer.__dict__["backend"] = backend
    object.__setattr__(layer, "__class__", bound_class(unbound_class(type(layer)), backend.layer_mixin))
    if backend.layer_mixin is not None:
        layer._init_native()
        track_natively(layer)


def track_natively(layer: Any) -> None:
    """Show the mixin everything that the layer holds."""
    for name, value in layer._tracked.items():
        layer._track_native(name, value)
    for variable in layer._own_variables:
        layer._track_variable(variable.name, variable)


def move(layer: Any, name: Any) -> None:
    """Move a layer and all that it holds to another backend, in place."""
    target = registry.get(name)
    check_move(layer, target)
    layers = [x for x in layer._flatten_layers() if x.backend is not target]
    for x in layers:
        for variable in held(x, (Variable,)):
            variable.to_backend(target)
        for value in x._state_holders():
            value.to_backend(target)
    for x in layers:
        rebind(x, target)


def check_move(layer: Any, target: Any) -> None:
    """Ask all layers that wrap something of their backend's framework whether they can go to another.

    Raises:
        ValueError: one can't.
    """
    for x in layer._flatten_layers():
        if x.backend is not target and hasattr(x, "_check_move"):
            x._check_move(target)


def held(layer: Any, kinds: tuple[type, ...]) -> list[Any]:
    """What a layer holds of some types, directly or in lists and dicts; see `in_order`."""
    return [x for x in in_order(layer) if isinstance(x, kinds)]


def in_order(layer: Any) -> list[Any]:
    """The layers, variables, seeds and metrics that a layer holds, in the order in which they came to it.

    Weights and files follow this order, as in Keras, where an item that is put into a list comes after all that was
    there before. Looking whenever an attribute is set or a weight is made is enough to know it.
    """
    held_now = {id(x): x for x in _leaves((layer._own_variables, *layer._tracked.values()))}
    order = [held_now.pop(id(x)) for x in layer._held_order if id(x) in held_now]
    layer.__dict__["_held_order"] = order = [*order, *held_now.values()]
    return order


def _leaves(values: Iterable) -> Iterator:
    """What can live on a backend, in containers of any depth, dicts in the order of their items."""
    for x in values:
        if isinstance(x, (list, tuple, dict)):
            yield from _leaves(x.values() if isinstance(x, dict) else x)
        elif hasattr(x, "to_backend"):
            yield x


def rebuild(cls: type, backend: str) -> Any:
    """For pickling and copying: an empty instance of a class on a backend."""
    return create(cls, registry.get(backend))
