"""Samples of every op: inputs with odd dtypes and shapes, and NumPy references. `CASES` has one `Case` for each op."""

from triceras.testing import (
    samples_array,
    samples_image,
    samples_linalg,
    samples_math,
    samples_odd,
    samples_patches,
    samples_signal,
    samples_special,
    samples_statistics,
)
from triceras.testing.case import CASES, Case, Sample

FAMILIES = (
    samples_patches,
    samples_math,
    samples_array,
    samples_linalg,
    samples_image,
    samples_signal,
    samples_special,
    samples_statistics,
    samples_odd,
)

__all__ = ["CASES", "Case", "FAMILIES", "Sample"]
