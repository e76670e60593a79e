"""`KerasTensor`, `Node`, `Operation`: the graph that a functional model is made of, and the backend that draws it."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from triceras.core import naming, registry, tree
from triceras.core.abstract import AbstractBackend, _Direct
from triceras.core.dtypes import standardize_dtype
from triceras.core.spec import SparseSpec, Spec


class KerasTensor(Spec):
    """A symbolic tensor: a shape, a dtype and the operation that it comes from.

    Args:
        shape: dimensions; `None` is unknown.
        dtype: standard name.
        sparse: whether it stands for a sparse tensor.
        ragged: whether it stands for a ragged tensor.
        record_history: kept for compatibility.
        name: `keras_tensor`, `keras_tensor_1`… by default.

    Example:
        >>> import triceras
        >>> x = triceras.Input((4,), name="x")
        >>> x
        <KerasTensor shape=(None, 4), dtype=float32, sparse=False, ragged=False, name=x>
        >>> (x + 1).shape
        (None, 4)
    """

    __slots__ = ("sparse", "ragged", "name", "record_history", "node", "index", "_keras_mask", "__weakref__")

    def __init__(
        self,
        shape: Any,
        dtype: Any = "float32",
        sparse: bool = False,
        ragged: bool = False,
        record_history: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(shape, standardize_dtype(dtype))
        self.sparse, self.ragged, self.record_history = sparse, ragged, record_history
        self.name = name or naming.auto_name(type(self).__name__)
        self.node: Node | None = None
        self.index = 0

    ragged_rank = row_splits_dtype = None  # of ragged tensors alone

    def __setstate__(self, state: tuple) -> None:
        for name, value in state[1].items():
            setattr(self, name, value)
        if self.node is not None:
            self.node._made[self.index] = weakref.ref(self)

    @property
    def _keras_history(self) -> tuple[Any, int, int]:
        operation = self.node.operation
        return operation, operation._inbound_nodes.index(self.node), self.index

    def __repr__(self) -> str:
        return (
            f"<KerasTensor shape={self.shape}, dtype={self.dtype}, sparse={self.sparse}, ragged={self.ragged}, "
            f"name={self.name}>"
        )

    def reshape(self, newshape: Any) -> Any:
        """The same as `ops.reshape`."""
        from triceras import ops

        return ops.reshape(self, newshape)

    def squeeze(self, axis: Any = None) -> Any:
        """The same as `ops.squeeze`."""
        from triceras import ops

        return ops.squeeze(self, axis)

    @property
    def T(self) -> Any:  # noqa: N802 - NumPy's name
        """The transposed tensor."""
        from triceras import ops

        return ops.transpose(self)


def is_keras_tensor(x: Any) -> bool:
    """Whether `x` is a symbolic tensor of a functional graph."""
    return isinstance(x, KerasTensor)


class Node:
    """One call of an operation in a graph.

    Tensors hold the node that they come from, nodes hold their operation and inputs; the other way round they are held
    weakly. So a graph lives as long as somebody holds its ends, and is freed without the garbage collector.

    Args:
        operation: what is called.
        args, kwargs: its arguments; trees that may hold `KerasTensor`s.
        outputs: a tree of fresh `KerasTensor`s, which the node adopts.
    """

    __slots__ = ("operation", "arguments", "inputs", "_made", "_specs", "_structure", "__weakref__")

    def __init__(self, operation: Any, args: tuple, kwargs: dict[str, Any], outputs: Any):
        self.operation, self.arguments = operation, (args, kwargs)
        self.inputs = [x for x in tree.flatten((args, kwargs)) if isinstance(x, KerasTensor)]
        self._adopt(outputs)
        operation._node_references.append(weakref.ref(self))

    def _adopt(self, outputs: Any) -> None:
        tensors = [x for x in tree.flatten(outputs) if isinstance(x, KerasTensor)]
        places = {id(x): _Place(i) for i, x in enumerate(tensors)}
        self._structure = tree.map_structure(lambda x: places.get(id(x), x), outputs)
        self._specs = [(x.shape, x.dtype, x.sparse, x.ragged, x.record_history, x.name) for x in tensors]
        self._made = [weakref.ref(x) for x in tensors]
        for i, x in enumerate(tensors):
            x.node, x.index = self, i

    @property
    def outputs(self) -> list[KerasTensor]:
        """The output tensors; one that nobody kept is made again."""
        return [self._output(i) for i in range(len(self._made))]

    def _output(self, i: int) -> KerasTensor:
        x = self._made[i]()
        if x is None:
            x = KerasTensor(*self._specs[i])
            x.node, x.index = self, i
            self._made[i] = weakref.ref(x)
        return x

    @property
    def output_tree(self) -> Any:
        """The output tensors in the structure in which the operation gave them."""
        return tree.map_structure(lambda x: self._output(x.index) if isinstance(x, _Place) else x, self._structure)

    @property
    def index(self) -> int:
        """Which of its operation's calls this is."""
        return self.operation._inbound_nodes.index(self)

    input_tensors = property(lambda self: self.inputs)
    output_tensors = property(lambda self: self.outputs)

    @property
    def parent_nodes(self) -> list[Node]:
        """The nodes whose outputs this one takes."""
        return [x.node for x in self.inputs if x.node is not None]

    is_input = property(lambda self: not self.inputs)

    def __getstate__(self) -> tuple:
        return self.operation, self.arguments, self.inputs, self._specs, self._structure

    def __setstate__(self, state: tuple) -> None:
        self.operation, self.arguments, self.inputs, self._specs, self._structure = state
        self._made = [lambda: None] * len(self._specs)
        self.operation.__dict__.setdefault("_node_references", []).append(weakref.ref(self))


