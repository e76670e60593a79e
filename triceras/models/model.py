"""`Model`: a layer that can be trained, evaluated, summarised, saved and moved between backends."""

from __future__ import annotations

import functools
import inspect
import json
from typing import Any

from triceras.core import tree
from triceras.core.graph import KerasTensor
from triceras.core.scope import use_backend
from triceras.core.spec import Spec
from triceras.layers import binding
from triceras.layers.layer import Layer
from triceras.layers.shapes import traced
from triceras.training.trainer import Trainer


class Model(Trainer, Layer):
    """A layer with `compile`, `fit`, `evaluate`, `predict`, `summary` and `save`.

    Made in one of three ways: `Model(inputs, outputs)` from symbolic tensors; a subclass that makes layers in
    `__init__` and calls them in `call`; `Sequential`. A model lives on the backend that is current when it is made.

    Args:
        inputs: `KerasTensor`, or a list, tuple or dict of them.
        outputs: the same, computed from the inputs.
        name: unique name.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> class Net(triceras.Model):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.dense = triceras.layers.Dense(2)
        ...     def call(self, inputs):
        ...         return self.dense(inputs)
        >>> net = Net()
        >>> tuple(net(np.ones((1, 3))).shape), [w.path for w in net.weights]
        ((1, 2), ['net/dense/kernel', 'net/dense/bias'])
    """

    _layers_carry_masks = True

    def __new__(cls, *args: Any, **kwargs: Any) -> Model:
        if cls is Model and _is_functional(args, kwargs):
            from triceras.models.functional import Functional

            cls = Functional
        return super().__new__(cls, *args, **kwargs)

    def __init__(self, *args: Any, **kwargs: Any):
        if _is_functional(args, kwargs) and not hasattr(type(self), "_set_graph"):
            from triceras.models.functional import Functional

            plain = binding.unbound_class(type(self))
            self.__class__ = binding.bound_class(_functional_class(plain), self.backend.layer_mixin)
            Functional.__init__(self, *args, **kwargs)
            return
        Trainer.__init__(self)
        Layer.__init__(self, *args, **kwargs)

    # --- structure -------------------------------------------------------------------------------------------------

    @property
    def layers(self) -> list[Layer]:
        """The layers directly inside."""
        return self._sublayers()

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """A layer by its name or its place in `layers`.

        Raises:
            ValueError: there is no such layer, or not exactly one of name and index is given.
        """
        layers = self.layers
        if name is not None and index is not None:
            raise ValueError(f"Provide only a layer name or a layer index. Received: index={index}, name={name}.")
        if name is None and index is None:
            raise ValueError("Provide either a layer name or layer index at `get_layer`.")
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise ValueError(
                    f"Was asked to retrieve layer at index {index} but model only has {len(layers)} layers."
                )
            return layers[index]
        for layer in layers:
            if layer.name == name:
                return layer
        raise ValueError(f"No such layer: {name}. Existing layers are: {[layer.name for layer in layers]}.")

    def build(self, input_shape: Any) -> None:
        """Make all weights for inputs of these shapes: `call` runs on shapes alone.

        Args:
            input_shape: a shape with the batch dimension, or a tree of shapes.
        """
        specs = tree.map_shape_structure(lambda s: Spec(s, self.compute_dtype), input_shape)
        with use_backend(self.backend), self._naming():
            self.built = True
            traced(self, (specs,), {})
        self._build_shapes = {"input_shape": input_shape}

    def _build(self, shapes: dict[str, Any]) -> None:
        if type(self).build is not Model.build:
            super()._build(shapes)
            return
        first = next(iter(shapes.values()), None)
        self._build_shapes = {"input_shape": first} if len(shapes) == 1 else dict(shapes)
        self.built = True  # the layers inside are built by the call that follows

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build with the shapes that `get_build_config` gave."""
        if not config or self.built:
            return
        if type(self).build is not Model.build or "input_shape" not in config:
            super().build_from_config(config)
        elif config["input_shape"] is not None:
            from triceras.layers.shapes import to_shape

            self.build(to_shape(config["input_shape"]))

    def summary(
        self,
        line_length: int | None = None,
        positions: Any = None,
        print_fn: Any = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Any = None,
    ) -> None:
        """Print a table of the layers, their output shapes and how many weights they have.

        Args:
            line_length: width of the table.
            positions: where columns end, as fractions or in characters.
            print_fn: takes each line instead of printing it.
            expand_nested: whether models inside are shown layer by layer.
            show_trainable: whether a column says what is trained.
            layer_range: names (or patterns) of the first and last layer to show.
        """
        from triceras.models.summary import print_summary

        print_summary(self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range)

    # --- moving ----------------------------------------------------------------------------------------------------

    def to_backend(self, name: Any) -> Model:
        """Move to another backend, in place: weights, optimizer state, metrics and seeds. Training goes on from there.

        Args:
            name: a backend's name.

        Returns:
            The model itself.

        Raises:
            ValueError, ImportError: the backend doesn't exist, or isn't installed. Nothing has moved then.

        Example:
            >>> import triceras
            >>> model = triceras.Sequential([triceras.Input((4,)), triceras.layers.Dense(2)])
            >>> model.to_backend("numpy").backend.name
            'numpy'
        """
        from triceras.core import registry

        target = registry.get(name)
        if target is self.backend:
            return self
        binding.check_move(self, target)
        self._clear_losses()
        self._drop_compiled()
        self._move_training_state(target)  # first: an optimizer may refuse
        binding.move(self, target)
        return self

    # --- files and configs -----------------------------------------------------------------------------------------

    def save(self, filepath: Any, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any) -> None:
        """Save everything to a `.keras` file: architecture, weights, optimizer state. See `saving.save_model`."""
        from triceras.saving import save_model

        save_model(self, filepath, overwrite=overwrite, zipped=zipped, **kwargs)

    def save_weights(self, filepath: Any, overwrite: bool = True, max_shard_size: Any = None) -> None:
        """Save the weights to a `.weights.h5` file. See `saving.save_weights`."""
        from triceras.saving import save_weights

        save_weights(self, filepath, overwrite=overwrite, max_shard_size=max_shard_size)

    def load_weights(self, filepath: Any, skip_mismatch: bool = False, **kwargs: Any) -> None:
        """Load weights from a file. See `saving.load_weights`."""
        from triceras.saving import load_weights

        load_weights(self, filepath, skip_mismatch=skip_mismatch, **kwargs)

    def to_json(self, **kwargs: Any) -> str:
        """The architecture as JSON; `model_from_json` makes the model again."""
        from triceras.saving.serialization import serialize_keras_object

        return json.dumps(serialize_keras_object(self), **kwargs)

    def export(
        self,
        filepath: Any,
        format: str = "tf_saved_model",
        verbose: Any = None,
        input_signature: Any = None,
        **kwargs: Any,
    ) -> None:  # noqa: A002
        """Not available yet: use `save`, or the backend's own exporter on the model's function."""
        raise NotImplementedError('`export` isn\'t available yet. Save the model with `model.save("model.keras")`.')

    def quantize(self, mode: Any = None, config: Any = None, filters: Any = None, **kwargs: Any) -> None:
        """Keep the large weights of all layers that can do so as integers. See `Quantizable.quantize`.

        Args:
            mode: `"int8"`.
            config: a `quantizers.Int8QuantizationConfig`.
            filters: which layers: a regular expression, or several, searched in their names, or a function of a layer.
        """
        from triceras.quantization import quantize_model

        if kwargs:
            raise ValueError(f"Unrecognized keyword arguments passed to {type(self).__name__}: {kwargs}")
        quantize_model(self, mode, config, filters)

    def get_quantization_layer_structure(self, mode: Any = None) -> None:
        """Nothing is quantized yet, so there is no structure."""
        return None

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Model:
        """Make the model again from its config, on the current backend, with fresh weights.

        Raises:
            TypeError: the config doesn't fit `__init__`.
        """
        if {"layers", "input_layers", "output_layers"} <= set(config):
            from triceras.models import functional_config

            target = cls
            if cls is not Model and _takes(cls, "inputs") is False:
                from triceras.models.functional import Functional

                target = Functional
            return functional_config.from_config(target, config, custom_objects)
        try:
            return super().from_config(config)
        except TypeError as error:
            raise TypeError(
                "Unable to revive model from config. When overriding the `get_config()` method, make sure that the "
                f"returned config contains all items used as arguments in the constructor to {cls}, which is the "
                "default behavior. You can override this default behavior by defining a `from_config(cls, config)` "
                f"class method to specify how to create an instance of {cls.__name__} from its config.\n\nReceived "
                f"config={config}\n\nError encountered during deserialization: {error}"
            ) from error

    # --- state as trees ----------------------------------------------------------------------------------------------

    def get_state_tree(self, value_format: str = "backend_tensor") -> dict[str, Any]:
        """All state in nested dicts by the variables' paths.

        Args:
            value_format: `"backend_tensor"` or `"numpy_array"`.

        Returns:
            Dict with `trainable_variables`, `non_trainable_variables`, `optimizer_variables`, `metrics_variables`.
        """
        from triceras.models import state_tree as trees

        return trees.read(self, value_format)

    def set_state_tree(self, state_tree: dict[str, Any]) -> None:
        """Assign what `get_state_tree` gave.

        Raises:
            ValueError: a kind or path that this model doesn't have.
        """
        from triceras.models import state_tree as trees

        trees.write(self, state_tree)


def _is_functional(args: tuple, kwargs: dict[str, Any]) -> bool:
    if len(args) == 2 or (len(args) == 1 and "outputs" in kwargs) or {"inputs", "outputs"} <= set(kwargs):
        values = tree.flatten((args, kwargs.get("inputs"), kwargs.get("outputs")))
        return any(isinstance(x, KerasTensor) for x in values)
    return False


@functools.cache
def _functional_class(cls: type) -> type:
    """A model class whose `__init__` gave inputs and outputs: the same, and functional."""
    from triceras.models.functional import Functional

    names = {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__}
    return type(cls)(cls.__name__, (cls, Functional), names)


def _takes(cls: type, name: str) -> bool:
    parameters = inspect.signature(cls.__init__).parameters
    return name in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def model_from_json(json_string: str, custom_objects: Any = None) -> Model:
    """A model from what `to_json` gave, on the current backend, with fresh weights.

    Args:
        json_string: JSON text.
        custom_objects: dict from names to classes or functions.

    Example:
        >>> import triceras
        >>> model = triceras.Sequential([triceras.Input((4,)), triceras.layers.Dense(2)])
        >>> triceras.models.model_from_json(model.to_json()).output_shape
        (None, 2)
    """
    from triceras.saving.serialization import deserialize_keras_object

    return deserialize_keras_object(json.loads(json_string), custom_objects=custom_objects)
