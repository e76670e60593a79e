"""The `triceras` command. Each subcommand is a module here with `add_arguments(parser)` and `run(options)`."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

COMMANDS = {
    "bench": "compare backends on a saved model or a script, and recommend one",
    "demo": "the main job: one model on every backend, on real data",
    "doctor": "check Python, the backends and the settings",
    "launch": "run a script in several processes that train together",
    "run": "run a Keras script with `import keras` meaning Triceras",
}


class UserError(Exception):
    """What the user can mend: printed as one line without a traceback; exit status 2."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status. Only the module of the command that was asked for is imported.

    Args:
        arguments: the words after `triceras`; those of the process by default.

    Example:
    >>> from triceras.cli import main
    >>> main(["run", "missing.py"])
    2
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser("triceras", description="Keras 3's API with backends that switch live.")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    try:
        for name, summary in COMMANDS.items():
            subparser = commands.add_parser(name, help=summary, description=summary)
            if name in words[:1]:
                module = importlib.import_module(f"triceras.cli.{name}")
                module.add_arguments(subparser)
                subparser.set_defaults(run=module.run)
        options = parser.parse_args(words)
        return options.run(options)
    except UserError as error:
        print(f"triceras: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
