"""How a model is spread over devices: its batches, its variables, or both."""

from __future__ import annotations

import abc
import contextlib
import difflib
import re
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from triceras.core import placement, registry, tree
from triceras.distribution.mesh import DeviceMesh, LayoutMap, TensorLayout


class Distribution(abc.ABC):
    """What goes where. A distribution belongs to the backend of its mesh.

    Args:
        device_mesh: the devices.
        batch_dim_name: the mesh axis along which batches are split.
        auto_shard_dataset: whether every process is given the same whole batches and takes its part of each; else each
            is given its own part.
    """

    def __init__(self, device_mesh: DeviceMesh, batch_dim_name: str, auto_shard_dataset: bool = True):
        if batch_dim_name not in device_mesh.axis_names:
            raise ValueError(
                f"`batch_dim_name` must be an axis of the mesh, one of {device_mesh.axis_names}. Received: "
                f"batch_dim_name={batch_dim_name!r}"
            )
        self.device_mesh, self.batch_dim_name = device_mesh, batch_dim_name
        self.auto_shard_dataset = auto_shard_dataset
        self.backend = device_mesh.backend

    @property
    def num_model_replicas(self) -> int:
        """Into how many parts a batch is split."""
        return self.device_mesh.size(self.batch_dim_name)

    def get_data_layout(self, data_shape: Any) -> TensorLayout:
        """The layout of a batch of this shape: its first axis is split."""
        return TensorLayout((self.batch_dim_name, *(None,) * (len(data_shape) - 1)), self.device_mesh)

    @abc.abstractmethod
    def get_variable_layout(self, variable: Any) -> TensorLayout:
        """The layout of a Variable."""

    @abc.abstractmethod
    def get_tensor_layout(self, path: str) -> TensorLayout | None:
        """The layout of what a layer gives, by the layer's path and `/output`; None: as it comes."""

    def relaid(self, path: str, outputs: Any) -> Any:
        """What the layer of a path gives, in the layout for it."""
        layout = self.get_tensor_layout(f"{path}/output")
        if layout is None:
            return outputs
        return tree.map_structure(lambda x: self.backend.engine().relaid(x, layout), outputs)

    def check(self, variables: list[Any]) -> None:
        """Fail if a model's variables aren't laid out, for it was built before this distribution was set.

        Raises:
            ValueError: some aren't.
        """
        lost = [v.path for v in variables if v.layout is None or v.layout.device_mesh is not self.device_mesh]
        if lost:
            raise ValueError(
                f"{len(lost)} variables, such as {lost[0]}, were made before this distribution was set: {self}. Call "
                "`set_distribution` first, then make the model."
            )

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """Set this distribution for the length of a `with` block."""
        before = placement.in_force()
        placement.put_in_force(self)
        try:
            yield
        finally:
            placement.put_in_force(before)

    def _replicated(self, variable: Any) -> TensorLayout:
        return TensorLayout((None,) * len(variable.shape), self.device_mesh)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} device_mesh={self.device_mesh}>"


class DataParallel(Distribution):
    """Every device has all variables and works on its part of each batch.

    Args:
        device_mesh: the devices; its first axis splits the batch. All devices by default.
        devices: names of devices, in place of a mesh.
        auto_shard_dataset: whether every process is given the same whole batches and takes its part of each (a batch
            that can't be split evenly is computed by all); else each process is given its own part.

    Example:
        >>> import triceras
        >>> with triceras.use_backend("jax"):
        ...     distribution = triceras.distribution.DataParallel(devices=["cpu:0"])
        ...     assert distribution.num_model_replicas == 1
    """

    def __init__(self, device_mesh: DeviceMesh | None = None, devices: Any = None, auto_shard_dataset: bool = True):
        if device_mesh is None:
            devices = np.array(registry.current().engine().devices() if devices is None else devices).flatten()
            device_mesh = DeviceMesh((len(devices),), ("batch",), devices)
        elif not isinstance(device_mesh, DeviceMesh):
            raise ValueError(f"Expect `mesh` to be an instance of `DeviceMesh`. Received: mesh={device_mesh}")
        super().__init__(device_mesh, device_mesh.axis_names[0], auto_shard_dataset)

    def get_variable_layout(self, variable: Any) -> TensorLayout:
        return self._replicated(variable)

    def get_tensor_layout(self, path: str) -> None:
        return None


