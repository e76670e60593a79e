"""`Sequential`: a stack of layers, each with one input and one output."""

from __future__ import annotations

import contextlib
from typing import Any

from triceras.core import tree
from triceras.core.graph import KerasTensor
from triceras.core.scope import use_backend
from triceras.core.spec import Spec
from triceras.layers.input_layer import Input, InputLayer
from triceras.layers.input_spec import InputSpec
from triceras.layers.layer import Layer
from triceras.layers.shapes import shapes_of, traced
from triceras.models.function import Graph, fit_rank
from triceras.models.model import Model


class Sequential(Model):
    """A stack of layers, called one after another.

    Args:
        layers: list of layers; an `Input` may come first, otherwise the first call or `build` makes the weights.
        trainable: whether it is trained.
        name: `sequential` by default.

    Raises:
        ValueError: two layers of one name.

    Example:
        >>> import triceras
        >>> from triceras import layers
        >>> model = triceras.Sequential([triceras.Input((4,)), layers.Dense(3, activation="relu"), layers.Dense(1)])
        >>> model.output_shape, len(model.weights)
        ((None, 1), 4)
    """

    def __init__(self, layers: Any = None, trainable: bool = True, name: str | None = None):
        Model.__init__(self, trainable=trainable, name=name)
        self._stack: list[Layer] = []
        object.__setattr__(self, "_graph", None)
        for layer in layers or ():
            self.add(layer, rebuild=False)
        self._maybe_rebuild()

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Put a layer on top.

        Args:
            layer: a `Layer`, or what `Input` gives, first.
            rebuild: whether to work out the output's shape at once.
        """
        if isinstance(layer, KerasTensor) and layer.node is not None and isinstance(layer.node.operation, InputLayer):
            layer = layer.node.operation
        if not isinstance(layer, Layer):
            if not callable(layer):
                raise ValueError(
                    f"Only instances of `keras.Layer` can be added to a Sequential model. Received: {layer} (of "
                    f"type {type(layer)})"
                )
            from triceras.layers.lambda_layer import Lambda

            layer = Lambda(layer)
        if any(x.name == layer.name for x in self._stack):
            raise ValueError(
                f"All layers added to a Sequential model should have unique names. Name '{layer.name}' is already "
                "the name of a layer in this model. Update the `name` argument to pass a unique name."
            )
        if isinstance(layer, InputLayer) and self._stack:
            raise ValueError(
                f"Sequential model '{self.name}' has already been configured to use input shape "
                f"{getattr(self._stack[0], 'batch_shape', None)}. You cannot add a different Input layer to it."
            )
        shape = layer.__dict__.get("_input_shape_argument")
        if not self._stack and shape is not None and not isinstance(layer, InputLayer):
            self._stack = [Input(shape).node.operation]
        self._stack = [*self._stack, layer]
        if rebuild:
            self._maybe_rebuild()

    def pop(self, rebuild: bool = True) -> Layer:
        """Take the last layer off, and return it."""
        *rest, layer = self._stack
        self._stack = rest
        if rebuild:
            self._maybe_rebuild()
        else:
            self._forget_graph()
        return layer

    def _forget_graph(self) -> None:
        self.built = self._settled = False
        object.__setattr__(self, "_graph", None)

    def _maybe_rebuild(self) -> None:
        known = self._graph.inputs[0] if self._graph is not None else None
        self._forget_graph()
        if self._stack and isinstance(self._stack[0], InputLayer) and len(self._stack) > 1:
            self.build(self._stack[0].batch_shape)
        elif self._stack and isinstance(self._stack[0], Model) and getattr(self._stack[0], "_graph", None) is not None:
            first = self._stack[0]
            if isinstance(first.inputs, list) and len(first.inputs) == 1:
                self.build(first.inputs[0].shape, first.inputs[0].dtype)
        elif known is not None:
            self.build(known.shape, known.dtype)

    def build(self, input_shape: Any = None, dtype: Any = None) -> None:
        """Make the weights for an input of this shape (with the batch dimension)."""
        if self._graph is not None or not self._stack:
            return
        if input_shape is None:
            raise ValueError(f"Sequential model '{self.name}' can't be built without an input shape.")
        first = self._stack[0]
        with contextlib.nullcontext() if self._in_own_scope() else self._naming(), use_backend(self.backend):
            if isinstance(first, InputLayer):
                x = inputs = first.output
            else:
                x = inputs = Input(batch_shape=tuple(input_shape), dtype=dtype or first.compute_dtype)
            for layer in self.layers:
                try:
                    x = layer(x)
                except NotImplementedError:
                    return  # a layer that can't tell its output's shape: build at the first real call
        self._adopt(Graph(inputs, x))

    def _adopt(self, graph: Graph) -> None:
        object.__setattr__(self, "_graph", graph)
        self.built = True
        self._build_shapes = {"input_shape": graph.inputs[0].shape}
        if isinstance(graph.inputs[0], KerasTensor):
            shape = (None, *graph.inputs[0].shape[1:])
            self.input_spec = InputSpec(shape=shape, allow_last_axis_squeeze=True, name=graph.inputs[0].name)

    def _build(self, shapes: dict[str, Any]) -> None:
        self.build_for(next(iter(shapes.values())), None)

    def build_for(self, shape: Any, dtype: Any) -> None:
        """Build for a batch that came in; its size stays open."""
        if isinstance(shape, tuple) and shape and not isinstance(shape[0], tuple):
            self.build((None, *shape[1:]), dtype)
        self.built = True

    def _prepare(self, signature: Any, args: tuple, kwargs: dict[str, Any]) -> None:
        if not self.built and args and hasattr(args[0], "dtype"):
            x = args[0]
            dtype = x.dtype if isinstance(x, Spec) else self.backend.dtype(x)
            self.build_for(shapes_of(x), dtype)
        super()._prepare(signature, args, kwargs)

    @property
    def layers(self) -> list[Layer]:
        """The layers, without the input layer."""
        stack = self.__dict__.get("_stack", [])
        return stack[1:] if stack and isinstance(stack[0], InputLayer) else list(stack)

    def _sublayers(self) -> list[Layer]:
        return self.layers

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None, **kwargs: Any) -> Any:
        """Call the layers, one after another."""
        if mask is not None:
            from triceras.core import masks

            masks.set(inputs, mask)
        x = inputs
        if self._graph is not None and not isinstance(x, (list, tuple, dict)):
            x = fit_rank(x, self._graph.inputs[0])
        for layer in self.layers:
            x = layer(x, **kwargs) if kwargs else layer(x)
            kwargs = {}
        return x

    def compute_output_spec(self, inputs: Any, training: bool | None = None, mask: Any = None, **kwargs: Any) -> Any:
        return traced(self, (inputs,), {})

    def compute_output_shape(self, input_shape: Any) -> Any:
        dtype = self._graph.inputs[0].dtype if self._graph is not None else self.compute_dtype
        return tree.map_structure(lambda s: tuple(s.shape), traced(self, (Spec(input_shape, dtype),), {}))

    def _known_graph(self, what: str) -> Graph:
        if self._graph is None:
            raise AttributeError(f"Sequential model '{self.name}' has no defined {what} yet: it isn't built.")
        return self._graph

    inputs = property(lambda self: list(self._known_graph("inputs").inputs))
    outputs = property(lambda self: list(self._known_graph("outputs").outputs))
    input = property(lambda self: self._known_graph("input").inputs[0])
    output = property(lambda self: self._known_graph("output").outputs[0])
    input_shape = property(lambda self: self._known_graph("input shape").inputs[0].shape)
    output_shape = property(lambda self: self._known_graph("output shape").outputs[0].shape)

    @property
    def input_dtype(self) -> str:
        """The dtype of the input; the first layer decides."""
        return self.layers[0].input_dtype if self.layers else self.compute_dtype

    def get_config(self) -> dict[str, Any]:
        from triceras import dtype_policies
        from triceras.saving.serialization import serialize_keras_object

        config = {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": dtype_policies.serialize(self.dtype_policy),
            "layers": [serialize_keras_object(layer) for layer in self._stack],
        }
        if self._graph is not None:
            config["build_input_shape"] = self._graph.inputs[0].shape
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Sequential:
        """Make the model again from its config: fresh layers on the current backend, fresh weights."""
        from triceras.saving.serialization import deserialize_keras_object

        if "layers" not in config:
            return Layer.from_config.__func__(cls, config)
        layers = [deserialize_keras_object(data, custom_objects=custom_objects) for data in config["layers"]]
        model = cls(layers, name=config.get("name"))
        if config.get("trainable") is False:
            model.trainable = False
        shape = config.get("build_input_shape")
        if not model.built and shape and all(d is None or isinstance(d, int) for d in shape):
            model.build(tuple(shape))
        return model
