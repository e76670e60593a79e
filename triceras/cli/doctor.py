"""Say what is installed and works: Python, each backend with a verified computation, and which one is the default."""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import platform
import subprocess
import sys

from triceras.cli.probe import TOLERANCE
from triceras.core import config, registry

SECONDS = 180  # until a backend that doesn't come back counts as broken


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(options: argparse.Namespace) -> int:
    report = examine()
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        show(report)
    return 0 if report["healthy"] else 1


def examine() -> dict:
    """The whole report: `python`, `backends` by name, `settings`, `advice`; `healthy` if all that is there works."""
    backends = {name: examine_backend(name) for name in registry.known()}
    settings = examine_settings()
    problems = [settings["problem"]] + [row["problem"] for row in backends.values() if row["installed"]]
    return {
        "triceras": _version(),
        "python": {"version": platform.python_version(), "executable": sys.executable, "platform": platform.platform()},
        "backends": backends,
        "settings": settings,
        "advice": advice(backends, settings),
        "healthy": not any(problems),
    }


def examine_backend(name: str) -> dict:
    """One backend's row, found out in a process of its own; `problem` is None where all is well."""
    info = registry.known()[name]
    row = {"installed": registry.is_installed(info), "install": f'pip install "{info.requirement}"', "problem": None}
    if not row["installed"]:
        return {**row, "problem": f"{info.framework} isn't installed"}
    try:
        done = _probe(name)
    except subprocess.TimeoutExpired:
        return {**row, "problem": f"gave no answer within {SECONDS} seconds"}
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"ended with status {done.returncode}"]
        return {**row, "problem": last[0]}
    row |= json.loads(done.stdout.splitlines()[-1])
    wrong = not row["max_difference"] <= TOLERANCE
    return {**row, "problem": f"computes wrongly: {row['max_difference']:.1e} from NumPy" if wrong else None}


def _probe(name: str) -> subprocess.CompletedProcess:
    package = str(pathlib.Path(__file__).parents[2])
    paths = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    env = {**os.environ, "PYTHONPATH": paths}
    command = [sys.executable, "-P", "-m", "triceras.cli.probe", name]
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, env=env)


def examine_settings() -> dict:
    """What the environment, `keras.json` and the default say of the backend, which of them wins, and what is wrong."""
    path = config.keras_home() / "keras.json"
    found = {
        "KERAS_BACKEND": os.environ.get("KERAS_BACKEND") or None,
        "keras.json": {"path": str(path), "exists": path.exists(), "settings": None},
        "first_installed": next(name for name, info in registry.known().items() if registry.is_installed(info)),
        "backend": None,
        "chosen_by": None,
        "problem": None,
    }
    try:
        found["keras.json"]["settings"] = config.read_keras_json()
        found["backend"], found["chosen_by"] = registry.choose_default()
    except ValueError as error:
        found["problem"] = str(error)
        return found
    info = registry.known()[found["backend"]]
    if not registry.is_installed(info):
        found["problem"] = f"{found['chosen_by']} asks for {info.name}, but {info.framework} isn't installed"
    return found


def advice(backends: dict, settings: dict) -> list[str]:
    """What to do next, a line each."""
    lines = [f"{name}: {row['install']}" for name, row in backends.items() if not row["installed"]]
    lines += [f"{name}: {row['problem']}" for name, row in backends.items() if row["installed"] and row["problem"]]
    if not any(row.get("trains") for row in backends.values()):
        lines.append("no backend here can train: install one of the above")
    if settings["problem"]:
        lines.append(f"settings: {settings['problem']}")
    return lines


def show(report: dict) -> None:
    """Print the report as tables."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    python = report["python"]
    console.print(f"[bold]Triceras {report['triceras']}[/] on Python {python['version']} ({python['executable']})")
    console.print(f"{python['platform']}\n")
    table = Table("backend", "version", "devices", "loads in", "trains", "agrees with NumPy")
    for name, row in report["backends"].items():
        table.add_row(name, *(escape(cell) for cell in _cells(row)))
    console.print(table)
    for name, row in report["backends"].items():
        if "compiler" in row:
            console.print(f"Compiling on {name}: {escape(_compiling(row))}", soft_wrap=True)
    settings = report["settings"]
    table = Table("setting", "says", title="Which backend is the default", title_justify="left")
    table.add_row("KERAS_BACKEND", settings["KERAS_BACKEND"] or "not set")
    table.add_row(settings["keras.json"]["path"], escape(_file_says(settings["keras.json"])))
    table.add_row("first that is installed", settings["first_installed"])
    table.add_row("[bold]used[/]", f"[bold]{settings['backend']}[/] ({settings['chosen_by']})")
    console.print(table)
    for line in report["advice"]:
        console.print(f"[yellow]→[/] {escape(line)}", soft_wrap=True)
    console.print("[green]All that is installed works.[/]" if report["healthy"] else "[red]Something needs mending.[/]")


def _cells(row: dict) -> list[str]:
    if "version" not in row:
        return ["does not load" if row["installed"] else "not installed", "", "", "", ""]
    verdict = "no" if row["problem"] else f"within {row['max_difference']:.0e}"
    trains = "yes" if row["trains"] else "no"
    return [row["version"], ", ".join(row["devices"]), f"{row['load_seconds']:.2f} s", trains, verdict]


def _compiling(row: dict) -> str:
    told = "; ".join(f"{what}: {found}" for what, found in row["compiler"])
    return told or ("no verified result" if row["problem"] else "works, and needs nothing else")


def _file_says(file: dict) -> str:
    if not file["exists"]:
        return "no such file"
    return "can't be used" if file["settings"] is None else file["settings"].get("backend", "nothing of a backend")


def _version() -> str:
    import triceras

    return triceras.__version__
