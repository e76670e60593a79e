"""`triceras doctor` tells what is there, what is chosen and what to do."""

import importlib.util
import json

import pytest

from triceras.cli import doctor, main, probe
from triceras.core import registry

pytestmark = pytest.mark.slow


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    return tmp_path


def test_json_covers_every_backend(home, capsys):
    status = main(["doctor", "--json"])
    report = json.loads(capsys.readouterr().out)
    assert set(report["backends"]) == set(registry.known())
    assert list(home.iterdir()) == []
    assert status == 0 and report["healthy"] and report["settings"]["problem"] is None
    for name, row in report["backends"].items():
        assert row["installed"] == (name in registry.installed())
        if row["installed"]:
            assert row["problem"] is None and row["max_difference"] < 1e-4
            assert row["load_seconds"] > 0 and row["devices"] and row["version"][0].isdigit()
            assert row["trains"] == registry.get(name).has_gradients
            assert row["compiler"] == [list(note) for note in registry.get(name).compiler_notes()]


def test_the_environment_wins_over_the_file_over_the_default(home, monkeypatch):
    first = doctor.examine_settings()
    assert first["backend"] == first["first_installed"] and not first["keras.json"]["exists"]
    (home / "keras.json").write_text('{"backend": "torch"}')
    second = doctor.examine_settings()
    assert (second["backend"], second["chosen_by"]) == ("torch", str(home / "keras.json"))
    monkeypatch.setenv("KERAS_BACKEND", "numpy")
    third = doctor.examine_settings()
    assert (third["backend"], third["chosen_by"], third["KERAS_BACKEND"]) == ("numpy", "KERAS_BACKEND", "numpy")


def test_a_broken_file_and_an_unknown_backend_are_problems(home, monkeypatch):
    (home / "keras.json").write_text('{"backend":\n')
    assert "keras.json, line 2" in doctor.examine_settings()["problem"]
    (home / "keras.json").unlink()
    monkeypatch.setenv("KERAS_BACKEND", "jaxx")
    assert "Unknown backend 'jaxx'" in doctor.examine_settings()["problem"]


def test_a_missing_framework_is_named_with_its_command(home, monkeypatch):
    monkeypatch.setattr(registry, "is_installed", lambda info: info.framework == "numpy")
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    row = doctor.examine_backend("torch")
    assert row["problem"] == "torch isn't installed" and row["install"] == 'pip install "triceras[torch]"'
    settings = doctor.examine_settings()
    assert settings["problem"] == "KERAS_BACKEND asks for torch, but torch isn't installed"
    assert doctor.advice({"torch": row}, settings)[0] == 'torch: pip install "triceras[torch]"'


def test_a_backend_that_fails_takes_only_its_own_row(home, monkeypatch, tmp_path):
    if importlib.util.find_spec("torch") is None:
        pytest.skip("torch is not installed")
    (tmp_path / "torch.py").write_text("raise OSError('libgomp is missing')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    row = doctor.examine_backend("torch")
    assert "libgomp is missing" in row["problem"]
    assert doctor.examine_backend("numpy")["problem"] is None


def test_the_tables_show_the_report(home, capsys):
    report = {
        "triceras": "1.0",
        "python": {"version": "3.11", "executable": "/bin/python", "platform": "Linux"},
        "backends": {"torch": {"installed": False, "install": "pip install x", "problem": "torch isn't installed"}},
        "settings": {**doctor.examine_settings(), "problem": "broken [file]"},
        "advice": ["torch: pip install x", "settings: broken [file]"],
        "healthy": False,
    }
    doctor.show(report)
    shown = capsys.readouterr().out
    for text in ("not installed", "KERAS_BACKEND", "torch: pip install x", "broken [file]", "Something needs mending"):
        assert text in shown


def report_of(**rows):
    return {
        "triceras": "1.0",
        "python": {"version": "3.11", "executable": "/bin/python", "platform": "Linux"},
        "backends": {name: {**WORKING, **row} for name, row in rows.items()},
        "settings": doctor.examine_settings(),
        "advice": [],
        "healthy": True,
    }


WORKING = {
    "installed": True,
    "problem": None,
    "version": "1",
    "devices": ["cpu:0"],
    "load_seconds": 1.0,
    "trains": True,
    "max_difference": 0.0,
    "compiler": [],
}


def test_each_backend_has_a_line_on_compiling(home, capsys):
    notes = [("C++ compiler", "none found"), ("cache", "/home/me [here]")]
    doctor.show(report_of(one={"compiler": notes}, two={}, three={"problem": "computes wrongly"}))
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Compiling on")]
    assert lines == [
        "Compiling on one: C++ compiler: none found; cache: /home/me [here]",
        "Compiling on two: works, and needs nothing else",
        "Compiling on three: no verified result",
    ]


def test_what_is_verified_is_also_compiled(backend, monkeypatch):
    class Wrong(type(registry.get(backend))):
        def jit(self, fn, **options):
            return lambda *args: fn(*args) * 2.0

    assert probe.largest_difference(backend) < probe.TOLERANCE
    monkeypatch.setattr(registry.get(backend), "__class__", Wrong)
    assert probe.largest_difference(backend) > probe.TOLERANCE


def test_a_fake_backends_notes_reach_the_report(home, monkeypatch):
    backend = registry.get("numpy")
    monkeypatch.setattr(type(backend), "compiler_notes", lambda self: [("compiler", "a fake one")])
    assert probe.probe("numpy")["compiler"] == [("compiler", "a fake one")]


def test_torch_says_where_there_is_no_compiler(home, monkeypatch, tmp_path):
    """In a process whose PATH has nothing."""
    torch = pytest.importorskip("torch")
    assert torch
    with_compiler = dict(doctor.examine_backend("torch")["compiler"])
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("CXX", raising=False)
    without = dict(doctor.examine_backend("torch")["compiler"])
    assert set(with_compiler) == set(without) and with_compiler != without
