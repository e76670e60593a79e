"""The benchmarks' machinery: turns, rows, marks and files; no times are asserted."""

import json

import numpy as np
import pytest

from benchmarks import bars, machine, report, run, timing, workloads

MLP = {"measure": "mlp", "backend": "torch", "kind": "ours", "native": 2e-3, "native_cpu": 2e-3, "cpu": 1e-3}
RECORDS = [
    {**MLP, "stage": "compiled", "value": 0.8e-3},
    {**MLP, "stage": "captured", "value": 1.8e-3},
    {**MLP, "stage": "eager", "value": 0.6e-3},
    {**MLP, "kind": "keras", "stage": "", "native": 1e-3, "value": 4e-3, "cpu": 4e-3},
    {"measure": "memory", "backend": "jax", "kind": "ours", "stage": "", "native": 100.0, "value": 150.0},
    {"measure": "fit", "backend": "jax", "kind": "ours", "stage": "", "native": 1e-3, "value": 1.9e-3},
]


def test_calls_are_taken_in_turn():
    calls = []
    found = timing.interleaved({name: lambda name=name: calls.append(name) for name in "ab"}, 0, least=3)
    assert calls == ["a", "b"] * 3
    assert found["a"].calls == found["b"].calls == 3


def test_a_row_compares_the_faster_graph_with_its_bar_and_keras_by_its_own_run():
    mlp, fit, memory = report.rows(RECORDS)
    assert (mlp.measure, mlp.ours, mlp.bar, mlp.passed) == ("mlp", 0.8e-3, "0.5", True)
    assert [round(x, 6) for x in (mlp.ratio, mlp.other, mlp.keras, mlp.over_keras)] == [0.4, 0.5, 4.0, 0.1]
    assert {stage: round(ratio, 6) for stage, ratio in mlp.stages.items()} == {
        "compiled": 0.4,
        "captured": 0.9,
        "eager": 0.3,
    }
    assert (fit.bar, fit.passed, fit.keras) == ("2 ms", True, None)  # in absolute time
    assert (memory.bar, memory.passed) == ("1.1", False)


def test_the_cpu_clock_decides_where_asked():
    mlp, fit, _ = report.rows(RECORDS, "CPU")
    assert (mlp.ours, mlp.ratio, round(mlp.other, 6)) == (1e-3, 0.5, 0.4)
    assert (fit.ours, fit.other) == (1.9e-3, None)  # it has one clock only


def test_a_missed_bar_is_marked_and_explained(monkeypatch):
    monkeypatch.setitem(bars.NOTES, ("memory", "jax"), "a reason")
    rows = report.rows(RECORDS)
    text = report.markdown(rows, "wall", {"processor": "one"}, "Settings.", ["a remark"])
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert "| train step, MLP, torch | 2 ms | 0.8 ms | 0.40 | 0.50 | 0.5 | ✓ | 4.00 | 0.10 |" in lines
    assert any("100 MB | 150 MB | 1.50" in line and "✗" in line for line in lines)
    assert "* peak memory of 200 steps, Transformer, jax: a reason" in text
    assert "* a remark" in text and "* processor: one" in text and "Settings." in text
    assert "| train step, MLP, torch | 0.40 | 0.90 | 0.30 |" in lines


def test_every_bar_belongs_to_a_measure():
    assert set(bars.RATIOS) | set(bars.SECONDS) | {measure for measure, _ in bars.NOTES} <= set(bars.TITLES)
    assert set(run.SPEED) <= set(bars.TITLES) and set(run.QUICK) <= set(run.SPEED)


def test_a_process_sees_no_cache_and_no_settings_of_the_user(monkeypatch, tmp_path):
    monkeypatch.setenv("TRICERAS_TORCH_COMPILE", "0")
    monkeypatch.setenv("KERAS_BACKEND", "numpy")
    env = machine.environment(str(tmp_path), "jax")
    assert "TRICERAS_TORCH_COMPILE" not in env
    assert (env["KERAS_BACKEND"], env["XDG_CACHE_HOME"], env["OMP_NUM_THREADS"]) == ("jax", str(tmp_path), "1")
    assert "JAX_PLATFORMS" not in machine.environment(str(tmp_path), gpu=True)


def test_all_sides_take_the_same_data():
    x, y = workloads.data("lstm", 5)
    assert x.shape == (5, 32, 16) and y.shape == (5,)
    assert [w.shape for w in workloads.random_weights("lstm")] == workloads.WEIGHTS["lstm"]
    np.testing.assert_array_equal(x, workloads.data("lstm", 5)[0])


def test_a_part_is_written_only_where_asked(tmp_path):
    assert run.parse([]).out == machine.ROOT / "benchmarks"
    assert run.parse(["--quick"]).out is run.parse(["--workloads", "mlp"]).out is None
    assert run.parse(["--quick", "--out", str(tmp_path)]).out == tmp_path


@pytest.mark.slow
def test_one_workload_gives_a_table_and_two_files(tmp_path, capfd):
    pytest.importorskip("optax")
    options = ["--backends", "jax", "--workloads", "mlp", "--sides", "ours", "--seconds", "0.01"]
    assert run.main([*options, "--out", str(tmp_path)]) == 0
    shown = capfd.readouterr().out
    assert "train step, MLP, jax" in shown and "ours / native" in shown
    text = (tmp_path / "RESULTS.md").read_text(encoding="utf-8")
    assert "| train step, MLP, jax |" in text and "processor" in text
    found = json.loads((tmp_path / "results.json").read_text())
    assert [row["measure"] for row in found["rows"]] == ["mlp"]
    assert found["rows"][0]["ratio"] == pytest.approx(found["rows"][0]["ours"] / found["rows"][0]["native"])


OTHER = {"measure": "mlp", "backend": "jax", "stage": "", "value": 1.0}


@pytest.mark.slow
def test_both_sides_compute_the_same_and_else_it_is_said(monkeypatch, capfd):
    pytest.importorskip("optax")
    options = ["--check", "--backends", "jax", "--workloads", "mlp", "--sides", "ours"]
    assert run.main(options) == 0
    assert "same: mlp, ours on jax" in capfd.readouterr().out
    monkeypatch.setattr(run, "child", lambda *about, kind, name: [{**OTHER, "kind": kind}])
    assert run.main(options) == 1
    assert "OTHER: mlp, ours" in capfd.readouterr().out


@pytest.mark.slow
def test_what_cannot_be_measured_is_said_and_the_rest_goes_on(monkeypatch, capfd):
    monkeypatch.setattr(run, "jobs", lambda options: [("broken", lambda: run.child("nonsense", "jax"))])
    assert run.main(["--workloads", "mlp"]) == 1
    assert "nonsense on jax" in capfd.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("backend", run.GPU_BACKENDS)
def test_the_large_transformer_runs_small_without_a_gpu(backend, monkeypatch):
    monkeypatch.setenv("TORCHDYNAMO_DISABLE", "1")  # the code by hand needs no compiler here
    pytest.importorskip("optax" if backend == "jax" else backend)
    size = {"blocks": 1, "width": 16, "heads": 2, "length": 4, "batch": 2, "vocabulary": 8}
    assert not list(run.child("accelerator", backend, seconds=0.01, **size))
    (found,) = run.child("accelerator", backend, "eager", seconds=0.01, anywhere=True, **size)
    assert found["measure"] == "large transformer" and found["calls"] > 0
