"""`Function`: a graph of operations between symbolic tensors, sorted once, then run as a flat list of steps."""

from __future__ import annotations

from typing import Any

from triceras.backends.sparse import SparseBackend
from triceras.core import registry, tree
from triceras.core.graph import KerasTensor, Node, Operation
from triceras.core.scope import local


def sort_graph(inputs: list[KerasTensor], outputs: list[KerasTensor]) -> tuple[list[Node], list[Operation]]:
    """The nodes between inputs and outputs in an order to run them in, and their operations in Keras's order.

    Operations come by decreasing depth (the longest way to an output), those of one depth in the order in which a
    depth-first search from the outputs meets them; weights and files follow this order.

    Raises:
        ValueError: an output doesn't come from the inputs, or two operations have one name.
    """
    nodes, met = _search(inputs, outputs)
    depth_of_node: dict[int, int] = {}
    depth_of: dict[int, int] = {}
    stop = {id(x) for x in inputs}
    for node in reversed(nodes):
        depth = max(depth_of_node.get(id(node), 0), depth_of.get(id(node.operation), 0))
        depth_of_node[id(node)] = depth_of[id(node.operation)] = depth
        for x in node.inputs:
            if x.node is not None and (id(x) not in stop or not x.node.inputs):
                depth_of_node[id(x.node)] = max(depth + 1, depth_of_node.get(id(x.node), 0))
    for x in inputs:
        if x.node is not None and not x.node.inputs and id(x.node.operation) not in met:
            met = {**met, id(x.node.operation): (-1, x.node.operation)}
            nodes.insert(0, x.node)
            depth_of[id(x.node.operation)] = depth_of_node[id(x.node)] = 0
    operations = [op for _, op in sorted(met.values(), key=lambda entry: (-depth_of[id(entry[1])], entry[0]))]
    _check_names(operations)
    return sorted(nodes, key=lambda n: -depth_of_node[id(n)]), operations


def _search(
    inputs: list[KerasTensor], outputs: list[KerasTensor]
) -> tuple[list[Node], dict[int, tuple[int, Operation]]]:
    """Nodes with what they need first, and operations numbered as they are met."""
    known = {id(x) for x in inputs}
    done: dict[int, Node] = {}
    met: dict[int, tuple[int, Operation]] = {}
    for output in outputs:
        stack = [(output, False)]
        while stack:
            x, entered = stack.pop()
            node = x.node
            if id(x) in known and (node is None or node.inputs):
                continue
            if node is None or (not node.inputs and id(x) not in known):
                name = getattr(x, "name", "")
                raise ValueError(
                    f"Output with name '{output.name}' is not connected to `inputs`: it needs tensor '{name}' "
                    f"(shape {x.shape}), which isn't among the inputs {[i.name for i in inputs]}."
                )
            if entered:
                done.setdefault(id(node), node)
            elif id(node) not in done:
                met.setdefault(id(node.operation), (len(met), node.operation))
                stack.append((x, True))
                stack.extend((parent, False) for parent in reversed(node.inputs))
    return list(done.values()), met


def _check_names(operations: list[Operation]) -> None:
    seen: dict[str, Operation] = {}
    for op in operations:
        if seen.setdefault(op.name, op) is not op:
            raise ValueError(
                f'The name "{op.name}" is used {sum(o.name == op.name for o in operations)} times in the model. '
                "All operation names should be unique."
            )


class _Step:
    """One node, made ready to run: where its arguments come from and where its results go."""

    __slots__ = ("operation", "args", "kwargs", "single", "out", "outs", "training")

    def __init__(self, node: Node, slots: dict[int, int]):
        args, kwargs = node.arguments
        self.operation = node.operation
        self.args, self.kwargs = tree.map_structure(
            lambda x: _Slot(slots[id(x)]) if isinstance(x, KerasTensor) else x, (args, kwargs)
        )
        self.training = self.kwargs.pop("training", None)
        plain = len(self.args) == 1 and isinstance(self.args[0], _Slot) and not self.kwargs and self.training is None
        self.single = self.args[0].index if plain else None
        targets = [slots[id(x)] for x in node.outputs]
        alone = len(targets) == 1 and isinstance(node.output_tree, KerasTensor)
        self.out, self.outs = (targets[0], None) if alone else (None, targets)

    def run(self, values: list[Any]) -> None:
        if self.single is not None:
            result = self.operation(values[self.single])
        else:
            args, kwargs = _filled(self.args, values), _filled(self.kwargs, values)
            if self.training is not None and (local.call is None or local.call.training is None):
                kwargs["training"] = self.training  # what the model's caller says goes before, as in Keras
            result = self.operation(*args, **kwargs)
        if self.out is not None:
            values[self.out] = result
        else:
            for slot, value in zip(self.outs, tree.flatten(result), strict=True):
                values[slot] = value


class _Slot:
    __slots__ = ("index",)

    def __init__(self, index: int):
        self.index = index


