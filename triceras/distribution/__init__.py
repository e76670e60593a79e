"""More than one device, more than one machine, on each backend's own engine.

from triceras import distribution
distribution.set_distribution(distribution.DataParallel())
model = ...        # its variables are on all devices; fit() splits every batch
"""

from triceras.distribution.devices import get_device_count, initialize, list_devices
from triceras.distribution.mesh import DeviceMesh, LayoutMap, TensorLayout
from triceras.distribution.strategies import (
    DataParallel,
    Distribution,
    ModelParallel,
    distribute_tensor,
    distribution,
    fsdp,
    set_distribution,
)

__all__ = [
    "DataParallel",
    "DeviceMesh",
    "Distribution",
    "LayoutMap",
    "ModelParallel",
    "TensorLayout",
    "distribute_tensor",
    "distribution",
    "fsdp",
    "get_device_count",
    "initialize",
    "list_devices",
    "set_distribution",
]
