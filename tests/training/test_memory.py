"""Nothing is left behind by steps and by whole trainings, without the garbage collector's help."""

import contextlib
import gc
import weakref

import numpy as np

import triceras as keras
from tests.training.helpers import X, Y, linear
from triceras import callbacks

STEPS = 100


@contextlib.contextmanager
def without_collector():
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def new_objects(function):
    """How many objects a call leaves behind that only the collector would free: the least of some calls.

    Every call has what each step leaves; what is made once (compiled steps, modules imported late) is in some only.
    """
    counts = []
    for _ in range(4):
        with without_collector():
            before = len(gc.get_objects())
            function()
            counts.append(len(gc.get_objects()) - before)
        if counts[-1] < STEPS / 2:
            break
    return min(counts)


class Watcher(callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        self.loss = logs["loss"]


def test_steps_leave_nothing(trainable_backend):
    model = linear(metrics=["mae"], optimizer="adam")
    x, y = np.tile(X, (STEPS, 1)), np.tile(Y, (STEPS, 1))
    options = dict(batch_size=20, verbose=0, callbacks=[Watcher()], validation_data=(X, Y))
    assert new_objects(lambda: model.fit(x, y, **options)) < STEPS / 2


def test_evaluation_and_prediction_leave_nothing(backend):
    model = linear(metrics=["mae"])
    x, y = np.tile(X, (STEPS, 1)), np.tile(Y, (STEPS, 1))
    assert new_objects(lambda: model.evaluate(x, y, batch_size=20, verbose=0)) < STEPS / 2
    assert new_objects(lambda: model.predict(x, batch_size=20, verbose=0)) < STEPS / 2


def test_single_batches_leave_nothing(trainable_backend):
    model = linear(metrics=["mae"])
    assert new_objects(lambda: [model.train_on_batch(X, Y) for _ in range(STEPS)]) < STEPS / 2


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1)

    def call(self, inputs):
        return self.dense(inputs)


def test_a_deleted_model_is_gone_with_its_variables_and_data(trainable_backend):
    class Data(np.ndarray):
        pass

    x = X.copy().view(Data)
    with without_collector():
        model = Net()
        model.compile("adam", "mse", metrics=["mae"])
        model.fit(x, Y, verbose=0, validation_split=0.2, callbacks=[callbacks.EarlyStopping(restore_best_weights=True)])
        model.predict(x, verbose=0)
        variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
        left = [weakref.ref(v) for v in (model, model._compiled, x, *variables)]
        del model, variables, x
        assert [reference() for reference in left if reference() is not None] == []


def test_a_failed_fit_keeps_nothing_once_the_error_is_gone(trainable_backend):
    class Fail(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise RuntimeError("stop")

    model = Net()
    model.compile("sgd", "mse")
    with without_collector():
        with contextlib.suppress(RuntimeError):
            model.fit(X, Y, verbose=0, callbacks=[Fail()])
        reference = weakref.ref(model)
        del model
        assert reference() is None
