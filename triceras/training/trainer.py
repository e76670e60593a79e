"""`Trainer`: what makes a model trainable. One loop for all backends, over their `jit` and `value_and_grad`."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from triceras.core import config, tree
from triceras.distribution import replicas
from triceras.training import data as data_adapters
from triceras.training.callbacks.callback_list import CallbackList
from triceras.training.compiling import Compiled, compile_config, compile_model
from triceras.training.logs import PendingLogs, fetch, plain
from triceras.training.predictions import joined
from triceras.training.ready import assert_can_train, assert_compiled, at_home, get_ready
from triceras.training.steps import StepCache, Steps, settings_of, trained_by, unique
from triceras.transforms import value_aux_and_grad
from triceras.utils.data import pack_x_y_sample_weight, unpack_x_y_sample_weight


class Trainer:
    """Training, evaluation and prediction, mixed into `Model`.

    `fit` runs `train_step(data)` on every batch, compiled by the model's backend. Override `train_step`, `test_step`,
    `predict_step`, `compute_loss` or `compute_metrics` for a loop of your own; `triceras.value_and_grad` makes it run
    on every backend. Steps written for one backend of Keras work there: `train_step(self, state, data)` on JAX,
    `loss.backward()` on torch, `GradientTape` on TensorFlow.
    """

    optimizer: Any = None
    loss: Any = None
    compiled = False
    stop_training = False
    run_eagerly = False
    jit_compile: Any = "auto"
    steps_per_execution = 1
    history: Any = None
    _compiled: Compiled | None = None
    _initial_epoch = 0  # where `fit` begins; a callback may change it
    _steps: StepCache | None = None

    # --- compile -----------------------------------------------------------------------------------------------------

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Say how to train.

        Args:
            optimizer: an optimizer or its name.
            loss: a loss, a function `(y_true, y_pred)` or a name; for several outputs a list, a dict by the outputs'
                names, or a tree of their structure.
            loss_weights: what the outputs' losses are multiplied by.
            metrics: a list of metrics, functions or names, for several outputs one such list each; "accuracy" becomes
                binary, categorical or sparse by the shapes.
            weighted_metrics: the same, of metrics that take sample weights.
            run_eagerly: whether steps run uncompiled, for debugging.
            steps_per_execution: how many batches one compiled call takes.
            jit_compile: True, False, or "auto", which leaves it to the backend.
            auto_scale_loss: whether the loss is scaled when the model computes in float16.

        Raises:
            ValueError: something that can't be interpreted (the message has the nearest names).

        Example:
            >>> import numpy as np
            >>> import triceras
            >>> model = triceras.Sequential([triceras.layers.Dense(1)])
            >>> model.compile(optimizer="sgd", loss="mse", metrics=["mae"])
            >>> sorted(model.evaluate(np.ones((4, 2)), np.ones((4, 1)), verbose=0, return_dict=True))
            ['loss', 'mae']
        """
        arguments = dict(
            optimizer=optimizer,
            loss=loss,
            loss_weights=loss_weights,
            metrics=metrics,
            weighted_metrics=weighted_metrics,
            run_eagerly=run_eagerly,
            steps_per_execution=steps_per_execution,
            jit_compile=jit_compile,
        )
        compile_model(self, arguments, auto_scale_loss)
        self._drop_compiled()

    def _drop_compiled(self) -> None:
        """Forget compiled steps: what they were compiled for has changed."""
        self.__dict__["_steps"] = StepCache()

    def _move_training_state(self, name: Any) -> None:
        """Move the optimizer and the metrics to another backend, and forget compiled steps."""
        if self._compiled is not None:
            for part in (self.optimizer, *self._compiled.parts()):
                if part is not None:
                    part.to_backend(name)
        self._drop_compiled()

    def get_compile_config(self) -> dict[str, Any]:
        """What `compile_from_config` needs to compile the same way; empty where `compile` wasn't called."""
        return compile_config(self)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile as a config says that `get_compile_config` gave."""
        from triceras.saving.serialization import deserialize_keras_object

        own = type(self).compile is not Trainer.compile
        if own and type(self).get_compile_config is Trainer.get_compile_config:
            warnings.warn(
                "`compile()` was not called as part of model loading because the model's `compile()` method is custom. "
                "Override `get_compile_config()` and `compile_from_config()`, or call `compile()` after loading.",
                stacklevel=2,
            )
            return
        self.compile(**deserialize_keras_object(config))
        if self.optimizer is not None and self.built:
            self.optimizer.build(self.trainable_variables)

    # --- one step: override these ------------------------------------------------------------------------------------

    def train_step(self, data: Any) -> dict[str, Any]:
        """Train on a batch.

        Args:
            data: `x`, `(x, y)` or `(x, y, sample_weight)`, as tensors.

        Returns:
            The logs, by name.
        """
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        weights = self.trainable_variables
        objective = partial(self._objective, x, y, sample_weight)
        (_, (loss, y_pred)), grads = value_aux_and_grad(self.backend, objective, weights)()
        self._track_loss(x, loss)
        if weights:
            self.optimizer.apply(grads, weights)
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def _objective(self, x: Any, y: Any, sample_weight: Any) -> tuple[Any, tuple[Any, Any]]:
        """What training minimizes, and the loss and predictions behind it."""
        y_pred = self(x, training=True)
        loss = self._loss_of(x, y, y_pred, sample_weight, True)
        return self.optimizer.scale_loss(loss), (loss, y_pred)

    def test_step(self, data: Any) -> dict[str, Any]:
        """Evaluate on a batch; takes and gives what `train_step` does."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred = self(x, training=False)
        self._track_loss(x, self._loss_of(x, y, y_pred, sample_weight, False))
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def predict_step(self, data: Any) -> Any:
        """The outputs for a batch."""
        x, _, _ = unpack_x_y_sample_weight(data)
        return self(x, training=False)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """The loss of a batch: that of `compile`, and what layers and regularizers added.

        Args:
            x: inputs.
            y: targets.
            y_pred: the model's outputs.
            sample_weight: weights of the samples.
            training: whether it is for training.

        Returns:
            A scalar.

        Raises:
            ValueError: for training, where there is no loss.
        """
        from triceras import ops

        terms = list(self.losses)
        if self._compiled is not None and self._compiled.loss is not None:
            given = self._compiled.loss(y, y_pred, sample_weight)
            terms = terms if given is None else [given, *terms]
        if not terms and training:
            raise ValueError("No loss to compute. Provide a `loss` argument in `compile()`.")
        if not terms:
            return ops.zeros((), config.floatx())
        total = terms[0]
        for term in terms[1:]:
            total = ops.add(total, term)
        return total

    def _loss_of(self, x: Any, y: Any, y_pred: Any, sample_weight: Any, training: bool) -> Any:
        arguments = {"x": x, "y": y, "y_pred": y_pred, "sample_weight": sample_weight}
        if self._compiled is not None and self._compiled.loss_takes_training:
            arguments["training"] = training
        loss = self.compute_loss(**arguments)
        self._clear_losses()
        return loss

    def _track_loss(self, x: Any, loss: Any) -> None:
        self._loss_tracker.update_state(loss, sample_weight=self._batch_size(x))

    def _batch_size(self, x: Any) -> Any:
        first = next(leaf for leaf in tree.flatten(x) if leaf is not None)
        known = self.backend.shape(first)[0]
        if known is not None:
            return known
        from triceras import ops

        return ops.shape(first)[0]

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Update the metrics of `compile` with a batch, and give all results."""
        if self._compiled is not None and self._compiled.metrics is not None:
            self._compiled.metrics.update_state(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def get_metrics_result(self) -> dict[str, Any]:
        """The results of all metrics, by name."""
        found: dict[str, Any] = {}
        for metric in self.metrics:
            value = metric.result()
            found.update(value if isinstance(value, dict) else {metric.name: value})
        return found

    # --- metrics -----------------------------------------------------------------------------------------------------

    @property
    def metrics(self) -> list[Any]:
        """The loss, the metrics kept in the model and its layers, those of `compile`, the outputs' losses."""
        own = super().metrics  # type: ignore[misc]
        if self._compiled is None:
            return own
        return [self._compiled.loss_tracker, *own, *self._compiled.reporting()]

    @property
    def metrics_names(self) -> list[str]:
        """The names of `metrics`."""
        return [metric.name for metric in self.metrics]

    def reset_metrics(self) -> None:
        """Begin all metrics anew."""
        for metric in self.metrics:
            metric.reset_state()

    @property
    def _loss_tracker(self) -> Any:
        return self._compiled.loss_tracker

    @property
    def _compile_loss(self) -> Any:
        return None if self._compiled is None else self._compiled.loss

    @property
    def _compile_metrics(self) -> Any:
        return None if self._compiled is None else self._compiled.metrics

    @property
    def _optimizer_variables(self) -> list[Any]:
        return [] if self.optimizer is None else list(self.optimizer.variables)

    # --- step functions ----------------------------------------------------------------------------------------------

    def make_train_function(self, force: bool = False) -> Steps:
        """The compiled `train_step`; made once, until `compile`, `to_backend` or other settings ask for a new one."""
        return self._function("train_step", force)

    def make_test_function(self, force: bool = False) -> Steps:
        """The compiled `test_step`."""
        return self._function("test_step", force)

    def make_predict_function(self, force: bool = False) -> Steps:
        """The compiled `predict_step`."""
        return self._function("predict_step", force)

    def _function(self, name: str, force: bool = False) -> Steps:
        if self._steps is None:
            self._drop_compiled()
        found = self._steps.get(name)
        if found is None or force or found.settings != settings_of(self):
            variables = unique(self.variables, self.metrics_variables, self._optimizer_variables)
            found = self._steps[name] = Steps(self, name, variables)
        return found

    def _forget_stale_step(self) -> None:
        """Drop the compiled `train_step` if layers were frozen or thawed since it was compiled."""
        found = (self._steps or {}).get("train_step")
        if found is not None and found.trained != trained_by(self):
            self._drop_compiled()

    def _native(self) -> Callable[[list[Any]], list[Any]]:
        return data_adapters.to_native(self.backend, compiled=not self.run_eagerly)

    # --- fit ---------------------------------------------------------------------------------------------------------

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: Any = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
    ) -> Any:
        """Train.

        Args:
            x: inputs: arrays, tensors of any framework, data frames, in lists or dicts where the model has several
                inputs; or what yields batches `(x, y)` or `(x, y, sample_weight)`: a generator, a `PyDataset`, a
                `tf.data.Dataset`, a torch `DataLoader`.
            y: targets, where `x` are arrays.
            batch_size: samples a batch, where `x` are arrays; 32 by default.
            epochs: the number of the last epoch.
            verbose: 0 is silent, 1 shows a progress bar, 2 a line an epoch; "auto" means 1.
            callbacks: a callback, or a list of them.
            validation_split: which fraction of the arrays, from their end, is kept for validation.
            validation_data: `(x, y)`, `(x, y, sample_weight)`, or what yields batches.
            shuffle: whether arrays are shuffled for each epoch; "batch" shuffles the batches only.
            class_weight: dict from class numbers to weights.
            sample_weight: weights of the samples, where `x` are arrays.
            initial_epoch: the number of epochs done before.
            steps_per_epoch: how many batches an epoch has; all by default.
            validation_steps: how many batches validation takes; all by default.
            validation_batch_size: as `batch_size`, for validation.
            validation_freq: after how many epochs to validate, or a list of epochs (from 1 on).

        Returns:
            A `History`.

        Raises:
            ValueError: the model isn't compiled, or the data don't fit each other.
            NotImplementedError: the model's backend can't train.

        Example:
            >>> import numpy as np
            >>> import triceras
            >>> model = triceras.Sequential([triceras.layers.Dense(1)])
            >>> model.compile("sgd", "mse")
            >>> if model.backend.has_gradients:
            ...     history = model.fit(np.ones((8, 2)), np.ones((8, 1)), epochs=2, verbose=0)
            ...     assert len(history.history["loss"]) == 2
        """
        assert_can_train(self)
        if validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = data_adapters.split(validation_split, x, y, sample_weight)
        with at_home(self):
            source = data_adapters.make_source(x, y, sample_weight, batch_size, shuffle, class_weight)
            train = data_adapters.Epochs(source, steps_per_epoch, self.steps_per_execution)
            validation = self._validation(validation_data, validation_batch_size or batch_size, validation_steps)
            get_ready(self, train.peek, "train")
            callbacks = self._callbacks(callbacks, verbose, epochs=epochs, steps=train.num_steps, history=True)
            return self._fit(train, validation, callbacks, (initial_epoch, epochs), validation_freq)

    def _fit(
        self, train: Any, validation: Any, callbacks: CallbackList, epochs: tuple[int, int], validation_freq: Any
    ) -> Any:
        self.stop_training, self._initial_epoch = False, epochs[0]
        callbacks.on_train_begin()
        logs: dict[str, Any] = {}
        for epoch in range(self._initial_epoch, epochs[1]):
            self.reset_metrics()
            callbacks.on_epoch_begin(epoch)
            found = self._run_epoch("train", train, callbacks)
            if found is None:  # a generator has nothing left
                break
            logs = dict(found)
            if validation is not None and _is_due(epoch, validation_freq):
                logs.update({f"val_{name}": value for name, value in self._evaluate(validation, callbacks).items()})
            callbacks.on_epoch_end(epoch, logs)
            if self.stop_training:
                break
        self._end_of_fit()
        callbacks.on_train_end(logs)
        return self.history

    def _end_of_fit(self) -> None:
        finalize = getattr(self.optimizer, "finalize_variable_values", None)
        if finalize is not None:
            finalize(self.trainable_weights)

    def _validation(self, validation_data: Any, batch_size: int | None, steps: int | None) -> Any:
        if validation_data is None:
            return None
        parts = (validation_data, None, None)
        if isinstance(validation_data, (tuple, list)):
            parts = unpack_x_y_sample_weight(validation_data)
        takes_batches = not isinstance(validation_data, (tuple, list))
        source = data_adapters.make_source(*parts, batch_size=None if takes_batches else batch_size)
        return data_adapters.Epochs(source, steps, self.steps_per_execution)

    def _callbacks(self, callbacks: Any, verbose: Any, epochs: int, steps: int | None, history: bool = False) -> Any:
        if isinstance(callbacks, CallbackList):
            return callbacks
        return CallbackList(
            callbacks,
            add_history=history,
            add_progbar=verbose != 0,
            model=self,
            verbose=verbose,
            epochs=epochs,
            steps=steps,
        )

    def _run_epoch(self, kind: str, epochs: Any, callbacks: CallbackList) -> dict[str, Any] | None:
        """The `"train"` or `"test"` step on the batches of one epoch; the last logs, or None without a batch."""
        begin, end = callbacks.hook(f"on_{kind}_batch_begin"), callbacks.hook(f"on_{kind}_batch_end")
        if kind == "train":
            self._forget_stale_step()
        steps, native, logs = self._function(f"{kind}_step"), self._native(), None
        for first, batches in epochs:
            if begin is not None:
                begin(first)
            logs = PendingLogs(steps(native(batches))[-1], self.backend.to_numpy)
            if end is not None:
                end(first + len(batches) - 1, logs)
            if self.stop_training:
                break
        replicas.agree(self.backend, f"the end of a pass over the data ({kind})")
        return fetch(logs)

    # --- evaluate ----------------------------------------------------------------------------------------------------

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
        **kwargs: Any,
    ) -> Any:
        """The loss and the metrics on data.

        Args:
            x: inputs; see `fit`.
            y: targets, where `x` are arrays.
            batch_size: samples a batch, where `x` are arrays; 32 by default.
            verbose: 0 is silent, 1 shows a progress bar, 2 a line; "auto" means 1.
            sample_weight: weights of the samples, where `x` are arrays.
            steps: how many batches to take; all by default.
            callbacks: a callback, or a list of them.
            return_dict: whether to return a dict by names.

        Returns:
            The loss alone; a list of the loss and the metrics where there are metrics; or a dict.

        Raises:
            ValueError: the model isn't compiled, or the data don't fit each other.
        """
        assert_compiled(self)
        if kwargs:
            raise ValueError(f"Arguments not recognized: {kwargs}")
        with at_home(self):
            source = data_adapters.make_source(x, y, sample_weight, batch_size)
            epochs = data_adapters.Epochs(source, steps, self.steps_per_execution)
            callbacks = self._callbacks(callbacks, verbose, epochs=1, steps=epochs.num_steps)
            self.stop_training = False
            return self._as_result(self._evaluate(epochs, callbacks), return_dict)

    def _evaluate(self, epochs: Any, callbacks: CallbackList) -> dict[str, Any]:
        get_ready(self, epochs.peek, "test")
        callbacks.on_test_begin()
        self.reset_metrics()
        logs = self._run_epoch("test", epochs, callbacks) or {}
        callbacks.on_test_end(logs)
        return logs

    def _as_result(self, logs: dict[str, Any], return_dict: bool) -> Any:
        """Logs as `evaluate` returns them."""
        if return_dict:
            return logs
        order = [] if self._compiled is None else self._compiled.log_names()
        values = [logs[name] for name in order if name in logs]
        values += [value for name, value in logs.items() if name not in order]
        return values[0] if len(values) == 1 else values

    # --- predict -----------------------------------------------------------------------------------------------------

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """The outputs for data.

        Args:
            x: inputs; see `fit`.
            batch_size: samples a batch, where `x` are arrays; 32 by default.
            verbose: 0 is silent, 1 shows a progress bar, 2 a line; "auto" means 1.
            steps: how many batches to take; all by default.
            callbacks: a callback, or a list of them.

        Returns:
            A NumPy array, or a tree of them.

        Raises:
            ValueError: no data.

        Example:
            >>> import numpy as np
            >>> import triceras
            >>> triceras.Sequential([triceras.layers.Dense(3)]).predict(np.ones((5, 2)), verbose=0).shape
            (5, 3)
        """
        with at_home(self):
            source = data_adapters.make_source(x, batch_size=batch_size)
            epochs = data_adapters.Epochs(source, steps, self.steps_per_execution)
            callbacks = self._callbacks(callbacks, verbose, epochs=1, steps=epochs.num_steps)
            get_ready(self, epochs.peek, "predict")
            self.stop_training = False
            callbacks.on_predict_begin()
            found = joined(self._outputs(epochs, callbacks), self.backend.to_numpy)
            callbacks.on_predict_end()
        return found

    def _outputs(self, epochs: Any, callbacks: CallbackList) -> Iterator[Any]:
        """What the model gives for each batch, on the device."""
        begin, end = callbacks.hook("on_predict_batch_begin"), callbacks.hook("on_predict_batch_end")
        steps, native = self._function("predict_step"), self._native()
        for first, batches in epochs:
            if begin is not None:
                begin(first)
            outputs = steps(native(batches))
            yield from outputs
            if end is not None:
                end(first + len(batches) - 1, {"outputs": outputs[-1]})
            if self.stop_training:
                break

    # --- single batches ----------------------------------------------------------------------------------------------

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: dict[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """Train on one batch.

        Args:
            x: inputs.
            y: targets.
            sample_weight: weights of the samples.
            class_weight: dict from class numbers to weights.
            return_dict: whether to return a dict by names.

        Returns:
            The loss; a list of the loss and the metrics where there are metrics; or a dict: those of this batch.

        Raises:
            ValueError: the model isn't compiled.
            NotImplementedError: the model's backend can't train.
        """
        assert_can_train(self)
        if class_weight is not None:
            if sample_weight is not None:
                raise ValueError("Arguments `sample_weight` and `class_weight` cannot be specified at the same time.")
            sample_weight = data_adapters.class_to_sample_weights(y, class_weight)
        return self._on_batch("train_step", pack_x_y_sample_weight(x, y, sample_weight), return_dict)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Evaluate on one batch; takes and gives what `train_on_batch` does."""
        assert_compiled(self)
        return self._on_batch("test_step", pack_x_y_sample_weight(x, y, sample_weight), return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """The outputs for one batch, as arrays."""
        with at_home(self):
            batch = pack_x_y_sample_weight(x)
            get_ready(self, lambda: batch, "predict")
            outputs = self._function("predict_step").one(self._native()([batch])[0])
            return joined([outputs], self.backend.to_numpy)

    def _on_batch(self, name: str, data: Any, return_dict: bool) -> Any:
        with at_home(self):
            get_ready(self, lambda: data, name.removesuffix("_step"))
            self.reset_metrics()
            logs = self._function(name).one(self._native()([data])[0])
            return self._as_result(plain(logs, self.backend.to_numpy), return_dict)


def _is_due(epoch: int, freq: Any) -> bool:
    return (epoch + 1) % freq == 0 if isinstance(freq, int) else epoch + 1 in freq
