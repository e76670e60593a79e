"""docs/ops.md says what is so."""

import pytest

from tools import ops_table
from triceras.backends import BUILTIN
from triceras.core import registry
from triceras.ops.op import OPS

pytestmark = pytest.mark.skipif(
    not set(BUILTIN) <= set(registry.installed()), reason="only a loaded backend knows its own functions"
)


def rows(text):
    cells = [[c.strip() for c in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| `")]
    return {name.strip("`"): rest for name, *rest in cells}


def test_the_page_is_what_the_tool_makes():
    expected = ops_table.page()
    assert ops_table.TARGET.read_text(encoding="utf-8") == expected, "run: python tools/ops_table.py"
    assert len(rows(expected)) == len(OPS)


def test_a_row_tells_a_primitive_from_a_composite_and_who_writes_it(monkeypatch):
    found = rows(ops_table.page())
    width = len(BUILTIN)
    assert all(row[1 : 1 + width] == ["own"] * width for row in found.values() if row[0] == "primitive")
    assert "i8" in found["matmul"][-3].split() and (found["matmul"][-2], found["argmax"][-2]) == ("tested", "")
    sparse = {"exp": "", "sin": "x", "add": "all", "multiply": "any", "divide": "x1", "concatenate": "all", "sum": "x"}
    sparse |= {"one_hot": "`sparse=True`", "multi_hot": "`sparse=True`", "bincount": "x, `sparse=True`", "abs": "x"}
    assert {name: found[name][-1] for name in sparse} == sparse
    assert found["outer"][:-3] == ["composite", *[""] * width]
    numpy = registry.get("numpy")
    before = numpy.find
    monkeypatch.setattr(numpy, "find", lambda name: print if name == "outer" else before(name))
    changed = rows(ops_table.page())["outer"]
    assert [name for name, cell in zip(BUILTIN, changed[1:], strict=False) if cell] == ["numpy"]
