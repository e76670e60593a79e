"""Devices in a grid with named axes, and which axis of a tensor goes along which of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping
from functools import cached_property
from typing import Any

import numpy as np

from triceras.core import registry


class DeviceMesh:
    """Devices in a grid with named axes. It belongs to the backend that is current when it is made.

    Args:
        shape: how many devices there are along each axis, such as `(2, 4)`.
        axis_names: the axes' names, such as `("batch", "model")`.
        devices: the devices' names, as many as the grid has places; all by default.

    Raises:
        ValueError: shape, names and devices don't fit each other.

    Example:
        >>> import triceras
        >>> with triceras.use_backend("jax"):
        ...     mesh = triceras.distribution.DeviceMesh((1, 1), ("batch", "model"), ["cpu:0"])
        ...     assert mesh.devices.tolist() == [["cpu:0"]]
    """

    def __init__(self, shape: Any, axis_names: Any, devices: Any = None):
        if not shape or not axis_names:
            raise ValueError(f"Shape and axis_names cannot be empty. Received: shape={shape}, axis_names={axis_names}")
        shape, axis_names = tuple(shape), list(axis_names)
        if len(shape) != len(axis_names):
            raise ValueError(
                f"Shape and axis_names should have the same size. Received: shape={shape}, axis_names={axis_names}"
            )
        self.backend = registry.current()
        devices = np.array(self.backend.engine().devices() if devices is None else devices).flatten()
        if np.prod(shape) != len(devices):
            raise ValueError(
                f"A mesh of shape {shape} has {np.prod(shape)} places, but there are {len(devices)} devices: "
                f"{', '.join(devices)}. Choose a shape whose product is {len(devices)}, or pass `devices`."
            )
        self._shape, self._axis_names = shape, axis_names
        self._devices = devices.reshape(shape)

    @property
    def shape(self) -> tuple[int, ...]:
        """How many devices there are along each axis."""
        return self._shape

    @property
    def axis_names(self) -> list[str]:
        """The axes' names."""
        return self._axis_names

    @property
    def devices(self) -> np.ndarray:
        """The devices' names, in the grid."""
        return self._devices

    @cached_property
    def backend_mesh(self) -> Any:
        """The framework's own mesh."""
        return self.backend.engine().mesh(self)

    def size(self, axis: str) -> int:
        """How many devices there are along an axis."""
        return self.shape[self.axis_names.index(axis)]

    def __repr__(self) -> str:
        axes = ", ".join(f"{name}: {size}" for name, size in zip(self.axis_names, self.shape, strict=True))
        return f"<DeviceMesh {axes}>"


class TensorLayout:
    """Along which axis of a mesh each axis of a tensor is split.

    Args:
        axes: for each axis of the tensor the name of a mesh axis, or None: it isn't split.
        device_mesh: the mesh; may be set later.

    Raises:
        ValueError: an axis that the mesh hasn't.

    Example:
        >>> from triceras.distribution import TensorLayout
        >>> TensorLayout((None, "model")).axes
        (None, 'model')
    """

    def __init__(self, axes: Any, device_mesh: DeviceMesh | None = None):
        self._axes = tuple(axes)
        self._device_mesh = device_mesh
        self._check()

    def _check(self) -> None:
        unknown = self._device_mesh and {a for a in self._axes if a} - set(self._device_mesh.axis_names)
        if unknown:
            raise ValueError(
                f"Invalid axis names for Layout. Valid axis names: {self._device_mesh.axis_names}. Received: "
                f"{self._axes}"
            )

    @property
    def axes(self) -> tuple[str | None, ...]:
        """The mesh axis for each axis of the tensor."""
        return self._axes

    @property
    def device_mesh(self) -> DeviceMesh | None:
        """The mesh."""
        return self._device_mesh

    @device_mesh.setter
    def device_mesh(self, device_mesh: DeviceMesh) -> None:
        if self._device_mesh is not None:
            raise ValueError(f"Cannot override device mesh value. Existing value is {self._device_mesh}")
        self._device_mesh = device_mesh
        self._check()

    @cached_property
    def backend_layout(self) -> Any:
        """The framework's own layout.

        Raises:
            ValueError: there is no mesh yet.
        """
        if self._device_mesh is None:
            raise ValueError("Cannot create the backend's layout when `device_mesh` isn't set for TensorLayout.")
        return self._device_mesh.backend.engine().layout(self)

    def __repr__(self) -> str:
        return f"<TensorLayout axes={self.axes}, device_mesh={self.device_mesh}>"


class LayoutMap(MutableMapping):
    """Layouts by the paths of variables and layers' outputs, which may be regular expressions.

    Keys for variables are their paths, such as `"dense/kernel"` or `".*attention.*kernel"`; keys for what a layer gives
    are its path and `/output`. A path is looked up as it is, then in it each key, as a regular expression.

    Args:
        device_mesh: the mesh for layouts that are given as tuples.

    Example:
        >>> from triceras.distribution import LayoutMap
        >>> layouts = LayoutMap(None)
        >>> layouts["dense.*kernel"] = (None, "model")
        >>> layouts["dense_3/kernel"].axes, layouts["other/kernel"]
        ((None, 'model'), None)
    """

    def __init__(self, device_mesh: DeviceMesh | None):
        self._layouts: dict[str, TensorLayout] = {}
        self._device_mesh = device_mesh

    @property
    def device_mesh(self) -> DeviceMesh | None:
        """The mesh."""
        return self._device_mesh

    def __getitem__(self, key: str) -> TensorLayout | None:
        if key in self._layouts:
            return self._layouts[key]
        found = [pattern for pattern in self._layouts if re.search(pattern, key)]
        if len(found) > 1:
            raise ValueError(
                f"Path '{key}' matches multiple layout specification keys: {found}. Please make sure each tensor/"
                "variable path only matches at most one layout specification key in the LayoutMap."
            )
        return self._layouts[found[0]] if found else None

    def __setitem__(self, key: str, layout: Any) -> None:
        if key in self._layouts:
            raise ValueError(
                f"{key} already exist in the LayoutMap with value {self._layouts[key]}. Please make sure to not use "
                "duplicated keys."
            )
        if isinstance(layout, tuple):
            layout = TensorLayout(axes=layout)
        if not isinstance(layout, TensorLayout):
            raise ValueError(f"{layout} should be a TensorLayout or a tuple. Received: {type(layout)}")
        if layout.device_mesh is None and self._device_mesh is not None:
            layout.device_mesh = self._device_mesh
        self._layouts[key] = layout

    def __delitem__(self, key: str) -> None:
        del self._layouts[key]

    def __len__(self) -> int:
        return len(self._layouts)

    def __iter__(self) -> Iterator[str]:
        return iter(self._layouts)
