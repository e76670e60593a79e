"""Real Keras's side, on the backend that `KERAS_BACKEND` names: the function that its `fit` calls for a batch."""

import itertools

import keras

from benchmarks.workloads.api import ApiSide

keras.ops.zeros(())  # the framework starts up before any clock runs


def jax_step(model, batch):
    """Its state goes in and comes out."""
    groups = [model.trainable_variables, model.non_trainable_variables]
    groups += [model.optimizer.variables, model.metrics_variables]
    state, batches = tuple([v.value for v in group] for group in groups), itertools.repeat(batch)

    def step():
        nonlocal state
        logs, state = model.train_function(state, batches)
        return logs

    return step


def torch_step(model, batch):
    return lambda: model.train_function([batch])


def tensorflow_step(model, batch):
    import tensorflow as tf

    batches = iter(tf.data.Dataset.from_tensors(batch).repeat())
    return lambda: model.train_function(batches)


STEPS = {"jax": jax_step, "torch": torch_step, "tensorflow": tensorflow_step}


class Side(ApiSide):
    def __init__(self, name, weights=None, rate=None):
        super().__init__(keras, name, weights, rate)
        self.step = None

    def ready(self, x, y):
        return keras.ops.convert_to_tensor(x), keras.ops.convert_to_tensor(y)

    def train(self, batch):
        if self.step is None:
            self.fit(*map(keras.ops.convert_to_numpy, batch))
            self.step = STEPS[keras.backend.backend()](self.model, batch)
        return self.step()["loss"]
