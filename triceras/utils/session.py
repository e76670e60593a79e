"""`clear_session`: names count from the beginning again."""

from __future__ import annotations

import gc

from triceras.core import naming


def clear_session(free_memory: bool = True) -> None:
    """Start automatic names anew. Models are held by nothing but your own references.

    Args:
        free_memory: whether Python's garbage collector runs, too.
    """
    naming.reset_names()
    if free_memory:
        gc.collect()
