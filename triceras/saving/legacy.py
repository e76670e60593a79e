"""Keras 2's `.h5` files: the config in an attribute, the weights by layer and name. Read with the same checks.

The old configs are turned into today's form as data; then they go the way of every other config.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from triceras.saving import archive, h5, limits, op_nodes, registry, serialization, text
from triceras.saving.errors import (
    ConfigInvalid,
    ModelFileError,
    NotAModelFile,
    ResourceLimit,
    UnsafeContent,
    WeightsMismatch,
)

MODELS = ("Sequential", "Functional", "Model")
RENAMED = {"batch_input_shape": "batch_shape"}  # of InputLayer
DROPPED = ("time_major", "implementation", "batch_input_shape", "input_dim", "input_length")
TRAINING_KEYS = (
    "loss",
    "loss_weights",
    "metrics",
    "weighted_metrics",
    "run_eagerly",
    "steps_per_execution",
    "jit_compile",
)


# --- loading --------------------------------------------------------------------------------------------------------
def load_model(
    stream: BinaryIO, custom_objects: dict[str, Any] | None, compile: bool, build: Callable[..., Any]
) -> Any:
    """The model of a `.h5` file; `build` makes it from a config of today's form."""
    size = stream.seek(0, 2)
    with h5.reading(stream) as root:
        config = _json(root, "model_config")
        if config is None:
            raise NotAModelFile(
                "No model config found in the file.",
                expected="the attribute model_config",
                hint="If it holds weights only, build the model and call `load_weights`.",
            )
        config = serialization.guarded("model_config", modern, config)
        model = build(config, custom_objects, False, size, True)
        load_weights(model, root)
        training = _json(root, "training_config") if compile else None
        if training is not None:
            _compile(model, training, custom_objects, root)
        return model


def _json(root: h5.Group, attribute: str) -> Any:
    found = root.text(attribute, limits.CONFIG_BYTES)
    return None if found is None else text.parse(found, member=f"@{attribute}")


def modern(entry: Any) -> Any:
    """A layer or model of an old config, in today's form."""
    if not isinstance(entry, dict) or not isinstance(entry.get("config"), dict):
        if isinstance(entry, dict) and isinstance(entry.get("config"), list):  # the first Sequentials
            return modern({**entry, "config": {"name": "sequential", "layers": entry["config"]}})
        raise ConfigInvalid("A layer's entry must be a dict with a config.", got=repr(entry)[:200])
    name, config = entry.get("class_name"), dict(entry["config"])
    converted = {key: value for key, value in entry.items() if key in ("class_name", "registered_name", "name")}
    if name in MODELS or isinstance(config.get("layers"), list):
        config["layers"] = _with_input([modern(layer) for layer in config.get("layers", ())])
        converted["module"] = "keras"
    else:
        converted["module"] = entry.get("module") or _module_of(name, config)
        config = _layer_config(name, config)
    converted["config"] = config
    if _is_keras_2(entry["config"].get("layers")):
        config |= {key: _only(config[key]) for key in ("input_layers", "output_layers") if key in config}
    if "inbound_nodes" in entry:
        converted["inbound_nodes"] = entry["inbound_nodes"] or []
    return converted


def _is_keras_2(layers: Any) -> bool:
    """Whether some layer's calls are written as lists of links."""
    return any(isinstance(node, list) for layer in layers or () for node in layer.get("inbound_nodes") or ())


def _only(places: Any) -> Any:
    """Keras 2 writes a single input or output as a list of one."""
    return places[0] if isinstance(places, list) and len(places) == 1 and isinstance(places[0], list) else places


def _module_of(name: Any, config: dict[str, Any]) -> str:
    """Ops were written like layers; only a layer's config says whether it is trainable."""
    is_op = isinstance(name, str) and op_nodes.is_op_class(name) and "trainable" not in config
    return "keras.ops" if is_op else "keras.layers"


def _layer_config(name: Any, config: dict[str, Any]) -> dict[str, Any]:
    if name == "InputLayer":
        return {RENAMED.get(key, key): value for key, value in config.items()}
    nested = {
        key: modern(value) for key, value in config.items() if key in ("layer", "backward_layer") and _is_entry(value)
    }
    kept = {key: value for key, value in config.items() if key not in DROPPED}
    if isinstance(kept.get("dtype"), dict) and kept["dtype"].get("class_name") == "Policy":
        kept["dtype"] = kept["dtype"]["config"]["name"]
    if "batch_input_shape" in config:
        kept["_batch_shape"] = config["batch_input_shape"]
    return kept | nested


def _is_entry(value: Any) -> bool:
    return isinstance(value, dict) and "class_name" in value and isinstance(value.get("config"), dict)