def _filled(x: Any, values: list[Any]) -> Any:
    """Arguments with values in place of slots; what most layers take needs no walk through a general tree."""
    if isinstance(x, _Slot):
        return values[x.index]
    if type(x) in (list, tuple):
        return type(x)([_filled(v, values) for v in x])
    if type(x) is dict:
        return {key: _filled(v, values) for key, v in x.items()}
    return tree.map_structure(lambda v: _filled(v, values), x) if tree.is_nested(x) else x


class Graph:
    """Inputs, outputs and the steps between them."""

    def __init__(self, inputs: Any, outputs: Any):
        self.input_tree, self.output_tree = inputs, outputs
        self.inputs, self.outputs = tree.flatten(inputs), tree.flatten(outputs)
        for kind, values in (("inputs", self.inputs), ("outputs", self.outputs)):
            for x in values:
                if not isinstance(x, KerasTensor):
                    raise ValueError(
                        f"All `{kind}` values must be KerasTensors. Received: {kind}={values} including {x!r} of "
                        f"type {type(x)}"
                    )
        if len({id(x) for x in self.inputs}) != len(self.inputs):
            raise ValueError("The inputs of a model must be different tensors; one is given twice.")
        self.nodes, self.operations = sort_graph(self.inputs, self.outputs)
        # Nodes hold their outputs weakly; a graph holds all of its tensors.
        self.tensors = [*self.inputs, *(out for node in self.nodes for out in node.outputs)]
        slots: dict[int, int] = {}
        for x in self.tensors:
            slots.setdefault(id(x), len(slots))
        given = {id(x) for x in self.inputs}
        self.steps = [_Step(n, slots) for n in self.nodes if n.inputs and not all(id(x) in given for x in n.outputs)]
        self.size, self.input_slots = len(slots), [slots[id(x)] for x in self.inputs]
        self.output_slots = [slots[id(x)] for x in self.outputs]
        alone = isinstance(outputs, list) and len(outputs) == 1 and isinstance(outputs[0], KerasTensor)
        self.single_output = alone or isinstance(outputs, KerasTensor)  # a list of one comes out bare, as in Keras

    def __getstate__(self) -> dict[str, Any]:
        first = {"nodes": self.nodes}  # in order, so that pickling a deep graph doesn't recurse through it
        return {**first, **self.__dict__}

    def run(self, flat_inputs: list[Any]) -> Any:
        """The outputs, in their structure, for inputs in a flat list."""
        values = [None] * self.size
        for slot, x in zip(self.input_slots, flat_inputs, strict=True):
            values[slot] = x
        for step in self.steps:
            step.run(values)
        if self.single_output:
            return values[self.output_slots[0]]
        return tree.pack_sequence_as(self.output_tree, [values[slot] for slot in self.output_slots])


def fit_rank(x: Any, ref: KerasTensor) -> Any:
    """A tensor as the model has it: with a last dimension of 1 added or taken away, and dense unless said otherwise."""
    if x is None:
        return None
    if not ref.sparse and isinstance(registry.BY_TYPE.get(type(x)) or registry.classify(x), SparseBackend):
        x = registry.BY_TYPE[type(x)].densify(x)
    rank, wanted = len(x.shape), len(ref.shape)
    if rank == wanted:
        return x
    from triceras import ops
    from triceras.layers.call import keep_mask

    if rank == wanted + 1 and x.shape[-1] == 1:
        return keep_mask(x, ops.squeeze(x, axis=-1))
    if rank == wanted - 1 and ref.shape[-1] == 1:
        return keep_mask(x, ops.expand_dims(x, axis=-1))
    raise ValueError(
        f"Invalid input shape for input with name '{ref.name}': expected shape {ref.shape}, found shape "
        f"{tuple(x.shape)}"
    )


class Function(Operation):
    """A graph of operations as one operation.

    Args:
        inputs: tree of `KerasTensor`s.
        outputs: tree of `KerasTensor`s that were computed from the inputs.
        name: unique name.

    Example:
        >>> import triceras
        >>> x = triceras.KerasTensor((None,))
        >>> f = triceras.Function(x, triceras.ops.square(x) + 1.0)
        >>> triceras.ops.convert_to_numpy(f(triceras.ops.array([1.0, 2.0]))).tolist()
        [2.0, 5.0]
    """

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None):
        super().__init__(name=name)
        self.graph = Graph(inputs, outputs)

    inputs = property(lambda self: self.graph.inputs)
    outputs = property(lambda self: self.graph.outputs)
    operations = property(lambda self: list(self.graph.operations))

    def call(self, inputs: Any) -> Any:
        """Run the graph on tensors in the structure of `inputs`."""
        return self.graph.run(tree.flatten(inputs))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shapes of the outputs for shapes of the inputs."""
        from triceras.core.spec import Spec

        shapes = [input_shape] if len(self.inputs) == 1 else tree.flatten(tree.map_shape_structure(Spec, input_shape))
        specs = [Spec(getattr(s, "shape", s), x.dtype) for s, x in zip(shapes, self.inputs, strict=True)]
        return tree.map_structure(lambda s: tuple(s.shape), self.graph.run(specs))
