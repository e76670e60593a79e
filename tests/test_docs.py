"""What the documents show runs as written."""

import doctest
import importlib
import pathlib
import re

import numpy as np
import pytest

import triceras
from tools.check_architecture import ROOT, python_files

MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in python_files(ROOT, "triceras")
    if ">>>" in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name, trainable_backend, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    for example in doctest.DocTestFinder().find(module, extraglobs={"triceras": triceras, "np": np}):
        triceras.utils.clear_session(free_memory=False)  # names are counted from the start
        runner.run(example)
    assert runner.failures == 0 and runner.tries > 0


def test_every_layer_has_an_example():
    classes = {name: x for name in triceras.layers.__all__ if isinstance(x := getattr(triceras.layers, name), type)}
    assert [name for name, x in classes.items() if ">>>" not in (x.__doc__ or "")] == []


@pytest.mark.slow
def test_readme_blocks_run_in_order(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 3
    scope = {}
    for block in blocks:
        assert len(block.strip().splitlines()) <= 10
        exec(block, scope)
    assert pathlib.Path("model.keras").exists() and scope["value"] >= 0


@pytest.mark.slow
@pytest.mark.parametrize("document", ["docs/distribution.md"])
def test_blocks_of_guides_run_in_order(document, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    before = triceras.config.backend()
    scope = {}
    try:
        for block in re.findall(r"```python\n(.*?)```", (ROOT / document).read_text(encoding="utf-8"), re.DOTALL):
            exec(block, scope)
    finally:
        triceras.config.set_backend(before)
    assert "model" in scope


def test_contributing_is_short():
    assert len((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").splitlines()) <= 60


@pytest.mark.parametrize("document", ["docs/how_it_works.md", "CONTRIBUTING.md", "README.md"])
def test_the_files_that_a_document_names_exist(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    named = re.findall(r"`([\w/.]*/(?:[\w.]+\.(?:py|txt|md))?)`", text)
    folders = [ROOT, ROOT / "triceras"]
    assert named and not [name for name in named if not any((folder / name).exists() for folder in folders)]