def _with_input(layers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The input shape, which the first layer of a Sequential used to hold, as a layer of its own."""
    shapes = [layer["config"].pop("_batch_shape", None) for layer in layers]
    if not layers or shapes[0] is None:
        return layers
    dtype = layers[0]["config"].get("dtype")
    config = {"batch_shape": shapes[0], "dtype": dtype if isinstance(dtype, str) else "float32", "name": "input_layer"}
    return [{"module": "keras.layers", "class_name": "InputLayer", "config": config, "registered_name": None}, *layers]


def _compile(model: Any, training: dict[str, Any], custom_objects: dict[str, Any] | None, root: h5.Group) -> None:
    """Compile as the file says; what an old Keras wrote otherwise than today's is left out, with a warning."""
    try:
        config = {key: training[key] for key in TRAINING_KEYS if key in training and key != "jit_compile"}
        config["optimizer"] = _placed(training.get("optimizer_config"), "keras.optimizers")
        config["loss"] = _placed(config.get("loss"), "keras.losses")
        for key in ("metrics", "weighted_metrics"):
            config[key] = _placed(config.get(key), "keras.metrics")
        with registry.CustomObjectScope(custom_objects):
            serialization.guarded("training_config", model.compile_from_config, config)
        _load_optimizer(model, root)
    except (UnsafeContent, ResourceLimit):
        raise
    except ModelFileError as error:
        warnings.warn(f"The model isn't compiled, since its training config can't be used: {error}", stacklevel=6)


def _placed(value: Any, module: str) -> Any:
    """Serialized objects with their module, which old files lack."""
    if isinstance(value, dict) and "class_name" in value:
        return {"module": module, "registered_name": None, **value}
    if isinstance(value, dict):
        return {key: _placed(item, module) for key, item in value.items()}
    return [_placed(item, module) for item in value] if isinstance(value, list) else value


def _load_optimizer(model: Any, root: h5.Group) -> None:
    group = root.group("optimizer_weights")
    optimizer = getattr(model, "optimizer", None)
    if group is None or optimizer is None:
        return
    if not optimizer.built:
        optimizer.build(model.trainable_variables)
    shapes = {tuple(v.shape) for v in optimizer.variables}
    datasets = [_dataset(group, name) for name in group.texts("weight_names")]
    store = {str(i): dataset.read(shapes) for i, dataset in enumerate(datasets)}
    serialization.guarded("optimizer_weights", optimizer.load_own_variables, store)


def _dataset(group: h5.Group, name: str) -> h5.Dataset:
    """The data set of a weight's name, which has slashes."""
    *folders, last = [part for part in name.split("/") if part]
    inner = group.find("/".join(folders))
    if inner is None:
        raise WeightsMismatch("A weight that the file lists is missing.", where=f"{group.path}/{name}")
    return inner.dataset(last)


def load_weights(model: Any, root: h5.Group, skip_mismatch: bool = False, by_name: bool = False) -> None:
    """Set the values of a model's layers from old weights, in the order of the layers, or by their names."""
    group = root if root.texts("layer_names") else root.group("model_weights")
    if group is None:
        raise NotAModelFile("The file holds no weights in Keras 2's form.", expected="the attribute layer_names")
    saved = {name: _weights_of(group, name) for name in group.texts("layer_names")}
    if by_name:
        pairs = [(layer, saved[layer.name]) for layer in model.layers if layer.name in saved]
    else:
        pairs = _in_order(model, {name: found for name, found in saved.items() if found})
    pairs += (
        [(_TopLevel(model), _weights_of(group, "top_level_model_weights"))]
        if "top_level_model_weights" in group
        else []
    )
    plan = [step for layer, datasets in pairs for step in _matched(layer, datasets, skip_mismatch)]
    for variable, dataset in plan:
        variable.assign(dataset.read([tuple(variable.shape)]))


class _TopLevel:
    """A model's own weights, without those of its layers."""

    def __init__(self, model: Any):
        inside = {id(v) for layer in model.layers for v in layer.weights}
        self.name, self.layers = "top_level_model_weights", []
        self.trainable_weights = [v for v in model.trainable_weights if id(v) not in inside]
        self.non_trainable_weights = [v for v in model.non_trainable_weights if id(v) not in inside]


def _weights_of(group: h5.Group, layer: str) -> list[h5.Dataset]:
    found = group.find(layer)
    if found is None:
        raise WeightsMismatch("A layer that the file lists is missing.", where=layer)
    return [_dataset(found, name) for name in found.texts("weight_names")]


def _in_order(model: Any, saved: dict[str, list[h5.Dataset]]) -> list[tuple[Any, list[h5.Dataset]]]:
    layers = [layer for layer in model.layers if layer.weights]
    if len(layers) != len(saved):
        raise WeightsMismatch(
            "Layer count mismatch when loading weights from file.",
            expected=f"{len(layers)} layers with weights: {[layer.name for layer in layers]}",
            got=f"{len(saved)}: {list(saved)}",
            hint="Load by name with by_name=True, or build the model as it was.",
        )
    return list(zip(layers, saved.values(), strict=True))


def _matched(layer: Any, datasets: list[h5.Dataset], skip_mismatch: bool) -> list[tuple[Any, h5.Dataset]]:
    """A layer's variables with their data sets, checked before any is read."""
    variables = layer.trainable_weights + layer.non_trainable_weights
    expected, got = [tuple(v.shape) for v in variables], [d.shape for d in datasets]
    if expected == got:
        return list(zip(variables, datasets, strict=True))
    error = WeightsMismatch(f"The weights of layer '{layer.name}' don't fit.", expected=expected, got=got)
    if not skip_mismatch:
        raise error
    warnings.warn(f"Skipping loading of weights for layer '{layer.name}': {error}", stacklevel=5)
    return []


# --- saving ---------------------------------------------------------------------------------------------------------
def save_model(model: Any, path: Path, include_optimizer: bool = True) -> None:
    """Write a Sequential or functional model as Keras 2 and 3 write `.h5` files."""
    from triceras.models import Functional, Sequential

    if not isinstance(model, (Sequential, Functional)):
        raise NotImplementedError(
            "Saving the model to HDF5 format requires the model to be a Functional model or a Sequential model. It "
            "does not work for subclassed models. Save it in the `.keras` format instead."
        )
    with h5.writing(path) as file:
        file.attrs["keras_version"] = archive.KERAS_VERSION
        file.attrs["model_config"] = text.dump(_old(serialization.serialize_keras_object(model)))
        _write_weights(file.create_group("model_weights"), model)
        if include_optimizer and getattr(model, "optimizer", None) is not None:
            _write_training(file, model)


def _old(entry: dict[str, Any]) -> dict[str, Any]:
    """A serialized layer or model in the old form."""
    config = dict(entry["config"])
    if isinstance(config.get("layers"), list):
        config["layers"] = [_old(layer) for layer in config["layers"]]
    old = {"class_name": entry["class_name"], "config": config}
    if entry.get("registered_name"):
        old["registered_name"] = entry["registered_name"]
    return old | {key: entry[key] for key in ("name", "inbound_nodes") if key in entry}


def _write_weights(group: Any, model: Any) -> None:
    group.attrs["keras_version"] = archive.KERAS_VERSION
    _write_names(group, "layer_names", [layer.name for layer in model.layers])
    for layer in (*model.layers, _TopLevel(model)):
        variables = layer.trainable_weights + layer.non_trainable_weights
        _write_variables(group.create_group(layer.name), [(v.path, v.numpy()) for v in variables])


def _write_variables(group: Any, values: list[tuple[str, Any]]) -> None:
    names: list[str] = []
    for name, value in values:
        unique = name if name not in names else f"{name}_{names.count(name)}_{len(names)}"
        names.append(unique)
        *folders, last = unique.split("/")
        inner = group.require_group("/".join(folders)) if folders else group
        h5.write_array(inner, last, value)
    _write_names(group, "weight_names", names)


def _write_names(group: Any, attribute: str, names: list[str]) -> None:
    """A list of names, in several attributes where it is too long for one (HDF5 allows 64 KiB)."""
    parts: list[list[str]] = [[]]
    for name in names:
        if sum(len(n.encode()) for n in parts[-1]) + len(name.encode()) > 60_000 or len(parts[-1]) >= 3_000:
            parts.append([])
        parts[-1].append(name)
    for i, part in enumerate(parts):
        group.attrs[f"{attribute}{i}" if len(parts) > 1 else attribute] = part


def _write_training(file: Any, model: Any) -> None:
    config = model.get_compile_config() or {}
    training = {key: config.get(key) for key in TRAINING_KEYS}
    training["loss"] = _full_names(training["loss"])
    training["optimizer_config"] = config.get("optimizer")
    file.attrs["training_config"] = text.dump(training)
    variables = [(f"{model.optimizer.name}/{v.name}", v.numpy()) for v in model.optimizer.variables]
    _write_variables(file.create_group("optimizer_weights"), variables)


def _full_names(loss: Any) -> Any:
    """`"mse"` as `"mean_squared_error"`: Keras takes the short names for metrics when it reads them back."""
    from triceras import losses

    if isinstance(loss, dict):
        return loss if "class_name" in loss else {key: _full_names(value) for key, value in loss.items()}
    if isinstance(loss, list):
        return [_full_names(value) for value in loss]
    return getattr(losses.get(loss), "__name__", loss) if isinstance(loss, str) else loss
