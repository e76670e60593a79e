"""Run an unmodified Keras script with `import keras` meaning Triceras; real Keras is never imported."""

from __future__ import annotations

import argparse
import os
import pathlib
import runpy
import sys
import traceback

from triceras.cli import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    _add_backend(parser)
    parser.add_argument("script", metavar="SCRIPT", help="a Python file, or a folder with a __main__.py")
    parser.add_argument(
        "arguments",
        nargs=argparse.REMAINDER,
        metavar="ARGUMENTS",
        help="what the script gets; --backend is ours wherever it stands, unless it comes after --",
    )


def run(options: argparse.Namespace) -> int:
    backend, arguments = _split(options)
    script = pathlib.Path(options.script)
    if not (script.is_file() or (script / "__main__.py").is_file()):
        raise UserError(f"no such script: {script} (looked in {pathlib.Path.cwd()})")
    _choose(backend)
    from triceras.compat import install_as_keras

    install_as_keras()
    return _execute(script.resolve(), arguments)


def _add_backend(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--backend", metavar="NAME", help="the backend to start on, as KERAS_BACKEND would say")


def _split(options: argparse.Namespace) -> tuple[str | None, list[str]]:
    """The backend, and the script's own arguments: `--backend` may stand before or behind the script."""
    ours, separator, theirs = partition(options.arguments, "--")
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    _add_backend(parser)
    found, rest = parser.parse_known_args(ours)
    return found.backend or options.backend, [*rest, *theirs] if separator else rest


def partition(words: list[str], mark: str) -> tuple[list[str], bool, list[str]]:
    """The words before a mark, whether there is one, and the words after it."""
    if mark not in words:
        return words, False, []
    at = words.index(mark)
    return words[:at], True, words[at + 1 :]


def _choose(backend: str | None) -> None:
    from triceras.core import config

    try:
        if backend is None:
            config.backend()
        else:
            config.set_backend(backend)
            os.environ["KERAS_BACKEND"] = backend  # for the processes that the script starts
    except (ValueError, ImportError) as error:
        raise UserError(str(error)) from error


def _execute(script: pathlib.Path, arguments: list[str]) -> int:
    sys.argv = [str(script), *arguments]
    sys.path.insert(0, str(script.parent if script.is_file() else script))
    try:
        runpy.run_path(str(script), run_name="__main__")
    except Exception as error:
        traceback.print_exception(type(error), error, _own_frames(error, script))
        if hint := _hint(error):
            print(f"triceras: {hint}", file=sys.stderr)
        return 1
    return 0


def _own_frames(error: BaseException, script: pathlib.Path):
    """The traceback from the script's first frame on, without the machinery that started it."""
    frames = error.__traceback__
    while frames and not frames.tb_frame.f_code.co_filename.startswith(str(script)):
        frames = frames.tb_next
    return frames


def _hint(error: BaseException) -> str | None:
    name = getattr(error, "name", None) or ""
    missing_module = isinstance(error, ImportError) and name.split(".")[0] in ("keras", "triceras")
    missing_name = isinstance(error, AttributeError) and getattr(error.obj, "__name__", "").startswith("triceras")
    if missing_module or missing_name:
        return "the script asks for a part of Keras that Triceras doesn't have yet; README.md lists what there is"
    return None
