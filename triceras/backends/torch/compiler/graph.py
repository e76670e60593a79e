"""What is done to a captured graph."""

from __future__ import annotations

import itertools
import operator

import torch

_aten = torch.ops.aten
_SAME = (_aten.detach.default, _aten.lift_fresh.default, _aten.alias.default)
_Node = torch.fx.Node


def reads_data(module: torch.fx.GraphModule) -> bool:
    """Whether Python read a tensor's value."""
    return any("_local_scalar_dense" in str(node.target) for node in module.graph.nodes)


def lift_constants(module: torch.fx.GraphModule, before: int) -> list[torch.Tensor]:
    """Make tensors that the graph holds inputs of it, behind the first `before` ones: then it is all text."""
    graph, constants = module.graph, []
    places = [node for node in graph.nodes if node.op == "placeholder"]
    for node in [node for node in graph.nodes if node.op == "get_attr"]:
        value = getattr(module, node.target, None)
        if not isinstance(value, torch.Tensor):
            continue
        with graph.inserting_before(places[before]) if before < len(places) else graph.inserting_after(places[-1]):
            lifted = graph.placeholder(f"constant_{len(constants)}")
        lifted.meta.update(node.meta)
        node.replace_all_uses_with(lifted)
        graph.erase_node(node)
        constants.append(value.detach())
    return constants


def tidy(module: torch.fx.GraphModule) -> None:
    """Leave out what does nothing, and write into Variables as soon as their old values aren't needed."""
    graph = module.graph
    for node in list(graph.nodes):
        if node.target in _SAME:
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)
    graph.eliminate_dead_code()
    _write_early(graph)
    module.recompile()


def forget(module: torch.fx.GraphModule) -> None:
    """Drop the fake tensors of a graph, but for those of its inputs."""
    for node in module.graph.nodes:
        if node.op != "placeholder":
            node.meta.clear()


def _write_early(graph: torch.fx.Graph) -> None:
    """Move each write up behind the last use of what it overwrites: then new values needn't all be there at once."""
    places = {node: i for i, node in enumerate(graph.nodes)}
    writing = [node for node in graph.nodes if getattr(getattr(node.target, "_schema", None), "is_mutable", False)]
    writes = list(itertools.takewhile(lambda node: node.target is _aten.copy_.default, list(reversed(places))[1:]))
    if len(writes) != len(writing):
        return  # something else is written in place: what is moved could come to lie before that
    for write in reversed(writes):
        old, new = write.args[:2]
        before = max([new, *_uses(old, write)], key=places.__getitem__)
        if before.op != "placeholder":
            before.append(write)
            places[write] = places[before]


def _uses(tensor: _Node, write: _Node) -> list[_Node]:
    """What reads a tensor's memory, beside the write at its end."""
    found, views = [], [tensor]
    while views:
        for user in views.pop().users:
            if user is not write:
                found.append(user)
                if _is_view(user):
                    views.append(user)
    return found


def _is_view(node: _Node) -> bool:
    """Whether a result may lie in the memory of an argument."""
    schema = getattr(node.target, "_schema", None)
    if schema is None:
        return node.target is operator.getitem
    return any(result.alias_info is not None for result in schema.returns)
