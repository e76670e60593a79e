"""Where progress and messages go: standard output when interactive logging is on, else the `triceras` logger."""

from __future__ import annotations

import logging
import sys

_interactive = True


def enable_interactive_logging() -> None:
    """Print progress bars and messages to standard output (the default)."""
    global _interactive
    _interactive = True


def disable_interactive_logging() -> None:
    """Send progress bars and messages to `logging.getLogger("triceras")` instead; `verbose="auto"` then means 2."""
    global _interactive
    _interactive = False


def is_interactive_logging_enabled() -> bool:
    """Whether progress bars and messages go to standard output."""
    return _interactive


def print_msg(message: str, line_break: bool = True) -> None:
    """Show a message to the user.

    Args:
        message: the text.
        line_break: whether a new line follows it.
    """
    if not _interactive:
        logging.getLogger("triceras").info(message)
        return
    text = message + "\n" if line_break else message
    try:
        sys.stdout.write(text)
    except UnicodeEncodeError:  # a terminal that can't show the bar
        sys.stdout.write(text.encode("ascii", errors="ignore").decode())
    sys.stdout.flush()
