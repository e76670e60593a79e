"""What compiling needs on this machine, and whether it is there."""

from __future__ import annotations

import pathlib
from typing import NamedTuple


class Diagnosis(NamedTuple):
    """How functions are compiled here.

    Args:
        mode: what `TRICERAS_TORCH_COMPILE` says: `auto`, `wait`, `eager` or `0`.
        compiler: path of the C++ compiler, or None.
        cache: the folder of compiled graphs, or None if there can't be one.
        size: bytes in it.
        problem: why graphs aren't compiled, or None.
    """

    mode: str
    compiler: str | None
    cache: pathlib.Path | None
    size: int
    problem: str | None

    def notes(self) -> list[tuple[str, str]]:
        """Everything as text: (what, what is found)."""
        cache = f"{self.cache} ({self.size / 1e6:.1f} MB)" if self.cache else "none"
        found = [("compiling", self.problem or "works"), ("mode", self.mode)]
        return found + [("C++ compiler", self.compiler or "none"), ("compiled graphs", cache)]


def diagnosis() -> Diagnosis:
    """Look whether compiling works here.

    Example:
        >>> diagnosis().size >= 0
        True
    """
    from triceras.backends.torch.compiler import background, program

    mode, compiler, cache, size, problem = program.mode(), cpp_compiler(), None, 0, None
    try:
        cache = background.cache_folder()
        size = sum(path.stat().st_size for path in cache.iterdir())
    except OSError as error:
        problem = f"there is no folder for compiled graphs: {error}"
    if compiler is None:
        problem = "graphs of CPU tensors run uncompiled: there is no C++ compiler (set CXX, or install g++)"
    if mode in ("0", "eager"):
        problem = f"switched off by TRICERAS_TORCH_COMPILE={mode}"
    return Diagnosis(mode, compiler, cache, size, problem)


def cpp_compiler() -> str | None:
    """Path of the C++ compiler that Inductor would use; None if there is none."""
    import shutil

    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler

    try:
        found = get_cpp_compiler()
    except (InvalidCxxCompiler, RuntimeError):
        return None
    return shutil.which(found) or found
