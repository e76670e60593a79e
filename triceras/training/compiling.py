"""`compile`: what it was given, made into losses, metrics and an optimizer on the model's backend."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

from triceras.core.scope import use_backend
from triceras.training.compile_loss import CompileLoss
from triceras.training.compile_metrics import CompileMetrics


class Compiled:
    """What `compile` made.

    Args:
        arguments: what it was given.
        loss: the `CompileLoss`, or None.
        metrics: the `CompileMetrics`, or None.
        loss_tracker: the metric that reports the loss.
        loss_takes_training: whether the model's `compute_loss` takes `training`.
    """

    def __init__(
        self, arguments: dict[str, Any], loss: Any, metrics: Any, loss_tracker: Any, loss_takes_training: bool
    ):
        self.arguments, self.loss, self.metrics = arguments, loss, metrics
        self.loss_tracker, self.loss_takes_training = loss_tracker, loss_takes_training

    @property
    def built(self) -> bool:
        """Whether all that depends on the shapes of targets and outputs is made."""
        return all(part is None or part.built for part in (self.loss, self.metrics))

    def build(self, y_true: Any, y_pred: Any) -> None:
        """Make what depends on the shapes of targets and outputs."""
        for part in (self.loss, self.metrics):
            if part is not None and not part.built:
                part.build(y_true, y_pred)

    def parts(self) -> list[Any]:
        """All that has state."""
        return [part for part in (self.loss_tracker, self.loss, self.metrics) if part is not None]

    def reporting(self) -> list[Any]:
        """The metrics that report, beside the loss."""
        metrics = [] if self.metrics is None else [self.metrics]
        return metrics if self.loss is None else [*metrics, *self.loss.metrics]

    def log_names(self) -> list[str]:
        """Names in logs, in the order in which `evaluate` lists them."""
        losses = [] if self.loss is None else [metric.name for metric in self.loss.metrics]
        metrics = [] if self.metrics is None else [entry.name for entry in self.metrics.entries]
        return [self.loss_tracker.name, *losses, *metrics]


def compile_model(model: Any, arguments: dict[str, Any], auto_scale_loss: bool) -> None:
    """Interpret the arguments of `compile` and keep what comes out; on an error the model stays as it was."""
    from triceras import metrics, optimizers

    if arguments["run_eagerly"] and arguments["jit_compile"] is True:
        warnings.warn(
            "If `run_eagerly` is True, then `jit_compile` cannot also be True. Disabling `jit_compile`.", stacklevel=3
        )
        arguments["jit_compile"] = False
    count = arguments["steps_per_execution"]
    if not isinstance(count, int) or count < 1:
        raise ValueError(f"`steps_per_execution` must be a positive integer. Received: {count}")
    names = getattr(model, "output_names", None)
    with use_backend(model.backend):
        optimizer = optimizers.get(arguments["optimizer"])
        if auto_scale_loss and optimizer is not None:
            optimizer = _scaled(optimizer, model)
        loss = arguments["loss"]
        compiled = Compiled(
            arguments,
            None if loss is None else CompileLoss(loss, arguments["loss_weights"], names),
            _metrics(arguments, names),
            metrics.Mean(name="loss"),
            "training" in inspect.signature(model.compute_loss).parameters,
        )
        if optimizer is not None:
            optimizer.to_backend(model.backend.name)
    model.__dict__.update(
        optimizer=optimizer,
        loss=loss,
        compiled=True,
        stop_training=False,
        run_eagerly=arguments["run_eagerly"],
        jit_compile=arguments["jit_compile"],
        steps_per_execution=count,
        _compiled=compiled,
    )


def compile_config(model: Any) -> dict[str, Any]:
    """What `compile_from_config` needs; empty where `compile` wasn't called, or with an optimizer without a config."""
    from triceras.optimizers.foreign import NoConfig
    from triceras.saving.serialization import serialize_keras_object

    if model._compiled is None:
        return {}
    try:
        return serialize_keras_object({**model._compiled.arguments, "optimizer": model.optimizer})
    except NoConfig as error:
        warnings.warn(f"What `compile` was given isn't saved. {error}", stacklevel=5)
        return {}


def _metrics(arguments: dict[str, Any], names: Any) -> CompileMetrics | None:
    if arguments["metrics"] is None and arguments["weighted_metrics"] is None:
        return None
    return CompileMetrics(arguments["metrics"], arguments["weighted_metrics"], names)


def _scaled(optimizer: Any, model: Any) -> Any:
    """The optimizer, with loss scaling where the model computes in float16."""
    from triceras import optimizers

    wrapper = getattr(optimizers, "LossScaleOptimizer", None)
    if wrapper is None or model.dtype_policy.name != "mixed_float16" or isinstance(optimizer, wrapper):
        return optimizer
    return wrapper(optimizer, name="loss_scale_optimizer")
