"""The first of several processes alone writes files; the others do what it does up to that."""

import numpy as np
import pytest

import triceras as keras
from triceras import callbacks, layers
from triceras.core import placement


def fitted(folder):
    model = keras.Sequential([layers.Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    kept = [
        callbacks.BackupAndRestore(folder / "backup", double_checkpoint=True, delete_checkpoint=False),
        callbacks.ModelCheckpoint(str(folder / "best.keras")),
        callbacks.CSVLogger(folder / "log.csv"),
    ]
    model.fit(np.ones((4, 2)), np.ones((4, 1)), epochs=2, verbose=0, callbacks=kept)
    model.save(folder / "model.keras")
    model.save(folder / "model", zipped=False)
    model.save_weights(folder / "model.weights.h5")
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("is_first", [True, False])
def test_who_writes(trainable_backend, is_first, tmp_path, monkeypatch):
    monkeypatch.setattr(placement, "is_first", lambda: is_first)
    found = fitted(tmp_path)
    assert {"best.keras", "log.csv", "model.keras", "model.weights.h5"} <= found if is_first else not found


def test_a_process_that_is_not_the_first_takes_nothing_away(tmp_path, monkeypatch):
    with keras.use_backend("jax"):
        before = fitted(tmp_path)
        monkeypatch.setattr(placement, "is_first", lambda: False)
        monkeypatch.setattr(callbacks.BackupAndRestore, "_restore", lambda self, folder: None)
        assert fitted(tmp_path) == before
