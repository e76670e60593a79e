"""`Functional`: a model that is a graph between symbolic inputs and outputs."""

from __future__ import annotations

from typing import Any

from triceras.core import tree
from triceras.core.graph import KerasTensor
from triceras.core.spec import Spec
from triceras.layers.input_layer import InputLayer
from triceras.layers.input_spec import InputSpec
from triceras.layers.layer import Layer
from triceras.layers.shapes import traced
from triceras.models.function import Graph, fit_rank
from triceras.models.model import Model


class Functional(Model):
    """A model made with `Model(inputs, outputs)`.

    Args:
        inputs: `KerasTensor`, or a list, tuple or dict of them.
        outputs: the same, computed from the inputs.
        name: `functional` by default.
    """

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None, **kwargs: Any):
        trainable = kwargs.pop("trainable", None)
        Model.__init__(self, name=name, **kwargs)
        self._set_graph(Graph(_plain(inputs), _plain(outputs)))
        self.input_spec = self._make_input_spec()
        if trainable is not None:
            self.trainable = trainable

    def _set_graph(self, graph: Graph) -> None:
        object.__setattr__(self, "_graph", graph)
        self._graph_layers = [op for op in graph.operations if isinstance(op, Layer)]
        for layer in self._graph_layers:
            if layer.backend is not self.backend:
                raise ValueError(
                    f"Layer '{layer.name}' lives on backend {layer.backend.name}, the model '{self.name}' on "
                    f"{self.backend.name}. Make all of a model's layers on one backend, or move it: "
                    f"`layer.to_backend({self.backend.name!r})`."
                )
        self._input_names = [
            x.node.operation.name if x.node is not None and not x.node.inputs else x.name for x in graph.inputs
        ]
        self.built = True

    # --- structure -------------------------------------------------------------------------------------------------

    @property
    def layers(self) -> list[Layer]:
        """The layers of the graph, by decreasing depth; also the input layers."""
        return list(self._graph_layers)

    @property
    def operations(self) -> list[Any]:
        """Layers and calls of ops, by decreasing depth."""
        return list(self._graph.operations)

    def _sublayers(self) -> list[Layer]:
        """Those of the graph first, then those set as attributes."""
        own = list(self.__dict__.get("_graph_layers", ()))
        known = set(map(id, own))
        return own + [x for x in super()._sublayers() if id(x) not in known]

    inputs = property(lambda self: list(self._graph.inputs))
    outputs = property(lambda self: list(self._graph.outputs))
    input = property(lambda self: self._graph.input_tree)
    output = property(lambda self: self._graph.output_tree)
    input_names = property(lambda self: list(self._input_names))
    input_shape = property(lambda self: _shapes(self._graph.inputs))
    output_shape = property(lambda self: _shapes(self._graph.outputs))

    @property
    def output_names(self) -> list[str]:
        """The names of the operations that the outputs come from."""
        return [x.node.operation.name for x in self._graph.outputs]

    # --- running ---------------------------------------------------------------------------------------------------

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None, **kwargs: Any) -> Any:
        """Run the graph.

        Args:
            inputs: tensors in the structure of the model's inputs; a dict by input names does, too.
            training: whether layers behave as in training.
            mask: masks of the inputs, in the same structure.
        """
        flat = self._flat_inputs(inputs)
        if mask is not None:
            from triceras.core import masks

            for x, m in zip(flat, tree.flatten(mask), strict=True):
                masks.set(x, m)
        return self._graph.run(flat)

    def _flat_inputs(self, inputs: Any) -> list[Any]:
        expected = self._graph.inputs
        if len(expected) == 1 and not isinstance(inputs, (list, tuple, dict)):
            return [fit_rank(inputs, expected[0])]
        if isinstance(inputs, dict) and not (
            isinstance(self._graph.input_tree, dict) and set(self._graph.input_tree) <= set(inputs)
        ):
            missing = [name for name in self._input_names if name not in inputs]
            if missing:
                raise ValueError(
                    f'Missing data for input "{missing[0]}". You passed a data dictionary with keys {list(inputs)}. '
                    f"Expected the following keys: {self._input_names}"
                )
            flat = [inputs[name] for name in self._input_names]
        elif isinstance(inputs, dict):
            flat = tree.flatten({k: inputs[k] for k in self._graph.input_tree})
        else:
            flat = tree.flatten(inputs)
        if len(flat) != len(expected):
            raise ValueError(
                f"Model '{self.name}' expects {len(expected)} inputs ({', '.join(self._input_names)}); got {len(flat)}."
            )
        return [fit_rank(x, ref) for x, ref in zip(flat, expected, strict=True)]

    def compute_output_spec(self, inputs: Any, training: bool | None = None, mask: Any = None, **kwargs: Any) -> Any:
        return traced(self, (inputs,), {})

    def compute_output_shape(self, input_shape: Any) -> Any:
        specs = tree.map_shape_structure(lambda s: Spec(s, "float32"), input_shape)
        flat = [Spec(s.shape, x.dtype) for s, x in zip(self._flat_inputs(specs), self._graph.inputs, strict=True)]
        return tree.map_structure(lambda s: tuple(s.shape), traced(self, (flat if len(flat) > 1 else flat[0],), {}))

    def _make_input_spec(self) -> Any:
        def spec(x: KerasTensor, name: str) -> InputSpec:
            optional = isinstance(x.node.operation, InputLayer) and x.node.operation.optional if x.node else False
            return InputSpec(shape=(None, *x.shape[1:]), allow_last_axis_squeeze=True, name=name, optional=optional)

        specs = [spec(x, name) for x, name in zip(self._graph.inputs, self._input_names, strict=True)]
        if isinstance(self._graph.input_tree, dict):
            for s, key in zip(specs, sorted(self._graph.input_tree), strict=True):
                s.name = key
        return specs[0] if len(specs) == 1 and isinstance(self._graph.input_tree, KerasTensor) else specs

    # --- configuration -----------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        from triceras.models import functional_config

        if type(self).__init__ is not Functional.__init__ and type(self).get_config is Functional.get_config:
            try:
                return {**Layer.get_config(self), **self._init_arguments({})}
            except (NotImplementedError, TypeError):
                pass
        return functional_config.to_config(self)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Model:
        """Make the model again from its config: fresh layers on the current backend, fresh weights."""
        from triceras.models import functional_config

        if "layers" in config and "input_layers" in config:
            return functional_config.from_config(cls, config, custom_objects)
        return Layer.from_config.__func__(cls, config)


def _shapes(tensors: list[KerasTensor]) -> Any:
    """One shape, or a list of shapes, whatever structure the tensors stand in."""
    return tensors[0].shape if len(tensors) == 1 else [x.shape for x in tensors]


def _plain(structure: Any) -> Any:
    return tree.map_structure(lambda x: x, structure)
