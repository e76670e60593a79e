"""torch functions of the ops in `ops/nn.py`."""

import contextlib

import torch
import torch.nn.functional as F  # noqa: N812
from torch.nn.attention import SDPBackend, sdpa_kernel

from triceras.backends.torch.array import padded
from triceras.backends.torch.transforms import gradient_depth
from triceras.core import config, dtypes
from triceras.ops.op import OPS
from triceras.ops.windows import same_padding, transposed

# --- activations ------------------------------------------------------------------------------------------------------

relu, relu6, sigmoid, silu, softsign = torch.relu, F.relu6, torch.sigmoid, F.silu, F.softsign
softplus, log_sigmoid, mish, selu = F.softplus, F.logsigmoid, F.mish, F.selu
hard_sigmoid, hard_silu, hard_tanh, tanh_shrink = F.hardsigmoid, F.hardswish, F.hardtanh, F.tanhshrink


def leaky_relu(x, negative_slope=0.2):
    return F.leaky_relu(x, negative_slope)


def elu(x, alpha=1.0):
    return F.elu(x, alpha)


def celu(x, alpha=1.0):
    return F.celu(x, alpha)


def gelu(x, approximate=True):
    return F.gelu(x, approximate="tanh" if approximate else "none")


def soft_shrink(x, threshold=0.5):
    return F.softshrink(x, threshold)


def hard_shrink(x, threshold=0.5):
    return F.hardshrink(x, threshold)


def glu(x, axis=-1):
    return F.glu(x, axis)


def softmax(x, axis=-1):
    return torch.softmax(x, axis) if isinstance(axis, int) else torch.exp(log_softmax(x, axis))


def log_softmax(x, axis=-1):
    return torch.log_softmax(x, axis) if isinstance(axis, int) else x - torch.logsumexp(x, axis, keepdim=True)


# --- normalisation ----------------------------------------------------------------------------------------------------


def _defined(name, *args, **kwargs):
    """What the op's own body gives, where torch's function doesn't fit."""
    return OPS[name].body(*args, **kwargs)


def moments(x, axes, keepdims=False, synchronized=False):
    if not axes:
        return x, torch.zeros_like(x)
    wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
    variance, mean = torch.var_mean(wide, dim=axes, correction=0, keepdim=keepdims)
    return mean.to(x.dtype), variance.to(x.dtype)


def batch_normalization(x, mean, variance, axis, offset=None, scale=None, epsilon=1e-3):
    if mean.requires_grad or variance.requires_grad or x.ndim < 2:  # torch's function has no gradient for these
        return _defined("batch_normalization", x, mean, variance, axis, offset=offset, scale=scale, epsilon=epsilon)
    moved = x if axis == 1 else x.movedim(axis, 1)
    result = F.batch_norm(moved, mean, variance, weight=scale, bias=offset, training=False, eps=epsilon)
    return result if axis == 1 else result.movedim(1, axis)


def _trailing(x, axis, *weights):
    """The shape of the last axes, if it is these that are normalized and the weights have it; else None."""
    shape = tuple(x.shape[x.ndim - len(axis) :])
    trailing = tuple(axis) == tuple(range(x.ndim - len(axis), x.ndim))
    return shape if trailing and axis and all(w is None or tuple(w.shape) == shape for w in weights) else None


def layer_normalization(x, gamma=None, beta=None, axis=-1, epsilon=None, **kwargs):
    shape = None if kwargs.get("rms_scaling") else _trailing(x, axis, gamma, beta)
    if shape is None:
        return _defined("layer_normalization", x, gamma=gamma, beta=beta, axis=axis, epsilon=epsilon, **kwargs)
    return F.layer_norm(x, shape, gamma, beta, config.epsilon() if epsilon is None else epsilon)


def rms_normalization(x, scale=None, axis=-1, epsilon=None):
    shape = _trailing(x, axis, scale)
    if shape is None:
        return _defined("rms_normalization", x, scale=scale, axis=axis, epsilon=epsilon)
    return F.rms_norm(x, shape, scale, config.epsilon() if epsilon is None else epsilon)


# --- convolution and pooling ------------------------------------------------------------------------------------------

_CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_CONV_TRANSPOSE = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
_MAX_POOL = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
_AVERAGE_POOL = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}


def _channels_first(x, data_format):
    """Images with channels before the spatial axes: a view, which torch takes as its own `channels_last` layout."""
    return x.movedim(-1, 1) if data_format == "channels_last" else x


def _as_given(x, data_format):
    return x.movedim(1, -1) if data_format == "channels_last" else x


