"""`SwapEMAWeights`: evaluates and predicts with the averages of the weights."""

from __future__ import annotations

import numpy as np

from triceras.training.callbacks.callback import Callback


class SwapEMAWeights(Callback):
    """Put the optimizer's moving averages in the place of the weights while the model is evaluated or predicts.

    Args:
        swap_on_epoch: whether they are also in place at the end of an epoch, for callbacks that come later and save.

    Raises:
        ValueError: when used: the optimizer keeps no averages (`use_ema=True`).

    Example:
        >>> from triceras.callbacks import SwapEMAWeights
        >>> SwapEMAWeights().swap_on_epoch
        False
    """

    def __init__(self, swap_on_epoch: bool = False):
        super().__init__()
        self.swap_on_epoch = swap_on_epoch
        self._in_place = False

    def _put(self, averages: bool) -> None:
        """Have the averages in place, or the weights."""
        if self._in_place is averages:
            return
        optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
        if not getattr(optimizer, "use_ema", False):
            raise ValueError(
                "SwapEMAWeights must be used with `use_ema=True` in the optimizer. "
                f"Received: use_ema={getattr(optimizer, 'use_ema', False)}"
            )
        if not optimizer.built:
            raise ValueError("SwapEMAWeights needs an optimizer that was built: train the model first.")
        for weight in self.model.trainable_variables:
            (average,) = optimizer.slots(weight, "average")
            kept = np.array(weight.numpy())
            weight.assign(np.array(average.numpy()))
            average.assign(kept)
        self._in_place = averages

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._put(False)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self._put(self.swap_on_epoch)

    def on_train_end(self, logs: dict | None = None) -> None:
        self._put(False)

    def on_test_begin(self, logs: dict | None = None) -> None:
        self._put(True)

    def on_test_end(self, logs: dict | None = None) -> None:
        self._put(False)

    def on_predict_begin(self, logs: dict | None = None) -> None:
        self._put(True)

    def on_predict_end(self, logs: dict | None = None) -> None:
        self._put(False)
