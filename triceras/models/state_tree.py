"""A model's state as nested dicts by the variables' paths; see `Model.get_state_tree`."""

from __future__ import annotations

from typing import Any


def read(model: Any, value_format: str) -> dict[str, Any]:
    """All state of a model."""
    if value_format not in ("backend_tensor", "numpy_array"):
        raise ValueError(
            "Invalid `value_format` argument. Expected one of {'numpy_array', 'backend_tensor'}. Received: "
            f"value_format={value_format}"
        )
    read = (lambda v: v.numpy()) if value_format == "numpy_array" else (lambda v: v.value)
    return {kind: _nested({v.path: read(v) for v in variables}) for kind, variables in _groups(model).items()}


def write(model: Any, state_tree: dict[str, Any]) -> None:
    """Assign what `read` gave."""
    groups = _groups(model)
    for kind, values in state_tree.items():
        if kind not in groups:
            raise ValueError(f"Unknown kind of state: {kind}. Known: {', '.join(groups)}.")
        by_path = {v.path: v for v in groups[kind]}
        for path, value in _flat(values).items():
            if path not in by_path:
                raise ValueError(f"Variable {path} in {kind} isn't in the model. Known: {', '.join(by_path)}.")
            by_path[path].assign(value)


def _groups(model: Any) -> dict[str, list[Any]]:
    return {
        "trainable_variables": model.trainable_variables,
        "non_trainable_variables": model.non_trainable_variables,
        "optimizer_variables": model.optimizer.variables if getattr(model, "optimizer", None) is not None else [],
        "metrics_variables": model.metrics_variables,
    }


def _nested(values: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for path, value in values.items():
        *folders, name = path.split("/")
        place = result
        for folder in folders:
            place = place.setdefault(folder, {})
        place[name] = value
    return result


def _flat(values: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(values, dict):
        return {prefix: values}
    return {k: v for name, x in values.items() for k, v in _flat(x, f"{prefix}/{name}" if prefix else name).items()}
