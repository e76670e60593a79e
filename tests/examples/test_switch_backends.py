"""The main job keeps its promises, and says so where it can't."""

import runpy

import pytest

from tools.check_architecture import ROOT
from triceras.cli import main
from triceras.core import registry

pytestmark = pytest.mark.slow
SCRIPT = ROOT / "examples/switch_backends.py"


def test_the_main_job(tmp_path, capsys):
    pytest.importorskip("sklearn")
    status = main(["demo", f"--output={tmp_path}"])
    shown = capsys.readouterr().out
    assert status == 0, shown
    assert "As promised" in shown and "Largest difference" in shown
    assert (tmp_path / "digits.keras").stat().st_size > 10_000
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")


def test_without_some_backends_it_says_so_and_uses_the_others(capsys, monkeypatch):
    example = runpy.run_path(str(SCRIPT))
    monkeypatch.setattr(registry, "installed", lambda: ("jax", "numpy"))
    assert example["installed_trainers"]() == ["jax"]
    shown = capsys.readouterr().out
    assert "torch is not installed" in shown and "triceras[torch]" in shown and "triceras[tensorflow]" in shown
