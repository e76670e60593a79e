"""Operations on images, with or without a batch, with their channels last or first.

All raise a ValueError where shapes don't fit, or where an argument isn't among those accepted.
"""

from triceras.ops.image.colour import hsv_to_rgb, rgb_to_grayscale, rgb_to_hsv
from triceras.ops.image.filters import gaussian_blur, sobel_edges, ssim
from triceras.ops.image.patches import extract_patches, extract_patches_3d
from triceras.ops.image.resizing import crop_images, pad_images, resize, scale_and_translate
from triceras.ops.image.warping import affine_transform, elastic_transform, map_coordinates, perspective_transform
from triceras.ops.op import OPS

__all__ = [
    "affine_transform", "crop_images", "elastic_transform", "extract_patches", "extract_patches_3d", "gaussian_blur",
    "hsv_to_rgb", "map_coordinates", "pad_images", "perspective_transform", "resize", "rgb_to_grayscale", "rgb_to_hsv",
    "scale_and_translate", "sobel_edges", "ssim",
]  # fmt: skip

for name in __all__:
    OPS[name].namespace = "ops.image"  # as errors call them
