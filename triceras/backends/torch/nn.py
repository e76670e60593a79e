"""torch functions of the ops in `ops/nn.py`."""

from __future__ import annotations

import contextlib
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch.nn.attention import SDPBackend, sdpa_kernel

from triceras.backends.torch.array import padded
from triceras.backends.torch.tensor import is_traced
from triceras.backends.torch.transforms import gradient_depth
from triceras.core import config, dtypes, registry
from triceras.distribution import replicas
from triceras.ops.op import OPS
from triceras.ops.windows import same_padding, transposed

# --- activations ------------------------------------------------------------------------------------------------------

relu, relu6, sigmoid, silu, softsign = torch.relu, F.relu6, torch.sigmoid, F.silu, F.softsign
softplus, log_sigmoid, mish, selu = F.softplus, F.logsigmoid, F.mish, F.selu
hard_sigmoid, hard_silu, hard_tanh, tanh_shrink = F.hardsigmoid, F.hardswish, F.hardtanh, F.tanhshrink


def leaky_relu(x: torch.Tensor, negative_slope: float = 0.2) -> torch.Tensor:
    return F.leaky_relu(x, negative_slope)


def elu(x: torch.Tensor, alpha: float = 1.0) -> torch.Tensor:
    return F.elu(x, alpha)


def celu(x: torch.Tensor, alpha: float = 1.0) -> torch.Tensor:
    return F.celu(x, alpha)


def gelu(x: torch.Tensor, approximate: bool = True) -> torch.Tensor:
    return F.gelu(x, approximate="tanh" if approximate else "none")


def soft_shrink(x: torch.Tensor, threshold: float = 0.5) -> torch.Tensor:
    return F.softshrink(x, threshold)


def hard_shrink(x: torch.Tensor, threshold: float = 0.5) -> torch.Tensor:
    return F.hardshrink(x, threshold)


def glu(x: torch.Tensor, axis: Any = -1) -> torch.Tensor:
    return F.glu(x, axis)


def softmax(x: torch.Tensor, axis: Any = -1) -> torch.Tensor:
    return torch.softmax(x, axis) if isinstance(axis, int) else torch.exp(log_softmax(x, axis))


def log_softmax(x: torch.Tensor, axis: Any = -1) -> torch.Tensor:
    return torch.log_softmax(x, axis) if isinstance(axis, int) else x - torch.logsumexp(x, axis, keepdim=True)


# --- normalisation ----------------------------------------------------------------------------------------------------


def _defined(name: str, *args: Any, **kwargs: Any) -> torch.Tensor:
    """What the op's own body gives, where torch's function doesn't fit."""
    return OPS[name].body(*args, **kwargs)


def moments(
    x: torch.Tensor, axes: Any, keepdims: bool = False, synchronized: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    if not axes:
        return x, torch.zeros_like(x)
    wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
    variance, mean = torch.var_mean(wide, dim=axes, correction=0, keepdim=keepdims)
    if synchronized:
        mean, variance = replicas.moments(mean, variance, registry.get("torch"))
    return mean.to(x.dtype), variance.to(x.dtype)


def batch_normalization(
    x: torch.Tensor,
    mean: torch.Tensor,
    variance: torch.Tensor,
    axis: Any,
    offset: torch.Tensor | None = None,
    scale: torch.Tensor | None = None,
    epsilon: float = 1e-3,
) -> torch.Tensor:
    if mean.requires_grad or variance.requires_grad or x.ndim < 2:  # torch's function has no gradient for these
        return _defined("batch_normalization", x, mean, variance, axis, offset=offset, scale=scale, epsilon=epsilon)
    moved = x if axis == 1 else x.movedim(axis, 1)
    result = F.batch_norm(moved, mean, variance, weight=scale, bias=offset, training=False, eps=epsilon)
    return result if axis == 1 else result.movedim(1, axis)


def _trailing(x: torch.Tensor, axis: Any, *weights: Any) -> tuple | None:
    """The shape of the last axes, if it is these that are normalized and the weights have it; else None."""
    shape = tuple(x.shape[x.ndim - len(axis) :])
    trailing = tuple(axis) == tuple(range(x.ndim - len(axis), x.ndim))
    return shape if trailing and axis and all(w is None or tuple(w.shape) == shape for w in weights) else None


def layer_normalization(
    x: torch.Tensor,
    gamma: torch.Tensor | None = None,
    beta: torch.Tensor | None = None,
    axis: Any = -1,
    epsilon: float | None = None,
    **kwargs: Any,
) -> torch.Tensor:
    shape = None if kwargs.get("rms_scaling") else _trailing(x, axis, gamma, beta)
    if shape is None:
        return _defined("layer_normalization", x, gamma=gamma, beta=beta, axis=axis, epsilon=epsilon, **kwargs)
    return F.layer_norm(x, shape, gamma, beta, config.epsilon() if epsilon is None else epsilon)


def rms_normalization(
    x: torch.Tensor, scale: torch.Tensor | None = None, axis: Any = -1, epsilon: float | None = None
) -> torch.Tensor:
    shape = _trailing(x, axis, scale)
    if shape is None:
        return _defined("rms_normalization", x, scale=scale, axis=axis, epsilon=epsilon)
    return F.rms_norm(x, shape, scale, config.epsilon() if epsilon is None else epsilon)


# --- convolution and pooling ------------------------------------------------------------------------------------------

_CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_CONV_TRANSPOSE = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
_MAX_POOL = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
_AVERAGE_POOL = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}


