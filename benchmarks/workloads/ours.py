"""Triceras's side, on the backend that `KERAS_BACKEND` names."""

import triceras
from benchmarks.workloads.api import ApiSide
from triceras import ops

ops.zeros(())  # the framework starts up before any clock runs


class Side(ApiSide):
    def __init__(self, name, weights=None, rate=None):
        super().__init__(triceras, name, weights, rate)
        self.step = None

    def ready(self, x, y):
        return ops.convert_to_tensor(x), ops.convert_to_tensor(y)

    def train(self, batch):
        """What `fit` does for a batch."""
        if self.step is None:
            self.model.train_on_batch(*batch)
            self.step = self.model.make_train_function()
        return self.step([batch])[-1]["loss"]