class _Place:
    """Where an output tensor stands in the structure of the outputs."""

    __slots__ = ("index",)

    def __init__(self, index: int):
        self.index = index


def has_symbolic(*values: Any) -> bool:
    """Whether a `KerasTensor` is among some trees of values."""
    for x in values:
        if isinstance(x, KerasTensor):
            return True
        if isinstance(x, (list, tuple)) and has_symbolic(*x):
            return True
        if isinstance(x, dict) and has_symbolic(*x.values()):
            return True
    return False


def to_specs(values: Any) -> Any:
    """A tree with a plain `Spec` in place of each `KerasTensor`."""
    kinds = (Spec, SparseSpec)
    return tree.map_structure(lambda x: kinds[x.sparse](x.shape, x.dtype) if isinstance(x, KerasTensor) else x, values)


def to_keras_tensors(specs: Any) -> Any:
    """A tree with a fresh `KerasTensor` in place of each spec."""
    return tree.map_structure(lambda s: KerasTensor(s.shape, s.dtype, s.sparse) if isinstance(s, Spec) else s, specs)


class Operation:
    """Something with a name that can be a node of a functional graph: layers, and calls of ops.

    Args:
        name: unique name; `auto_name` of the class by default.
    """

    def __init__(self, name: str | None = None):
        if name is not None and (not isinstance(name, str) or "/" in name):
            raise ValueError(
                "Argument `name` must be a string and cannot contain character `/`. "
                f"Received: name={name} (of type {type(name)})"
            )
        self.name = name or naming.auto_name(type(self).__name__)
        self._node_references: list[weakref.ref[Node]] = []

    @property
    def _inbound_nodes(self) -> list[Node]:
        """The calls in graphs that are still alive."""
        found = (reference() for reference in self._node_references)
        return [node for node in found if node is not None]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if has_symbolic(args, kwargs):
            return self.symbolic_call(*args, **kwargs)
        return self.call(*args, **kwargs)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The computation."""
        raise NotImplementedError(f"{type(self).__name__} needs a `call` method.")

    def symbolic_call(self, *args: Any, **kwargs: Any) -> Any:
        """Record a node and return its symbolic outputs."""
        outputs = to_keras_tensors(self.compute_output_spec(*args, **kwargs))
        Node(self, args, kwargs, outputs)
        return outputs

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """The specs of the outputs: `call`, run on specs."""
        args, kwargs = to_specs((args, kwargs))
        return self.call(*args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """What `from_config` needs to make the same operation again."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Operation:
        """Make an operation from its config."""
        return cls(**config)

    @property
    def input(self) -> Any:
        """The symbolic input of the only call.

        Raises:
            AttributeError: never called symbolically, or more than once.
        """
        args, kwargs = self._single_node("input").arguments
        values = args[0] if len(args) == 1 and not kwargs else list(args) if args else kwargs
        return values

    @property
    def output(self) -> Any:
        """The symbolic output of the only call.

        Raises:
            AttributeError: never called symbolically, or more than once.
        """
        return self._single_node("output").output_tree

    def _single_node(self, what: str) -> Node:
        nodes = self._inbound_nodes
        if len(nodes) != 1:
            why = (
                "has never been called and thus has no"
                if not nodes
                else "has multiple inbound nodes and thus no single"
            )
            raise AttributeError(f"The layer {self.name} {why} defined {what}.")
        return nodes[0]


class OpCall(Operation):
    """A call of an op in a functional graph.

    Args:
        op: the `ops.op.Op`.
        name: unique name; the op's by default.
    """

    def __init__(self, op: Any, name: str | None = None):
        super().__init__(name or naming.auto_name(op.name))
        self.op = op

    def call(self, *args: Any, **kwargs: Any) -> Any:
        return self.op(*args, **kwargs)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = to_specs((args, kwargs))
        return self.op(*args, **kwargs)


class SymbolicBackend(AbstractBackend):
    """Ops on `KerasTensor`s: the rule gives the result, and the graph grows by one node."""

    name = "symbolic"
    tensor_types = (KerasTensor,)
    rank = 2

    def __init__(self) -> None:
        super().__init__()
        self.impls = _Direct(self)

    def find(self, name: str) -> Callable:
        from triceras.ops.op import OPS

        op = OPS[name]

        def record(*args: Any, **kwargs: Any) -> Any:
            return OpCall(op).symbolic_call(*args, **kwargs)

        return record

    def convert(self, x: Any, dtype: str | None = None) -> Any:
        from triceras import ops

        return x if dtype in (None, x.dtype) else ops.cast(x, dtype)

    def cast(self, x: Any, dtype: str) -> Any:
        from triceras import ops

        return ops.cast(x, dtype)


registry.add(SymbolicBackend())