def _channels_first(x: torch.Tensor, data_format: str) -> torch.Tensor:
    """Images with channels before the spatial axes: a view, which torch takes as its own `channels_last` layout."""
    return x.movedim(-1, 1) if data_format == "channels_last" else x


def _as_given(x: torch.Tensor, data_format: str) -> torch.Tensor:
    return x.movedim(1, -1) if data_format == "channels_last" else x


def _padding(
    x: torch.Tensor, windows: tuple, strides: tuple, dilations: tuple, padding: str, fill: float = 0.0
) -> tuple:
    """Images, and how much the convolution or pooling is to pad on both sides; what is lopsided is padded here."""
    if padding == "valid":
        return x, (0,) * len(windows)
    places = zip(x.shape[2:], windows, strides, dilations, strict=True)
    pairs = [same_padding(size, window, stride, dilation) for size, window, stride, dilation in places]
    if all(before == after for before, after in pairs):
        return x, tuple(before for before, _ in pairs)
    return padded(x, ((0, 0), (0, 0), *pairs), fill), (0,) * len(windows)


def conv(
    inputs: torch.Tensor,
    kernel: torch.Tensor,
    strides: tuple,
    padding: str,
    data_format: str,
    dilation_rate: tuple,
    bias: torch.Tensor | None = None,
) -> torch.Tensor:
    x = _channels_first(inputs, data_format)
    weight = kernel.movedim((-1, -2), (0, 1))
    x, pads = _padding(x, kernel.shape[:-2], strides, dilation_rate, padding)
    groups = x.shape[1] // kernel.shape[-2]
    result = _CONV[len(strides)](x, weight, bias, strides, pads, dilation_rate, groups)
    return _as_given(result, data_format)


def biased_conv(inputs: torch.Tensor, kernel: torch.Tensor, bias: torch.Tensor, **options: Any) -> torch.Tensor:
    return conv(inputs, kernel, **options, bias=bias)


def conv_transpose(
    inputs: torch.Tensor,
    kernel: torch.Tensor,
    strides: tuple,
    padding: str,
    output_padding: tuple,
    data_format: str,
    dilation_rate: tuple,
) -> torch.Tensor:
    x = _channels_first(inputs, data_format)
    weight = kernel.movedim((-1, -2), (0, 1))
    full = _CONV_TRANSPOSE[len(strides)](x, weight, None, strides, 0, 0, 1, dilation_rate)
    places = zip(x.shape[2:], kernel.shape[:-2], strides, output_padding, dilation_rate, strict=True)
    cuts = [transposed(n, k, s, padding, extra, d) for n, k, s, extra, d in places]
    around = [(-crop, size + crop - have) for (size, crop), have in zip(cuts, full.shape[2:], strict=True)]
    if any(n for pair in around for n in pair):
        full = padded(full, ((0, 0), (0, 0), *around))
    return _as_given(full, data_format)


def max_pool(inputs: torch.Tensor, pool_size: tuple, strides: tuple, padding: str, data_format: str) -> torch.Tensor:
    x = _channels_first(inputs, data_format)
    kind = x.dtype
    x = x if kind.is_floating_point else x.double()
    x, pads = _padding(x, pool_size, strides, (1,) * len(strides), padding, fill=-torch.inf)
    return _as_given(_MAX_POOL[len(strides)](x, pool_size, strides, pads), data_format).to(kind)


