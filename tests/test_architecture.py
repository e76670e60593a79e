"""The architecture's rules hold, and each of them can fail."""

import pathlib

import pytest

from tools import check_architecture as checks

PRIMITIVES = pathlib.Path(__file__).parent / "data/primitives.txt"
MOST_PRIMITIVES = 120


@pytest.mark.parametrize("rule", checks.RULES, ids=lambda rule: rule.__name__)
def test_rule_holds(rule):
    assert rule(checks.ROOT) == []


def write(root, **files):
    """A small tree that keeps every rule, with some files replaced; `__` in a name stands for `/`."""
    sound = {f"triceras__backends__{name}__math": "" for name in checks.BACKENDS}
    for name, text in {**sound, **files}.items():
        path = root / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_rules_hold_for_a_sound_tree(tmp_path):
    root = write(tmp_path, triceras__backends__jax__math="import jax", triceras__core__tree="import numpy")
    assert [finding for rule in checks.RULES for finding in rule(root)] == []


@pytest.mark.parametrize(
    "code",
    [
        "import torch",
        "from jax import numpy",
        "def f():\n    import tensorflow as tf",
        "import importlib\nimportlib.import_module('keras.layers')",
        "__import__('optax')",
    ],
)
def test_framework_imports_are_found(tmp_path, code):
    (found,) = checks.framework_imports(write(tmp_path, triceras__layers__core=code))
    assert found.startswith("triceras/layers/core.py:") and "only triceras/backends/ may" in found


def test_foreign_imports_are_found(tmp_path):
    root = write(tmp_path, triceras__backends__jax__math="import jax, torch")
    assert checks.foreign_imports(root) == ["triceras/backends/jax/math.py:1: the jax backend imports torch"]


@pytest.mark.parametrize(
    "code",
    [
        "if backend() == 'jax': pass",
        "x = name in ('torch', 'tensorflow')",
        "x = 'numpy' != backend.name",
        "match name:\n    case 'jax': pass",
    ],
)
def test_backend_comparisons_are_found(tmp_path, code):
    assert len(checks.backend_comparisons(write(tmp_path, triceras__layers__core=code))) == 1
    assert checks.backend_comparisons(write(tmp_path, triceras__layers__core="x = kind == 'relu'")) == []


def test_unequal_backend_files_are_found(tmp_path):
    root = write(tmp_path, triceras__backends__torch__extra="", triceras__backends__torch__compiler__capture="")
    assert len(checks.same_backend_files(root)) == 3
    assert "triceras/backends/jax: lacks extra.py" in checks.same_backend_files(root)[1]


def test_long_files_are_found(tmp_path):
    root = write(tmp_path, triceras__core__tree="\n" * 1_000, triceras__core__spec="\n" * 1_001)
    assert checks.file_lengths(root) == ["triceras/core/spec.py: 1,001 lines, at most 1,000"]


def test_long_functions_are_found_without_counting_their_docstrings(tmp_path):
    good = "def f(\n    x,\n):\n" + '    """' + "\n" * 40 + '"""\n' + "    x = 1\n" * 50
    bad = "def g():\n" + "    x = 1\n" * 51
    root = write(tmp_path, triceras__core__tree=good, triceras__core__spec=bad)
    assert checks.function_lengths(root) == ["triceras/core/spec.py:1: g has 51 lines, at most 50"]


def test_budgets_are_kept(tmp_path):
    root = write(tmp_path, triceras__testing__samples="\n" * 3_100, triceras__novelty__thing="")
    assert checks.budgets(root) == ["testing: 3,100 lines, at most 3,000"]
    assert checks.every_part_has_a_budget(root) == ["triceras/novelty: no budget in tools/check_architecture.py"]


def test_the_list_of_primitives_is_frozen():
    """A new primitive is work for every backend and every plug-in: prefer a composite, or add it to the list."""
    import triceras.ops  # noqa: F401 - declares all of them
    from triceras.ops.op import primitives

    frozen = PRIMITIVES.read_text().split()
    assert primitives() == frozen
    assert len(frozen) <= MOST_PRIMITIVES
