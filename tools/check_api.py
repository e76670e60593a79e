#!/usr/bin/env python3
"""Compares the public API of Triceras with Keras's, name by name and signature by signature.

    python tools/check_api.py                       # every namespace: a table, then what is missing or differs
    python tools/check_api.py config backend        # only these namespaces (the first part of a name after `keras.`)
    python tools/check_api.py --names-only layers   # presence only, no signatures

`tests/data/keras_api.json` holds the public names of Keras 3.15.1 with their call signatures. A name matches when it
exists under triceras and every parameter of Keras's signature is there with the same name, order and default. Further
parameters are allowed where they have defaults and come after Keras's. Exit status: 0 if all asked for match, else 1.
"""

import argparse
import ast
import collections
import importlib
import inspect
import json
import pathlib
import sys
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parent.parent
API = ROOT / "tests/data/keras_api.json"
OPAQUE = "<object>"
PLAIN = (int, float, str, bool, tuple, list, dict, type(None))
Parameter = tuple[str, str | None]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("namespaces", nargs="*")
    parser.add_argument("--names-only", action="store_true")
    parser.add_argument("--most", type=int, default=60, help="findings to print")
    options = parser.parse_args()

    sys.path.insert(0, str(ROOT))
    asked = {n: row for n, row in read_api().items() if not options.namespaces or namespace(n) in options.namespaces}
    findings = {name: reason for name, row in asked.items() if (reason := check(name, row, options.names_only))}
    total = collections.Counter(map(namespace, asked))
    lacking = collections.Counter(map(namespace, findings))
    for space in sorted(total):
        print(f"{space:16s} {total[space] - lacking[space]:4d} / {total[space]}")
    for name, reason in list(findings.items())[: options.most]:
        print(f"{name}: {reason}")
    if len(findings) > options.most:
        print(f"… and {len(findings) - options.most} more")
    print(f"{len(asked) - len(findings)} of {len(asked)} match")
    return 1 if findings else 0


def read_api() -> dict[str, dict]:
    """Keras's public names: each with its kind, signature, methods and properties."""
    return json.loads(API.read_text(encoding="utf-8"))["names"]


def namespace(name: str) -> str:
    parts = name.split(".")
    return parts[1] if len(parts) > 2 else "(root)"


def check(name: str, row: dict, names_only: bool = False) -> str | None:
    """What our counterpart of Keras's `name` lacks, or None where it matches."""
    ours = resolve("triceras" + name.removeprefix("keras"))
    if ours is None:
        return "missing"
    if names_only or row["kind"] == "value":
        return None
    if reason := difference(row["signature"], ours):
        return reason
    members = [*row["methods"], *row["properties"]] if row["kind"] == "class" else []
    lacking = [member for member in members if not hasattr(ours, member)]
    return "lacks " + ", ".join(lacking) if lacking else None


def resolve(name: str) -> Any:
    """The object behind a dotted name, or None."""
    parts = name.split(".")
    found = importlib.import_module(parts[0])
    for i, part in enumerate(parts[1:], 2):
        if not hasattr(found, part):
            try:
                importlib.import_module(".".join(parts[:i]))
            except ImportError:
                return None
        found = getattr(found, part, None)
    return found


def difference(signature: str | None, ours: Any) -> str | None:
    """Why a callable doesn't take what Keras's takes, or None."""
    mine = own_parameters(ours)
    if signature is None or mine is None:
        return None
    names = [name for name, _ in mine]
    takes_any_keyword = any(name.startswith("**") for name in names)
    position = -1
    for name, default in keras_parameters(signature):
        if name.startswith("*") or (name not in names and takes_any_keyword):
            continue
        if name not in names:
            return f"no parameter {name!r}"
        if names.index(name) < position:
            return f"parameter {name!r} is out of order"
        position = names.index(name)
        if not same_default(default, mine[position][1]):
            return f"default of {name!r}: {mine[position][1]} instead of {default}"
    return None


def own_parameters(ours: Any) -> list[Parameter] | None:
    """[(name, text of the default or None)] without self; `*` and `**` stay with their names."""
    try:
        signature = inspect.signature(ours)
    except (TypeError, ValueError):
        return None
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    return [
        (stars.get(p.kind, "") + p.name, None if p.default is p.empty else text_of(p.default))
        for p in signature.parameters.values()
        if p.name != "self"
    ]


def text_of(default: Any) -> str:
    return repr(default) if isinstance(default, PLAIN) else OPAQUE


def keras_parameters(signature: str) -> list[Parameter]:
    """The same list, from the one-line text in keras_api.json."""
    function = ast.parse(f"def f{signature.replace(OPAQUE, repr(OPAQUE))}: pass").body[0]
    args = function.args
    positional = args.posonlyargs + args.args
    defaults = [None] * (len(positional) - len(args.defaults)) + args.defaults
    pairs = [*zip(positional, defaults, strict=True), *zip(args.kwonlyargs, args.kw_defaults, strict=True)]
    found = [(arg.arg, None if default is None else ast.unparse(default)) for arg, default in pairs]
    return found + ([("**" + args.kwarg.arg, None)] if args.kwarg else [])


def same_default(theirs: str | None, ours: str | None) -> bool:
    if theirs is None or ours is None:
        return theirs is ours
    if theirs == ours or ours == OPAQUE or OPAQUE in theirs:
        return True
    try:
        return ast.literal_eval(theirs) == ast.literal_eval(ours)
    except (ValueError, SyntaxError):
        return False


if __name__ == "__main__":
    raise SystemExit(main())