def average_pool(
    inputs: torch.Tensor, pool_size: tuple, strides: tuple, padding: str, data_format: str
) -> torch.Tensor:
    if len(strides) == 3 and inputs.dtype in (torch.float16, torch.bfloat16) and not inputs.is_cuda:  # has no kernel
        return average_pool(inputs.float(), pool_size, strides, padding, data_format).to(inputs.dtype)
    x = _channels_first(inputs, data_format)
    wide, pads = _padding(x, pool_size, strides, (1,) * len(strides), padding)
    pool = _AVERAGE_POOL[len(strides)]
    if wide is x:
        return _as_given(pool(x, pool_size, strides, pads, count_include_pad=False), data_format)
    inside = _padding(torch.ones_like(x[:1, :1]), pool_size, strides, (1,) * len(strides), padding)[0]
    return _as_given(pool(wide, pool_size, strides) / pool(inside, pool_size, strides), data_format)


# --- attention --------------------------------------------------------------------------------------------------------


def dot_product_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    bias: torch.Tensor | None = None,
    mask: torch.Tensor | None = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> torch.Tensor:
    if attn_logits_soft_cap is not None or gradient_depth() > 1:  # the fused kernels have no second derivative
        rest = (bias, mask, scale, is_causal, flash_attention, attn_logits_soft_cap)
        return _defined("dot_product_attention", query, key, value, *rest)
    if is_causal and (mask is not None or bias is not None):
        causal = torch.ones(query.shape[1], key.shape[1], dtype=torch.bool, device=query.device).tril()
        mask, is_causal = causal if mask is None else mask & causal, False
    q, k, v = (x.transpose(1, 2) for x in (query, key, value))
    if mask is not None:  # a finite number, and rows without any place to look at all see all alike, without gradients
        seen = mask.any(-1, keepdim=True)
        q = q.where(seen, 0.0)
        mask = torch.where(mask | ~seen, 0.0, -0.7 * dtypes.largest(query.dtype)).to(query.dtype)
        bias = mask if bias is None else bias + mask
    grouped = q.shape[1] != k.shape[1]
    with _kernels(flash_attention):
        result = F.scaled_dot_product_attention(
            q, k, v, attn_mask=bias, is_causal=is_causal, scale=scale, enable_gqa=grouped
        )
    return result.transpose(1, 2)


def _kernels(flash: bool | None) -> Any:
    """The kernels that may be used: all of them, or the plain one where flash attention is turned off."""
    flash = config.flags["flash_attention"] if flash is None else flash
    return contextlib.nullcontext() if flash else sdpa_kernel(SDPBackend.MATH)


# --- recurrence -------------------------------------------------------------------------------------------------------


def lstm(inputs: torch.Tensor, h: torch.Tensor, c: torch.Tensor, *weights: torch.Tensor, bias: Any = None) -> tuple:
    if not _has_kernel(inputs):
        return _defined("lstm", inputs, h, c, *weights, bias)
    kernel, recurrent = weights
    none = kernel.new_zeros(kernel.shape[-1])
    return _recurrent("lstm", inputs, h, c, kernel.t(), recurrent.t(), none if bias is None else bias, none)


def gru(inputs: torch.Tensor, h: torch.Tensor, *weights: torch.Tensor, bias: Any = None) -> tuple:
    if not _has_kernel(inputs):
        return _defined("gru", inputs, h, *weights, bias)
    kernel, recurrent, bias = (None if w is None else _reset_first(w) for w in (*weights, bias))
    biases = (kernel.new_zeros(kernel.shape[-1]),) * 2 if bias is None else bias
    return _recurrent("gru", inputs, h, h, kernel.t(), recurrent.t(), *biases)[:2]


def _has_kernel(x: torch.Tensor) -> bool:
    """Whether torch's own function will do: it has no rule for `vmap`, no second derivative, none for empty batches."""
    mapped = torch._C._functorch.is_functorch_wrapped_tensor(x)
    return not mapped and gradient_depth() < 2 and x.shape[0] != 0


def _reset_first(weights: torch.Tensor) -> torch.Tensor:
    update, reset, candidate = weights.chunk(3, -1)
    return torch.cat([reset, update, candidate], -1)


def _recurrent(kind: str, inputs: torch.Tensor, *rest: torch.Tensor) -> tuple:
    given = inputs.transpose(0, 1), *rest
    differentiated = torch.is_grad_enabled() and any(x.requires_grad for x in given)
    if not is_traced(inputs):
        outputs, *states = _run(kind, differentiated, *given)
    elif differentiated:
        outputs, *states = _Recurrent.apply(kind, *given)
    else:
        outputs, *states = torch.ops.triceras.recurrent(kind, False, *given)[:3]
    return outputs.transpose(0, 1), *states


