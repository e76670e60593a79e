"""`CompileLoss`: the losses that `compile` got, as one function of all targets and predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from triceras import losses, metrics, ops
from triceras.core import tree
from triceras.losses.loss import FunctionLoss, Loss
from triceras.training.outputs import Output, align, for_each, is_one, outputs_of


class Entry(NamedTuple):
    """The loss of one output.

    Args:
        position: the output's place among all.
        loss: the `Loss`.
        weight: what it is multiplied by; None: nothing.
        name: what its log is called.
    """

    position: int
    loss: Any
    weight: Any
    name: str


def get_loss(identifier: Any) -> Any:
    """A `Loss` for a name, config, function or `Loss`."""
    found = losses.get(identifier)
    if found is None or isinstance(found, Loss):
        return found
    name = getattr(found, "__name__", type(found).__name__)
    return FunctionLoss(found, name=name)


def _label(identifier: Any) -> str:
    return identifier if isinstance(identifier, str) else getattr(identifier, "name", None) or identifier.__name__


class CompileLoss:
    """The sum of the outputs' losses.

    Args:
        loss: a loss, or a list, dict or tree of them.
        loss_weights: numbers in the same form.
        output_names: the names of a functional model's outputs.

    Raises:
        ValueError: an unknown loss, or weights that aren't numbers.
    """

    def __init__(self, loss: Any, loss_weights: Any = None, output_names: Sequence[str] | None = None):
        if loss_weights is not None and not isinstance(loss_weights, (list, tuple, dict, float, int)):
            raise ValueError(
                "Expected `loss_weights` argument to be a float (single output case) or a list, tuple, or dict "
                f"(multiple output case). Received instead: loss_weights={loss_weights} of type {type(loss_weights)}"
            )
        self.labels = tree.map_structure(lambda x: None if x is None else _label(x), loss)
        self.loss = tree.map_structure(get_loss, loss)
        self.loss_weights, self.output_names = loss_weights, output_names
        self.outputs: list[Output] = []
        self.entries: list[Entry] = []
        self.trackers: dict[int, Any] = {}
        self.built = False

    def build(self, y_true: Any, y_pred: Any) -> None:
        """Find the loss of each output and make the metrics that report them, if there are several."""
        self.outputs = outputs = outputs_of(y_pred, self.output_names)
        given, labels = self._for_outputs(self.loss, "loss"), self._for_outputs(self.labels, "loss")
        weights = self._weights([loss is not None for loss in given])
        self.entries = [
            Entry(i, loss, weight, outputs[i].name or label)
            for i, (loss, label, weight) in enumerate(zip(given, labels, weights, strict=True))
            if loss is not None
        ]
        if len(self.entries) > 1:
            self.trackers = {entry.position: _tracker(f"{entry.name}_loss") for entry in self.entries}
        self.built = True

    def _for_outputs(self, given: Any, what: str) -> list[Any]:
        if is_one(given):
            return [given] * len(self.outputs)
        return for_each(given, self.outputs, what)

    def _weights(self, used: list[bool]) -> list[Any]:
        given = self.loss_weights
        if given is None or is_one(given):
            return [given] * len(used)
        if isinstance(given, (list, tuple)) and len(tree.flatten(given)) != len(used):
            raise ValueError(
                f"`loss_weights` must match the number of losses, got {len(used)} losses and "
                f"{len(tree.flatten(given))} weights."
            )
        return for_each(given, self.outputs, "loss_weights")

    @property
    def metrics(self) -> list[Any]:
        """The metrics that report each output's loss; none where there is only one loss."""
        return list(self.trackers.values())

    def to_backend(self, name: Any) -> None:
        """Move the metrics."""
        for metric in self.metrics:
            metric.to_backend(name)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The total loss, or None where no output has one.

        Args:
            y_true: targets: of one output, or a list, dict or tree.
            y_pred: the model's outputs.
            sample_weight: weights for all outputs, or a list, dict or tree.
        """
        if not self.built:
            self.build(y_true, y_pred)
        if len(self.outputs) == 1 and self.entries and is_one(y_true) and is_one(y_pred):
            return _weighted(self.entries[0].loss(y_true, y_pred, sample_weight), self.entries[0].weight)
        predictions = tree.flatten(y_pred)
        targets, weights = align(y_true, self.outputs), align(sample_weight, self.outputs)
        total = None
        for entry in self.entries:
            i = entry.position
            value = entry.loss(targets[i], predictions[i], weights[i])
            if i in self.trackers:
                self.trackers[i].update_state(value, sample_weight=ops.shape(predictions[i])[0])
            value = _weighted(value, entry.weight)
            total = value if total is None else ops.add(total, value)
        return total


def _tracker(name: str) -> Any:
    tracker = metrics.Mean(name=name.replace("/", "_"))  # scopes of variables don't take slashes
    tracker.name = name
    return tracker


def _weighted(value: Any, weight: Any) -> Any:
    return value if weight is None else ops.multiply(value, weight)
