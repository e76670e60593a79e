"""The progress bar prints what real Keras prints, character for character."""

import contextlib
import io
import time

import pytest

from tests.oracle import run_keras
from triceras.utils.progbar import Progbar

CASES = """
def bar(print_bar, clock, target, verbose, steps, **options):
    clock[0] = 100.0
    p = print_bar(target, verbose=verbose, **options)
    for current, seconds, values in steps:
        clock[0] += seconds
        p.update(current, values)

LOSS = [(i, 1.0 if i == 1 else 0.1, [("loss", 1.0 / i)]) for i in range(1, 5)]
CASES = [
    dict(target=4, verbose=1, steps=LOSS, interval=0),
    dict(target=4, verbose=2, steps=LOSS, interval=0),
    dict(target=None, verbose=1, steps=LOSS, interval=0),
    dict(target=4, verbose=0, steps=LOSS),
    dict(target=4, verbose=1, steps=LOSS[:2], interval=0, stateless_metrics=["x"]),
    dict(target=4, verbose=1, steps=LOSS[:2], interval=0, stateful_metrics=["loss"]),
    dict(target=10, verbose=1, steps=[(i, 0.02, [("loss", 1.0 / i)]) for i in range(1, 11)]),
    dict(target=7, verbose=1, steps=[(i, 40.0 / i, [("a", -0.5), ("b", 1e-7)]) for i in range(1, 8)], interval=0),
    dict(target=1000, verbose=1, steps=[(1, 9.0, []), (999, 1.0, []), (1000, 0.1, [("b", 1e9)])], width=7, interval=0),
    dict(target=100, verbose=1, steps=[(2, 300.0, []), (3, 1e-5, [])], unit_name="sample", interval=0),
]
"""


def printed(case):
    clock = [0.0]
    out = io.StringIO()
    scope = {}
    exec(CASES, scope)
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out):
        patch.setattr(time, "time", lambda: clock[0])
        scope["bar"](Progbar, clock, **case)
    return out.getvalue()


@pytest.mark.oracle
def test_prints_what_keras_prints():
    scope = {}
    exec(CASES, scope)
    code = (
        CASES
        + """
import contextlib, io, time
clock = [0.0]
time.time = lambda: clock[0]
result = []
for case in CASES:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        bar(keras.utils.Progbar, clock, **case)
    result.append(out.getvalue())
"""
    )
    for case, expected in zip(scope["CASES"], run_keras(code), strict=True):
        assert printed(case) == expected, case


def test_add_and_finalize(capsys):
    bar = Progbar(4, verbose=2)
    bar.add(2, [("a", 1.0)])
    bar.add(2, [("a", 3.0)])
    assert capsys.readouterr().out.endswith("s/step - a: 3.0000\n")


def test_only_due_updates_print(capsys):
    bar = Progbar(100, interval=1000)
    bar.update(1)
    assert capsys.readouterr().out and not bar.due()
    bar.update(2)
    assert not capsys.readouterr().out
    bar.update(100)
    assert "100/100" in capsys.readouterr().out


def test_words_and_none_are_shown(capsys):
    bar = Progbar(1, stateful_metrics=["note", "none"])
    bar.update(1, [("note", "warm"), ("none", None), ("nan", float("nan"))])
    assert capsys.readouterr().out.endswith(" - note: warm - none: None - nan: nan\n")