def _padding(x, windows, strides, dilations, padding, fill=0.0):
    """Images, and how much the convolution or pooling is to pad on both sides; what is lopsided is padded here."""
    if padding == "valid":
        return x, (0,) * len(windows)
    places = zip(x.shape[2:], windows, strides, dilations, strict=True)
    pairs = [same_padding(size, window, stride, dilation) for size, window, stride, dilation in places]
    if all(before == after for before, after in pairs):
        return x, tuple(before for before, _ in pairs)
    return padded(x, ((0, 0), (0, 0), *pairs), fill), (0,) * len(windows)


def conv(inputs, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    x = _channels_first(inputs, data_format)
    weight = kernel.movedim((-1, -2), (0, 1))
    x, pads = _padding(x, kernel.shape[:-2], strides, dilation_rate, padding)
    groups = x.shape[1] // kernel.shape[-2]
    result = _CONV[len(strides)](x, weight, None, strides, pads, dilation_rate, groups)
    return _as_given(result, data_format)


def conv_transpose(
    inputs, kernel, strides=1, padding="valid", output_padding=None, data_format=None, dilation_rate=1
):
    x = _channels_first(inputs, data_format)
    weight = kernel.movedim((-1, -2), (0, 1))
    full = _CONV_TRANSPOSE[len(strides)](x, weight, None, strides, 0, 0, 1, dilation_rate)
    places = zip(x.shape[2:], kernel.shape[:-2], strides, output_padding, dilation_rate, strict=True)
    cuts = [transposed(n, k, s, padding, extra, d) for n, k, s, extra, d in places]
    around = [(-crop, size + crop - have) for (size, crop), have in zip(cuts, full.shape[2:], strict=True)]
    if any(n for pair in around for n in pair):
        full = padded(full, ((0, 0), (0, 0), *around))
    return _as_given(full, data_format)


def max_pool(inputs, pool_size, strides=None, padding="valid", data_format=None):
    x = _channels_first(inputs, data_format)
    kind = x.dtype
    x = x if kind.is_floating_point else x.double()
    x, pads = _padding(x, pool_size, strides, (1,) * len(strides), padding, fill=-torch.inf)
    return _as_given(_MAX_POOL[len(strides)](x, pool_size, strides, pads), data_format).to(kind)


def average_pool(inputs, pool_size, strides=None, padding="valid", data_format=None):
    x = _channels_first(inputs, data_format)
    padded, pads = _padding(x, pool_size, strides, (1,) * len(strides), padding)
    pool = _AVERAGE_POOL[len(strides)]
    if padded is x:
        return _as_given(pool(x, pool_size, strides, pads, count_include_pad=False), data_format)
    inside = _padding(torch.ones_like(x[:1, :1]), pool_size, strides, (1,) * len(strides), padding)[0]
    return _as_given(pool(padded, pool_size, strides) / pool(inside, pool_size, strides), data_format)


# --- attention --------------------------------------------------------------------------------------------------------


def dot_product_attention(
    query,
    key,
    value,
    bias=None,
    mask=None,
    scale=None,
    is_causal=False,
    flash_attention=None,
    attn_logits_soft_cap=None,
):
    if attn_logits_soft_cap is not None or gradient_depth() > 1:  # the fused kernels have no second derivative
        rest = (bias, mask, scale, is_causal, flash_attention, attn_logits_soft_cap)
        return _defined("dot_product_attention", query, key, value, *rest)
    if is_causal and (mask is not None or bias is not None):
        causal = torch.ones(query.shape[1], key.shape[1], dtype=torch.bool, device=query.device).tril()
        mask, is_causal = causal if mask is None else mask & causal, False
    if mask is not None:  # a finite number, so that rows without any place to look at stay finite
        low = -0.7 * dtypes.largest(query.dtype)
        mask = torch.where(mask, 0.0, low).to(query.dtype)
        bias = mask if bias is None else bias + mask
    q, k, v = (x.transpose(1, 2) for x in (query, key, value))
    grouped = q.shape[1] != k.shape[1]
    with _kernels(flash_attention):
        result = F.scaled_dot_product_attention(
            q, k, v, attn_mask=bias, is_causal=is_causal, scale=scale, enable_gqa=grouped
        )
    return result.transpose(1, 2)


def _kernels(flash):
    """The kernels that may be used: all of them, or the plain one where flash attention is turned off."""
    flash = config.flags["flash_attention"] if flash is None else flash
    return contextlib.nullcontext() if flash else sdpa_kernel(SDPBackend.MATH)