class ModelParallel(Distribution):
    """Variables are split over devices as a map of layouts says; batches along one axis of the mesh.

    Args:
        layout_map: layouts by the paths of variables and of layers' outputs; what isn't in it is on every device.
        batch_dim_name: the mesh axis along which batches are split; the first by default.
        auto_shard_dataset: see `DataParallel`.

    Example:
        >>> import triceras
        >>> from triceras.distribution import DeviceMesh, LayoutMap, ModelParallel
        >>> with triceras.use_backend("jax"):
        ...     mesh = DeviceMesh((1, 1), ("batch", "model"), ["cpu:0"])
        ...     layouts = LayoutMap(mesh)
        ...     layouts["dense.*kernel"] = (None, "model")
        ...     assert ModelParallel(layout_map=layouts).batch_dim_name == "batch"
    """

    def __init__(
        self,
        *,
        layout_map: LayoutMap | None = None,
        batch_dim_name: str | None = None,
        auto_shard_dataset: bool = True,
        **kwargs: Any,
    ):
        if kwargs.pop("device_mesh", None) is not None or kwargs:
            raise ValueError(f"The mesh is that of `layout_map`; other arguments aren't known: {kwargs}")
        if not isinstance(layout_map, LayoutMap) or layout_map.device_mesh is None:
            raise ValueError(f"`layout_map` must be a LayoutMap with a device mesh. Received: layout_map={layout_map}")
        mesh = layout_map.device_mesh
        _assert_splits(mesh, "ModelParallel")
        super().__init__(mesh, batch_dim_name or mesh.axis_names[0], auto_shard_dataset)
        self.layout_map = layout_map

    def get_variable_layout(self, variable: Any) -> TensorLayout:
        if variable.layout is not None and variable.layout.device_mesh is self.device_mesh:
            return variable.layout
        found = self.layout_map[variable.path]
        return found if found is not None and len(found.axes) == len(variable.shape) else self._replicated(variable)

    def get_tensor_layout(self, path: str) -> TensorLayout | None:
        return self.layout_map[path]

    def check(self, variables: list[Any]) -> None:
        """Also warn of keys of the map that no variable's path matches."""
        super().check(variables)
        paths = [v.path for v in variables]
        for key in self.layout_map:
            if key.endswith("output") or any(key == path or re.search(key, path) for path in paths):
                continue
            near = difflib.get_close_matches(re.sub(r"\.\*|\W", "/", key), paths, 3, 0.3)
            warnings.warn(
                f"The layout map's key {key!r} matches no variable. Nearest paths: {', '.join(near) or paths[:3]}.",
                stacklevel=2,
            )


class _Fsdp(Distribution):
    """See `fsdp`."""

    def __init__(self, device_mesh: DeviceMesh, smallest: int, auto_shard_dataset: bool):
        _assert_splits(device_mesh, "fsdp")
        super().__init__(device_mesh, device_mesh.axis_names[0], auto_shard_dataset)
        self.smallest = smallest

    def get_variable_layout(self, variable: Any) -> TensorLayout:
        parts = self.num_model_replicas
        places = [i for i, n in enumerate(variable.shape) if n % parts == 0 and n >= parts]
        if int(np.prod(variable.shape)) < self.smallest or not places:
            return self._replicated(variable)
        widest = max(places, key=lambda i: variable.shape[i])
        axes = [self.batch_dim_name if i == widest else None for i in range(len(variable.shape))]
        return TensorLayout(axes, self.device_mesh)

    def get_tensor_layout(self, path: str) -> None:
        return None


def _assert_splits(mesh: DeviceMesh, what: str) -> None:
    if not mesh.backend.engine().splits_variables:
        raise NotImplementedError(
            f"{what} splits variables over devices, which isn't there for the {mesh.backend.name} backend: it has "
            "DataParallel. See docs/distribution.md for what each backend has."
        )


def fsdp(device_mesh: DeviceMesh | None = None, smallest: int = 1024, auto_shard_dataset: bool = True) -> Distribution:
    """Fully sharded data parallelism: batches are split, and so is every large variable with its optimizer's slots.

    Each device keeps its part of a variable, along the longest axis that divides evenly, and gathers the whole only
    while it is needed (Rajbhandari et al. 2020, ZeRO; Zhao et al. 2023, PyTorch FSDP).

    Args:
        device_mesh: the devices, along its first axis; all by default.
        smallest: variables of fewer numbers are kept whole on every device.
        auto_shard_dataset: see `DataParallel`.

    Returns:
        The distribution, for `set_distribution`.

    Example:
        >>> import triceras
        >>> with triceras.use_backend("jax"):
        ...     with triceras.distribution.fsdp().scope():
        ...         model = triceras.Sequential([triceras.layers.Input((8,)), triceras.layers.Dense(4)])
    """
    return _Fsdp(device_mesh or DataParallel().device_mesh, smallest, auto_shard_dataset)


def distribution() -> Distribution | None:
    """The distribution in force, or None."""
    return placement.in_force()


def set_distribution(value: Distribution | None) -> None:
    """Set how the variables and batches of models that are made from now on are spread over devices.

    Args:
        value: a distribution; None: everything is on the default device.

    Raises:
        TypeError: it is something else.
    """
    if value is not None and not isinstance(value, Distribution):
        raise TypeError(f"Expected a Distribution or None. Received: value={value!r}")
    placement.put_in_force(value)


def distribute_tensor(tensor: Any, layout: TensorLayout) -> Any:
    """A tensor, spread over devices as a layout says; also inside compiled functions.

    Args:
        tensor: tensor of the layout's backend.
        layout: the layout, with a mesh.

    Returns:
        A tensor of the same values.
    """
    if isinstance(layout, TensorLayout):
        return layout.device_mesh.backend.engine().relaid(tensor, layout)
    raise TypeError(f"Expected a TensorLayout. Received: layout={layout!r}")
