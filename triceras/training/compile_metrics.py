"""`CompileMetrics`: the metrics that `compile` got, as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from triceras import metrics as metrics_module
from triceras.core import tree
from triceras.training.outputs import Output, align, for_each, is_one, is_one_or_list, outputs_of

_ACCURACY = ("accuracy", "acc")


class Entry(NamedTuple):
    """A metric of one output.

    Args:
        position: the output's place among all.
        metric: the `Metric`.
        name: what its log is called.
        weighted: whether it takes sample weights.
    """

    position: int
    metric: Any
    name: str
    weighted: bool


def accuracy_for(y_true: Any, y_pred: Any) -> str:
    """The metric that "accuracy" means for targets and predictions of these shapes."""
    true, pred = tuple(y_true.shape), tuple(y_pred.shape)
    if pred[-1:] == (1,) or len(pred) < 2:
        return "binary_accuracy"
    if len(true) < len(pred) or (true[-1:] == (1,) and pred[-1] != 1):
        return "sparse_categorical_accuracy"
    return "categorical_accuracy"


def get_metric(identifier: Any, y_true: Any, y_pred: Any) -> Any:
    """A `Metric` for a name, config, function or `Metric`; "accuracy" goes by the shapes."""
    if isinstance(identifier, str) and identifier.lower() in _ACCURACY:
        name = identifier.lower()
        found = metrics_module.get(accuracy_for(y_true, y_pred))
    else:
        found = metrics_module.get(identifier)
        name = identifier if isinstance(identifier, str) else getattr(found, "__name__", None)
    if not isinstance(found, metrics_module.Metric):
        return metrics_module.MeanMetricWrapper(found, name=_readable(name))
    if isinstance(identifier, str):
        found.name = identifier
    return found


def _readable(name: str | None) -> str | None:
    return "lambda" if name == "<lambda>" else name


def check_metrics(metrics: Any, what: str) -> None:
    """Refuse what can't be metrics, before training begins.

    Raises:
        ValueError: no list, tuple or dict; or an entry that names no metric.
    """
    if metrics is not None and not isinstance(metrics, (list, tuple, dict)):
        raise ValueError(
            f"Expected `{what}` argument to be a list, tuple, or dict. "
            f"Received instead: {what}={metrics} of type {type(metrics)}"
        )
    for entry in tree.flatten(metrics):
        if isinstance(entry, str) and entry.lower() not in _ACCURACY:
            metrics_module.get(entry)
        elif entry is not None and not isinstance(entry, (str, dict)) and not callable(entry):
            if not isinstance(entry, metrics_module.Metric):
                raise ValueError(f"Could not interpret metric identifier: {entry!r} in {what}={metrics}")


class CompileMetrics(metrics_module.Metric):
    """All metrics of a model.

    Args:
        metrics: metrics, as a list; for several outputs a list, dict or tree with a metric or a list of them each.
        weighted_metrics: the same, of metrics that take sample weights.
        output_names: the names of a functional model's outputs.
        name: its own name.
    """

    def __init__(
        self,
        metrics: Any,
        weighted_metrics: Any = None,
        output_names: Sequence[str] | None = None,
        name: str = "compile_metrics",
    ):
        super().__init__(name=name)
        check_metrics(metrics, "metrics")
        check_metrics(weighted_metrics, "weighted_metrics")
        self.given = {"metrics": metrics, "weighted_metrics": weighted_metrics}
        self.output_names = output_names
        self.outputs: list[Output] = []
        self.entries: list[Entry] = []
        self.built = False

    def build(self, y_true: Any, y_pred: Any) -> None:
        """Find the metrics of each output; `y_true` and `y_pred` may be specs."""
        self.outputs = outputs_of(y_pred, self.output_names)
        targets, predictions = align(y_true, self.outputs), tree.flatten(y_pred)
        plain, weighted = (
            [
                [get_metric(x, target, prediction) for x in given]
                for given, target, prediction in zip(self._for_outputs(what), targets, predictions, strict=True)
            ]
            for what in ("metrics", "weighted_metrics")
        )
        self.entries = []
        for i in range(len(self.outputs)):
            self._name_entries(i, plain[i], weighted[i])
        for metric in self.metrics:
            metric.to_backend(self.backend.name)
        self.built = True

    def _for_outputs(self, what: str) -> list[list[Any]]:
        """The identifiers for each output."""
        given = self.given[what]
        if given is None or len(given) == 0:
            return [[] for _ in self.outputs]
        if len(self.outputs) == 1:
            return [[x for x in tree.flatten(given) if x is not None]]
        found = for_each(given, self.outputs, what, is_one_or_list)
        return [[] if x is None else [x] if is_one(x) else [y for y in x if y is not None] for x in found]

    def _name_entries(self, position: int, plain: list[Any], weighted: list[Any]) -> None:
        output = self.outputs[position]
        prefix = f"{_metric_prefix(output)}_" if len(self.outputs) > 1 and output.name else ""
        used = {metric.name for metric in plain}
        for metric, takes_weights in [(m, False) for m in plain] + [(m, True) for m in weighted]:
            name = f"weighted_{metric.name}" if takes_weights and metric.name in used else metric.name
            self.entries.append(Entry(position, metric, self._unique(prefix + name), takes_weights))

    def _unique(self, name: str) -> str:
        taken = {entry.name for entry in self.entries}
        number, candidate = 0, name
        while candidate in taken:
            number += 1
            candidate = f"{name}_{number}"
        return candidate

    @property
    def metrics(self) -> list[Any]:
        """The metrics."""
        return [entry.metric for entry in self.entries]

    @property
    def variables(self) -> list[Any]:
        """The metrics' variables."""
        return [v for metric in self.metrics for v in metric.variables]

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take a batch into account: targets, predictions and weights of all outputs."""
        if not self.built:
            self.build(y_true, y_pred)
        if not self.entries:
            return
        predictions = tree.flatten(y_pred)
        targets, weights = align(y_true, self.outputs), align(sample_weight, self.outputs)
        for i, metric, _, weighted in self.entries:
            if weighted and weights[i] is not None:
                metric.update_state(targets[i], predictions[i], sample_weight=weights[i])
            else:
                metric.update_state(targets[i], predictions[i])

    def result(self) -> dict[str, Any]:
        """The metrics' results by name; a metric that gives a dict adds its entries."""
        found: dict[str, Any] = {}
        for entry in self.entries:
            value = entry.metric.result()
            found.update(value if isinstance(value, dict) else {entry.name: value})
        return found

    def reset_state(self) -> None:
        """Begin anew."""
        for metric in self.metrics:
            metric.reset_state()

    def to_backend(self, name: Any) -> CompileMetrics:
        """Move all metrics."""
        super().to_backend(name)
        for metric in self.metrics:
            metric.to_backend(name)
        return self


def _metric_prefix(output: Output) -> str:
    return "/".join(part for part in output.path if isinstance(part, str)) or output.name
