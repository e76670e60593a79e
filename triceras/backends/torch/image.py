"""torch functions of the ops in `ops/image/`."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812

from triceras.ops.image import layout, resizing


def resize(
    images: torch.Tensor,
    size: tuple[int, int],
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str = "channels_last",
) -> torch.Tensor:
    how = (crop_to_aspect_ratio, pad_to_aspect_ratio)
    if interpolation != "bilinear" or antialias:
        return resizing.resize.body(images, size, interpolation, antialias, *how, fill_mode, fill_value, data_format)
    x = resizing.fitted(layout.floats(images), size, *how, fill_value, data_format)
    return layout.narrowed(_bilinear(x, size, layout.places(x, data_format)[1]), images.dtype)


def _bilinear(x: torch.Tensor, size: tuple[int, int], channels: Any) -> torch.Tensor:
    first = x.movedim(channels, -3)
    batch = first if first.ndim == 4 else first[None]
    found = F.interpolate(batch, size, mode="bilinear")
    return found.reshape(*first.shape[:-2], *size).movedim(-3, channels)
