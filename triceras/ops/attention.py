"""Attention: what each query takes from values, by how well it fits their keys."""

from __future__ import annotations

import math
from typing import Any

from triceras import ops
from triceras.core import dtypes
from triceras.ops.op import composite
from triceras.ops.rules import Rule, broadcast_shapes, float_, result_type


def _attention_dtypes(query: Any, key: Any, value: Any, *rest: Any) -> tuple[tuple, Any]:
    common = float_(query, key, value)[1]
    return (common, common, common, *("bool" if d == "bool" else common for d in rest)), common


def _attention(query: Any, key: Any, value: Any, **rest: Any) -> Any:
    for name, x in (("query", query), ("key", key), ("value", value)):
        if len(x.shape) != 4:
            raise ValueError(f"argument {name} must have shape (batch, length, heads, size); got shape {x.shape}.")
    heads, groups = query.shape[2], key.shape[2]
    if None not in (heads, groups) and heads % groups:
        raise ValueError(f"the {heads} heads of query must be a multiple of the {groups} heads of key and value.")
    return (*broadcast_shapes(query.shape[:1], key.shape[:1]), *query.shape[1:3], value.shape[3])


@composite(Rule(_attention, _attention_dtypes, ("query", "key", "value", "bias?", "mask?")))
def dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    mask: Any = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Any:
    """Scaled dot-product attention (Vaswani et al. 2017), also with fewer heads of keys than of queries.

    Args:
        query: a tensor of shape `(batch, T, heads, size)`.
        key: a tensor of shape `(batch, S, groups, size)`; the heads are a multiple of the groups.
        value: a tensor of shape `(batch, S, groups, value size)`.
        bias: added to the logits; broadcasts to `(batch, heads, T, S)`.
        mask: bool, where to attend; broadcasts to `(batch, heads, T, S)`.
        scale: of the logits, default `1 / sqrt(size)`.
        is_causal: whether a query attends to keys up to its own place only.
        flash_attention: whether to ask the framework for its fused kernel; None leaves it to the backend.
        attn_logits_soft_cap: logits are limited to this size by `cap * tanh(logits / cap)`.

    Returns:
        A tensor of shape `(batch, T, heads, value size)`.
    """
    heads, groups = query.shape[2], key.shape[2]
    if heads != groups:
        key, value = (ops.repeat(x, heads // groups, axis=2) for x in (key, value))
    scale = 1.0 / math.sqrt(query.shape[3]) if scale is None else scale
    logits = ops.multiply(ops.einsum("btnh,bsnh->bnts", query, key), scale)
    if attn_logits_soft_cap is not None:
        logits = ops.multiply(ops.tanh(ops.divide(logits, attn_logits_soft_cap)), attn_logits_soft_cap)
    if bias is not None:
        logits = ops.add(logits, bias)
    if is_causal:
        causal = ops.tril(ops.ones(ops.shape(logits)[-2:], dtype="bool"))
        mask = causal if mask is None else ops.logical_and(mask, causal)
    wide = ops.cast(logits, result_type(ops.dtype(logits), "float32"))
    if mask is not None:
        wide = ops.where(mask, wide, -0.7 * dtypes.largest("float32"))
    weights = ops.cast(ops.softmax(wide, axis=-1), ops.dtype(query))
    return ops.einsum("bnts,bsnh->btnh", weights, value)