def _run(kind: str, train: bool, x: torch.Tensor, h: torch.Tensor, c: torch.Tensor, *weights: torch.Tensor) -> tuple:
    x, h, c, *weights = (t.contiguous() for t in (x, h, c, *weights))  # the same sums in a graph, which copies them
    if x.is_cuda:  # where cuDNN wants all weights in one piece
        pieces = torch.cat([w.reshape(-1) for w in weights]).split([w.numel() for w in weights])
        weights = [piece.view(w.shape) for piece, w in zip(pieces, weights, strict=True)]
    states = (h[None], c[None]) if kind == "lstm" else h[None]
    outputs, *states = getattr(torch._VF, kind)(x, states, weights, True, 1, 0.0, train, False, False)
    return outputs, *(s[0] for s in states)


# In a captured graph a kernel and its gradient are operators of our own: torch's `lstm` fits into no graph, and its
# `gru` is a thousand operators there. What the gradient needs is kept on the Python object of one of the results, which
# lives as long as the graph holds that tensor; should it get lost, the forward pass is run again.


def _graph(kind: str, inputs: Any) -> tuple[list[torch.Tensor], tuple]:
    recording = torch._C._SetExcludeDispatchKeyGuard(torch._C.DispatchKey.AutogradFunctionality, False)
    with recording, torch.enable_grad():  # compiled code runs with autograd shut off altogether
        # Copies, as compiled code puts other things into the same memory.
        leaves = [x.detach().clone(memory_format=torch.contiguous_format).requires_grad_() for x in inputs]
        return leaves, _run(kind, True, *leaves)


def _forward(kind: str, train: bool, *inputs: torch.Tensor) -> tuple:
    saved = inputs[0].new_zeros(1)
    if train:
        saved.graph = _graph(kind, inputs)
        outputs = tuple(x.detach() for x in saved.graph[1])
    else:
        outputs = _run(kind, False, *inputs)
    outputs = outputs if len(outputs) == 3 else (*outputs, outputs[1].new_zeros(1))
    return *(x.clone(memory_format=torch.contiguous_format) for x in outputs), saved


def _backward(kind: str, saved: torch.Tensor, inputs: list[torch.Tensor], upstream: list[torch.Tensor]) -> tuple:
    leaves, outputs = saved.__dict__.pop("graph", None) or _graph(kind, inputs)
    found = torch.autograd.grad(outputs, leaves, upstream[: len(outputs)], allow_unused=True)
    return tuple(torch.zeros_like(x) if g is None else g.contiguous() for x, g in zip(inputs, found, strict=True))


def _forward_fake(kind: str, train: bool, x: torch.Tensor, h: torch.Tensor, *rest: torch.Tensor) -> tuple:
    c = h.new_empty(h.shape if kind == "lstm" else (1,))
    return x.new_empty((*x.shape[:2], h.shape[-1])), h.new_empty(h.shape), c, x.new_empty(1)


def _backward_fake(kind: str, saved: torch.Tensor, inputs: list[torch.Tensor], upstream: Any) -> tuple:
    return tuple(x.new_empty(x.shape) for x in inputs)


class _Recurrent(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, kind: str, *inputs: torch.Tensor) -> tuple:
        *outputs, saved = torch.ops.triceras.recurrent(kind, True, *inputs)
        ctx.kind = kind
        ctx.save_for_backward(saved, *inputs)
        return tuple(outputs)

    @staticmethod
    def backward(ctx: Any, *upstream: torch.Tensor) -> tuple:
        saved, *inputs = ctx.saved_tensors
        return None, *torch.ops.triceras.recurrent_backward(ctx.kind, saved, inputs, list(upstream))


_library = torch.library.Library("triceras", "FRAGMENT")
_SEVEN = ", ".join(["Tensor"] * 7)
for _name, _schema, _function, _fake in (
    (
        "recurrent",
        "(str kind, bool train, Tensor x, Tensor h, Tensor c, Tensor a, Tensor b, Tensor d, Tensor e) "
        "-> (Tensor, Tensor, Tensor, Tensor)",
        _forward,
        _forward_fake,
    ),
    (
        "recurrent_backward",
        f"(str kind, Tensor saved, Tensor[] inputs, Tensor[] upstream) -> ({_SEVEN})",
        _backward,
        _backward_fake,
    ),
):
    _library.define(_name + _schema)
    _library.impl(_name, _function, "CompositeExplicitAutograd")
    torch.library.register_fake(f"triceras::{_name}", _fake, lib=_library)
