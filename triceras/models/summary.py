"""`model.summary()`: a table of the layers, laid out as Keras lays it out."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable
from typing import Any

from triceras.core import dtypes, tree
from triceras.layers.layer import Layer


def print_summary(
    model: Any,
    line_length: int | None = None,
    positions: Any = None,
    print_fn: Callable | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Any = None,
) -> None:
    """Print the table of a model's layers; see `Model.summary`.

    Raises:
        ValueError: `layer_range` names no layer.
    """
    import rich.console

    linear = is_linear(model)
    to_screen = rich.console.Console(highlight=False)
    length = line_length or to_screen.width - 4
    rows = list(_rows(model, linear, expand_nested, show_trainable, layer_range))
    table = _table(rows, _widths(length, positions, linear, show_trainable), linear, show_trainable)
    parts = [f'[bold]Model: "{_escape(model.name)}"[/bold]', table, *(_escape(line) for line in _totals(model))]
    if print_fn is None:
        console = rich.console.Console(highlight=False, width=max(length, to_screen.width))
        for part in parts:
            console.print(part)
        return
    text = io.StringIO()
    console = rich.console.Console(file=text, highlight=False, width=max(length, 80), color_system=None)
    for part in parts:
        console.print(part)
    print_fn("\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n")


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def is_linear(model: Any) -> bool:
    """Whether a model is one chain of layers, so that nobody needs to be told what is connected to what."""
    graph = getattr(model, "_graph", None)
    if graph is None or not hasattr(model, "_set_graph"):
        return True
    inside = {id(n) for n in graph.nodes}
    single = all(sum(id(n) in inside for n in op._inbound_nodes) == 1 for op in graph.operations)
    used = [id(x) for node in graph.nodes for x in node.inputs]
    return (
        single
        and len(used) == len(set(used))
        and all(len(n.inputs) <= 1 for n in graph.nodes)
        and len(graph.outputs) == 1
    )


def _widths(length: int, positions: Any, linear: bool, trainable: bool) -> list[int]:
    """The columns' widths within their padding: relative positions of their ends, in characters, less borders."""
    if positions is None:
        positions = [0.45, 0.80, 1.0] if linear else [0.3, 0.56, 0.74, 1.0]
        if trainable:
            positions = [*(p * 0.9 for p in positions), 1.0]
    ends = [int(length * p) for p in positions] if positions[-1] <= 1 else [int(p) for p in positions]
    widths = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    return [max(1, w - 3 - (i == len(widths) - 2)) for i, w in enumerate(widths)]


def _table(rows: list[list[str]], widths: list[int], linear: bool, trainable: bool) -> Any:
    import rich.table

    headers = [("Layer (type)", "left"), ("Output Shape", "left"), ("Param #", "right")]
    headers += [] if linear else [("Connected to", "left")]
    headers += [("Trainable", "center")] if trainable else []
    columns = [rich.table.Column(name, width=w, justify=side) for (name, side), w in zip(headers, widths, strict=False)]
    table = rich.table.Table(*columns, show_lines=True)
    for row in rows:
        table.add_row(*map(_escape, row))
    return table


def _rows(model: Any, linear: bool, nested: bool, trainable: bool, layer_range: Any, level: int = 0) -> Any:
    graph = getattr(model, "_graph", None)
    operations = model.operations if hasattr(model, "_set_graph") else model.layers
    for operation in _in_range(operations, layer_range):
        prefix = "   " * level + ("└ " if level else "")
        kind = type(operation).__name__ if isinstance(operation, Layer) else _op_class(operation)
        row = [f"{prefix}{operation.name} ({kind})"]
        row += [output_shape(operation), _count(operation)]
        if not linear:
            row.append("-" if level else _connections(operation, graph))
        if trainable:
            weights = operation.weights if isinstance(operation, Layer) else []
            row.append("-" if not weights else "Y" if operation.trainable else "N")
        yield row
        if nested and hasattr(operation, "layers"):
            yield from _rows(operation, linear, nested, trainable, None, level + 1)


def _op_class(operation: Any) -> str:
    return "".join(part.capitalize() for part in operation.op.name.split("_"))


def _in_range(operations: list[Any], layer_range: Any) -> list[Any]:
    if layer_range is None:
        return operations
    if len(layer_range) != 2 or not all(isinstance(pattern, str) for pattern in layer_range):
        raise ValueError(f"layer_range should be a list or tuple of 2 strings. Received: {layer_range}")
    found = [[i for i, op in enumerate(operations) if re.match(pattern, op.name)] for pattern in layer_range]
    if not all(found):
        raise ValueError(
            f"Passed layer_range does not match any layers: {layer_range}. Layers: {[op.name for op in operations]}."
        )
    first, last = min(found[0]), max(found[1])
    return operations[min(first, last) : max(first, last) + 1]


def output_shape(operation: Any) -> str:
    """The output's shape as text; `?` where it isn't known."""
    if operation._inbound_nodes:
        shapes = [x.shape for x in operation._inbound_nodes[0].outputs]
    else:
        shapes = []
        built = getattr(operation, "_build_shapes", None)
        if built:
            try:
                shape = operation.compute_output_shape(*built.values())
                shapes = tree.flatten(tree.map_shape_structure(_Shape, shape))
            except Exception:  # a layer that can't tell; the table goes on
                return "?"
    if not shapes:
        return "?"
    texts = [str(getattr(s, "shape", s)) for s in shapes]
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


class _Shape:
    def __init__(self, shape: Any):
        self.shape = tuple(shape)


def _count(operation: Any) -> str:
    if not isinstance(operation, Layer):
        return "0"
    if not operation.built:
        return "0 (unbuilt)"
    return f"{operation.count_params():,}"


def _connections(operation: Any, graph: Any) -> str:
    inside = {id(n) for n in graph.nodes}
    found = []
    for node in operation._inbound_nodes:
        if id(node) not in inside:
            continue
        for x in node.inputs:
            source = x.node.operation
            number = [n for n in source._inbound_nodes if id(n) in inside].index(x.node)
            found.append(f"{source.name}[{number}][{x.index}]")
    return ", ".join(found) or "-"


def memory(count_bytes: int) -> str:
    """A number of bytes for people: `76.00 B`, `1.50 KB`."""
    if not count_bytes:
        return "0.00 B"
    power = min(int(math.log(count_bytes, 1024)), 4)
    return f"{count_bytes / 1024**power:.2f} {('B', 'KB', 'MB', 'GB', 'TB')[power]}"


def _totals(model: Any) -> list[str]:
    def line(label: str, *groups: list[Any]) -> str:
        variables = {id(v): v for group in groups for v in group}.values()
        count = sum(math.prod(v.shape) for v in variables)
        size = sum(math.prod(v.shape) * dtypes.itemsize(v.dtype) for v in variables)
        return f" {label} params: {count:,} ({memory(size)})"

    optimizer = getattr(model, "optimizer", None)
    slots = optimizer.variables if optimizer is not None and getattr(optimizer, "built", False) else []
    weights = [model.trainable_weights, model.non_trainable_weights]
    lines = [line("Total", *weights, slots), line("Trainable", weights[0]), line("Non-trainable", weights[1])]
    return lines + ([line("Optimizer", slots)] if slots else [])
