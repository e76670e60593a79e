#!/usr/bin/env python3
"""The rules of the architecture, as small scripts: run by `make lint`, by CI and as tests.

    python tools/check_architecture.py            # every rule; prints what breaks it; exit status 1 if anything does
    python tools/check_architecture.py --budgets  # also the table of lines used and allowed

Each rule is a function that takes the repository's root and returns findings, one line each.
"""

import argparse
import ast
import pathlib
from collections.abc import Callable, Iterator

ROOT = pathlib.Path(__file__).resolve().parent.parent
BACKENDS = ("numpy", "jax", "torch", "tensorflow")
FRAMEWORKS = {"jax", "jaxlib", "optax", "torch", "torchvision", "tensorflow", "keras", "tf_keras"}
FILE_LINES = 1_000
FUNCTION_LINES = 50

# What each part may grow to, in lines with docstrings. Parts are folders or files under the repository's root.
BUDGETS = {
    "core": (["triceras/core"], 2_500),
    "ops": (["triceras/ops", "triceras/random.py"], 8_500),
    "backends": (["triceras/backends/*.py", "triceras/backends/*/*.py"], 7_500),
    "their compilers, sparse tensors, bridges, engines": (["triceras/backends/*/*/*.py"], 4_000),
    "layers": (["triceras/layers"], 10_500),
    "preprocessing": (["triceras/preprocessing"], 5_000),
    "models": (["triceras/models"], 2_500),
    "training": (["triceras/training", "triceras/callbacks.py"], 5_000),
    "losses, metrics, optimizers": (["triceras/losses", "triceras/metrics", "triceras/optimizers"], 7_000),
    "initializers, regularizers, constraints, activations": (
        [f"triceras/{name}.py" for name in ("initializers", "regularizers", "constraints", "activations")],
        1_500,
    ),
    "saving": (["triceras/saving"], 3_000),
    "quantization": (["triceras/quantization"], 2_500),
    "distribution, export, utils, cli": ([f"triceras/{n}" for n in ("distribution", "export", "utils", "cli")], 6_500),
    "applications, datasets": (["triceras/applications", "triceras/datasets"], 4_500),
    "testing": (["triceras/testing"], 3_000),
    "tests": (["tests"], 28_000),
    "a newcomer's path": (
        ["docs/how_it_works.md", "triceras/core", "triceras/ops/op.py", "triceras/ops/rules.py"]
        + ["triceras/backends/numpy", "triceras/layers/layer.py", "triceras/layers/core.py"]
        + ["triceras/models/model.py", "triceras/training/trainer.py"],
        6_000,
    ),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budgets", action="store_true", help="print the lines that each part uses and may use")
    if parser.parse_args().budgets:
        for part, (paths, most) in BUDGETS.items():
            print(f"{part:55s} {lines_in(ROOT, paths):6,} of {most:6,}")
    findings = [finding for rule in RULES for finding in rule(ROOT)]
    print("\n".join(findings) if findings else f"architecture: {len(RULES)} rules hold")
    return 1 if findings else 0


# --- the rules --------------------------------------------------------------------------------------------------------


def framework_imports(root: pathlib.Path) -> list[str]:
    """A framework is imported only under backends/<its name>/."""
    return [
        f"{where}: imports {name}: only triceras/backends/ may"
        for path in outside_backends(root)
        for where, name in imported(root, path)
        if name.split(".")[0] in FRAMEWORKS
    ]


def foreign_imports(root: pathlib.Path) -> list[str]:
    """A backend imports its own framework and no other."""
    found = []
    for backend in BACKENDS:
        others = FRAMEWORKS - {backend, f"{backend}lib", f"{backend}vision"}
        for path in python_files(root, f"triceras/backends/{backend}"):
            names = [(where, name) for where, name in imported(root, path) if name.split(".")[0] in others]
            found += [f"{where}: the {backend} backend imports {name}" for where, name in names]
    return found


def backend_comparisons(root: pathlib.Path) -> list[str]:
    """No code outside backends/ asks which backend it runs on: the difference belongs into the backend."""
    return [
        f"{place(root, path, node)}: compares a backend's name; let the backend supply the difference"
        for path in outside_backends(root)
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Compare | ast.MatchValue) and set(strings_in(node)) & set(BACKENDS)
    ]


