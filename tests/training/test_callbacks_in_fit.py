"""Callbacks that need a real model: checkpoints, backups, averages."""

import numpy as np
import pytest

import triceras as keras
from tests.training.helpers import X, Y, linear
from triceras import callbacks


class Crash(callbacks.Callback):
    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise KeyboardInterrupt


@pytest.mark.parametrize("options", [{}, {"save_freq": 4}, {"double_checkpoint": True}])
def test_an_interrupted_training_goes_on(trainable_backend, tmp_path, options):
    def model():
        return linear(optimizer=keras.optimizers.Adam(0.1))

    fit = dict(epochs=4, batch_size=5, shuffle=False, verbose=0)
    expected = model()
    losses = expected.fit(X, Y, **fit).history["loss"]
    backup = callbacks.BackupAndRestore(tmp_path / "backup", **options)
    with pytest.raises(KeyboardInterrupt):
        model().fit(X, Y, **fit, callbacks=[backup, Crash(2)])
    again = model()
    found = again.fit(X, Y, **fit, callbacks=[backup]).history["loss"]
    np.testing.assert_allclose(found, losses[4 - len(found) :], rtol=1e-5)
    assert len(found) == 2
    assert not (tmp_path / "backup").exists()


def test_backups_can_be_kept_and_damaged_ones_skipped(tmp_path):
    with keras.use_backend("jax"):
        options = dict(double_checkpoint=True, delete_checkpoint=False)
        folder = tmp_path / "b"
        linear().fit(X, Y, epochs=3, verbose=0, callbacks=callbacks.BackupAndRestore(folder, **options))
        assert (folder / "latest.weights.h5").exists()
        (folder / "latest.weights.h5").write_bytes(b"damaged")
        history = linear().fit(X, Y, epochs=4, verbose=0, callbacks=callbacks.BackupAndRestore(folder, **options))
        assert history.epoch == [2, 3]
    with pytest.raises(ValueError, match="save_freq='often'"):
        callbacks.BackupAndRestore(folder, save_freq="often")
    with pytest.raises(ValueError, match="Empty `backup_dir`"):
        callbacks.BackupAndRestore("")


def test_checkpoints_load_again(trainable_backend, tmp_path):
    model = linear()
    path = str(tmp_path / "{epoch}.keras")
    model.fit(X, Y, epochs=2, verbose=0, callbacks=callbacks.ModelCheckpoint(path, monitor="loss", save_best_only=True))
    loaded = keras.models.load_model(tmp_path / "2.keras")
    np.testing.assert_allclose(loaded.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-5)


@pytest.mark.parametrize("swap_on_epoch", [False, True])
def test_averages_are_evaluated_and_weights_trained(trainable_backend, swap_on_epoch):
    def model():
        return linear(optimizer=keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5))

    plain, swapped = model(), model()
    seen = []
    look = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(swapped.get_weights()[0]))
    fit = dict(epochs=2, batch_size=5, shuffle=False, verbose=0, validation_data=(X, Y))
    plain.optimizer.finalize_variable_values = lambda variables: None
    swapped.optimizer.finalize_variable_values = lambda variables: None
    losses = plain.fit(X, Y, **fit).history
    found = swapped.fit(X, Y, **fit, callbacks=[callbacks.SwapEMAWeights(swap_on_epoch), look]).history
    np.testing.assert_allclose(found["loss"], losses["loss"], rtol=1e-5)
    np.testing.assert_allclose(swapped.get_weights()[0], plain.get_weights()[0], rtol=1e-5)
    assert not np.allclose(found["val_loss"], losses["val_loss"], rtol=1e-3)
    assert np.allclose(seen[-1], plain.get_weights()[0], rtol=1e-4) is not swap_on_epoch
    with pytest.raises(ValueError, match="use_ema=True"):
        linear().evaluate(X, Y, verbose=0, callbacks=callbacks.SwapEMAWeights())


def test_the_model_is_built_when_training_begins(trainable_backend):
    seen = []
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    look = callbacks.LambdaCallback(
        on_train_begin=lambda logs: seen.append((len(model.weights), model.optimizer.built))
    )
    history = model.fit(X, Y, verbose=0, batch_size=5, callbacks=look)
    assert seen == [(2, True)] and history.params["steps"] == 4
