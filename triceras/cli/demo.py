"""The main job, which is `examples/switch_backends.py`: written once, run from here and from there."""

from __future__ import annotations

import argparse
import pathlib
import runpy

from triceras.cli import UserError

# Beside this file in an installed package, where readers look for it in a checkout.
PLACES = (
    pathlib.Path(__file__).parent / "examples/switch_backends.py",
    pathlib.Path(__file__).parents[2] / "examples/switch_backends.py",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    script = next((place for place in PLACES if place.is_file()), None)
    if script is None:
        raise UserError("this installation lacks examples/switch_backends.py; reinstall triceras")
    example = runpy.run_path(str(script))
    example["add_arguments"](parser)
    parser.set_defaults(job=example["run"])


def run(options: argparse.Namespace) -> int:
    try:
        return options.job(options)
    except ModuleNotFoundError as error:
        if error.name in ("sklearn", "matplotlib"):
            raise UserError(f'the demo needs {error.name}: pip install "triceras[demo]"') from error
        raise
