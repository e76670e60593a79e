#!/usr/bin/env python3
"""Write docs/ops.md: what each op is made of on each backend, and what the conformance suite tries on it.

    python tools/ops_table.py

Needs every built-in backend's framework, since only a loaded backend knows its own functions.
"""

from __future__ import annotations

import os
import pathlib
import re
import sys
from collections.abc import Iterator

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from triceras import ops
from triceras.backends import BUILTIN
from triceras.backends.sparse import KEEPS
from triceras.core import dtypes, registry
from triceras.ops.op import METHODS, OPS, Op
from triceras.testing.samples import CASES

TARGET = pathlib.Path(__file__).resolve().parent.parent / "docs/ops.md"
HEADER = """# Every op on every backend

Made by `python tools/ops_table.py`: edit that, not this page. A test compares the two.

A *primitive* is supplied by every backend; all other ops are *composites*, written with those. `own` marks a function
that a backend has itself; where the cell is empty, it runs the composite's body. *Dtypes* are those of the arrays that
the conformance suite tries (`b` is bool, `u8` uint8, `bf16` bfloat16, and so on); what an op makes of other dtypes
follows from Keras's promotion. *Gradient*: whether the suite compares it with the slope of the NumPy reference. Control
flow has tests of its own and neither.

*Sparse*: which arguments must be sparse tensors (TensorFlow's `SparseTensor`, JAX's `BCOO`) for a sparse result: the
one that is named, `any` of the tensors or `all` of them; `sparse=True` makes a sparse tensor of dense ones. All other
ops, and these where a sparse tensor would have to be broadcast, give dense results.
"""
SHORT = {"bool": "b", "uint": "u", "int": "i", "float": "f", "complex": "c", "bfloat": "bf"}
ORDER = ("bool", *dtypes.INTEGERS, *dtypes.FLOATS, *dtypes.COMPLEX)


def page() -> str:
    """The text of docs/ops.md."""
    return "\n".join([HEADER, *counts(), *(line for module in families() for line in section(module)), *others()])


def counts() -> Iterator[str]:
    """How many ops there are, and how many of them each backend writes itself."""
    own = [f"{name} {sum(bool(cell(op, name)) for op in OPS.values())}" for name in BUILTIN]
    primitive = sum(op.body is None for op in OPS.values())
    yield f"{len(OPS)} ops, {primitive} of them primitives. Functions of their own: {', '.join(own)}.\n"


def families() -> list[str]:
    """The modules that declare ops; those of `ops.image` last."""
    return sorted({op.__module__ for op in OPS.values()}, key=lambda module: (module.count("."), module))


def section(module: str) -> Iterator[str]:
    """The heading and the table of one module's ops."""
    title = re.split(r"[:.](?:\s|$)", sys.modules[module].__doc__, maxsplit=1)[0]
    yield f"## {title}\n\n`{module.replace('.', '/')}.py`\n"
    yield f"| op | | {' | '.join(BUILTIN)} | dtypes | gradient | sparse |"
    yield f"|---|---|{'---|' * len(BUILTIN)}---|---|---|"
    for name, op in sorted(OPS.items()):
        if op.__module__ == module:
            yield f"| {' | '.join(row(name, op))} |"
    yield ""


def row(name: str, op: Op) -> list[str]:
    """The cells of one op."""
    case = CASES.get(name)
    gradient = case and case.gradient and any(sample.differentiable for sample in case.samples)
    tried = {x.dtype.name for sample in case.samples for x in sample.arrays} if case else ()
    return [
        f"`{op.namespace}.{name}`".replace("`ops.", "`"),
        "composite" if op.body else "primitive",
        *(cell(op, backend) for backend in BUILTIN),
        " ".join(short(dtype) for dtype in ORDER if dtype in tried),
        "tested" if gradient else "",
        sparse(op),
    ]


def cell(op: Op, backend: str) -> str:
    """Whether a backend has a function of its own for an op."""
    return "own" if op.name in METHODS or registry.get(backend).find(op.name) else ""


def sparse(op: Op) -> str:
    """Of which sparse arguments an op makes a sparse result."""
    keeps, made = KEEPS.get(op.name), "`sparse=True`" if "sparse" in op.signature.parameters else ""
    if keeps is None:
        return made
    first, *others = op.rule.tensors if op.rule else ("x",)
    if not others and not first.startswith("*"):
        return ", ".join(filter(None, [first, made]))
    several = {(True, True): "any", (False, False): "all"}
    return ", ".join(filter(None, [several.get((keeps([True, False]), keeps([False, True])), first), made]))


def short(dtype: str) -> str:
    """A dtype's name in two or three letters."""
    kind = dtype.rstrip("0123456789")
    return SHORT[kind] + dtype.removeprefix(kind)


def others() -> Iterator[str]:
    """What is public in `ops` and not in the tables."""
    names = sorted(name for name in ops.__all__ if name not in OPS and name != "image")
    yield "## Functions over these, the same on every backend\n"
    yield f"{', '.join(f'`{name}`' for name in names)}\n"


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