def same_backend_files(root: pathlib.Path) -> list[str]:
    """Every backend has the same file names, so that a reader who knows one knows all; folders inside are its own."""
    folders = {name: root / "triceras/backends" / name for name in BACKENDS}
    files = {name: {path.name for path in folder.glob("*.py")} for name, folder in folders.items()}
    every = set().union(*files.values())
    return [
        f"triceras/backends/{name}: lacks {', '.join(sorted(every - has))}, which another backend has"
        for name, has in files.items()
        if has != every
    ]


def file_lengths(root: pathlib.Path) -> list[str]:
    """A file has at most 1,000 lines."""
    return [
        f"{path.relative_to(root)}: {length:,} lines, at most {FILE_LINES:,}"
        for part in ("triceras", "tests", "tools", "examples", "benchmarks")
        for path in python_files(root, part)
        if (length := len(text_lines(path))) > FILE_LINES
    ]


def function_lengths(root: pathlib.Path) -> list[str]:
    """A function has at most 50 lines; its signature, which Keras gives, and its docstring are not counted."""
    return [
        f"{place(root, path, node)}: {node.name} has {length} lines, at most {FUNCTION_LINES}"
        for path in python_files(root, "triceras")
        for node in ast.walk(parse(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (length := body_length(node)) > FUNCTION_LINES
    ]


def budgets(root: pathlib.Path) -> list[str]:
    """Each part of the package keeps to its budget of lines."""
    return [
        f"{part}: {used:,} lines, at most {most:,}"
        for part, (paths, most) in BUDGETS.items()
        if (used := lines_in(root, paths)) > most
    ]


def every_part_has_a_budget(root: pathlib.Path) -> list[str]:
    """A new folder of the package is entered in the table of budgets."""
    known = {path for paths, _ in BUDGETS.values() for path in paths}
    folders = [path for path in (root / "triceras").iterdir() if path.is_dir() and any(path.rglob("*.py"))]
    return [
        f"triceras/{path.name}: no budget in tools/check_architecture.py"
        for path in folders
        if not any(f"{part}/".startswith(f"triceras/{path.name}/") for part in known)
    ]


RULES: list[Callable[[pathlib.Path], list[str]]] = [
    framework_imports,
    foreign_imports,
    backend_comparisons,
    same_backend_files,
    file_lengths,
    function_lengths,
    budgets,
    every_part_has_a_budget,
]

# --- reading the tree -------------------------------------------------------------------------------------------------


def python_files(root: pathlib.Path, part: str) -> list[pathlib.Path]:
    return sorted((root / part).rglob("*.py"))


def outside_backends(root: pathlib.Path) -> list[pathlib.Path]:
    return [path for path in python_files(root, "triceras") if root / "triceras/backends" not in path.parents]


def parse(path: pathlib.Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def place(root: pathlib.Path, path: pathlib.Path, node: ast.AST) -> str:
    return f"{path.relative_to(root)}:{node.lineno}"


def imported(root: pathlib.Path, path: pathlib.Path) -> Iterator[tuple[str, str]]:
    """(place, module) of every absolute import, those through `import_module("…")` and `__import__("…")` too."""
    for node in ast.walk(parse(path)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__"):
            names = list(strings_in(*node.args[:1]))
        for name in names:
            yield place(root, path, node), name


def strings_in(*nodes: ast.AST) -> Iterator[str]:
    for node in nodes:
        for part in ast.walk(node):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                yield part.value


def body_length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    documented = ast.get_docstring(function, clean=False) is not None
    body = function.body[1:] if documented else function.body
    return function.end_lineno - body[0].lineno + 1 if body else 0


def lines_in(root: pathlib.Path, paths: list[str]) -> int:
    total = 0
    for part in paths:
        for path in root.glob(part):
            files = [path] if path.is_file() else python_files(root, str(path.relative_to(root)))
            total += sum(len(text_lines(file)) for file in files)
    return total


def text_lines(path: pathlib.Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


if __name__ == "__main__":
    raise SystemExit(main())
