"""Arrays of example numbers."""

import numpy as np


def example(shape: str, shift: int = 0) -> np.ndarray:
    """An array for a text such as `"2,3:int32"`, the same every time; `"2,3:bool"` is a mask with gaps."""
    sizes, _, dtype = shape.partition(":")
    sizes = [int(n) for n in sizes.split(",")]
    count = int(np.prod(sizes))
    if dtype.startswith("int"):
        return (np.arange(count) * 5 % 7).reshape(sizes).astype(dtype)
    if dtype == "bool":
        return (np.arange(count) * 5 % 7 < 4).reshape(sizes)
    return np.sin(np.arange(count) * 0.7 + 0.3 + shift).reshape(sizes).astype(dtype or "float32")
