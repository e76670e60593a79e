"""Every op, declared once by family; see `ops/op.py` for how one is declared and found.

Names are listed by hand. Examples in docstrings leave out `from triceras import ops`.
"""

# fmt: off
# isort: off
from triceras.core import abstract  # noqa: F401 - makes ops work on specs
from triceras.ops.activations import (
    celu, elu, gelu, glu, hard_shrink, hard_sigmoid, hard_silu, hard_swish, hard_tanh, leaky_relu, log_sigmoid,
    log_softmax, mish, relu, relu6, selu, sigmoid, silu, soft_shrink, softmax, softplus, softsign, sparse_plus,
    sparse_sigmoid, sparsemax, squareplus, swish, tanh_shrink, threshold,
)
from triceras.ops.arrange import (
    array_split, dsplit, dstack, fliplr, flipud, hsplit, kron, rearrange, rot90, select, unravel_index, vectorize,
    vsplit,
)
from triceras.ops.array import (
    append, broadcast_to, concatenate, expand_dims, flip, get_item, hstack, meshgrid, moveaxis, nonzero, pad, ravel,
    repeat, reshape, roll, scatter, scatter_update, searchsorted, slice, slice_update, split, squeeze, stack,
    swapaxes, take, take_along_axis, tile, transpose, unstack, vstack,
)
from triceras.ops.attention import dot_product_attention
from triceras.ops.classification import (
    binary_crossentropy, categorical_crossentropy, multi_hot, one_hot, sparse_categorical_crossentropy,
)
from triceras.ops.control import (
    associative_scan, cond, custom_gradient, fori_loop, jvp, map, scan, stop_gradient, switch, vectorized_map,
    while_loop,
)
from triceras.ops.convolution import (
    adaptive_average_pool, adaptive_max_pool, average_pool, biased_conv, conv, conv_transpose, depthwise_conv, fold,
    max_pool, separable_conv, unfold,
)
from triceras.ops.creation import (
    arange, array, cast, convert_to_numpy, convert_to_tensor, copy, diag, diagflat, diagonal, dtype, empty,
    empty_like, eye, full, full_like, geomspace, identity, is_tensor, linspace, logspace, ndim, ones, ones_like,
    saturate_cast, shape, size, trace, tri, tril, triu, zeros, zeros_like,
)
from triceras.ops.ctc import ctc_decode, ctc_loss
from triceras.ops.image.filters import psnr
from triceras.ops.image.patches import depth_to_space, space_to_depth
from triceras.ops.linalg import (
    cdist, cholesky, cholesky_inverse, cross, det, dot, eig, eigh, einsum, inner, inv, logdet, lstsq, lu_factor,
    matmul, matrix_rank, norm, outer, pinv, qr, slogdet, solve, solve_triangular, svd, tensordot, vdot,
)
from triceras.ops.logic import (
    all, allclose, any, equal, greater, greater_equal, isclose, less, less_equal, logical_and, logical_not, logical_or,
    logical_xor, not_equal, where,
)
from triceras.ops.math import (
    abs, absolute, add, arccos, arccosh, arcsin, arcsinh, arctan, arctan2, arctanh, bitwise_and, bitwise_invert,
    bitwise_left_shift, bitwise_not, bitwise_or, bitwise_right_shift, bitwise_xor, ceil, clip, conj, conjugate, cos,
    cosh, deg2rad, divide, divide_no_nan, erf, erfc, erfinv, exp, exp2, expm1, floor, floor_divide, hypot, imag,
    isfinite, isinf, isnan, left_shift, log, log10, log1p, log2, logaddexp, logaddexp2, maximum, minimum, mod,
    multiply, nan_to_num, negative, power, rad2deg, real, reciprocal, right_shift, round, rsqrt, sign, sin, sinh,
    sqrt, square, subtract, tan, tanh, true_divide, trunc,
)
from triceras.ops.nan import (
    nanargmax, nanargmin, nancumprod, nancumsum, nanmax, nanmean, nanmedian, nanmin, nanpercentile, nanprod,
    nanquantile, nanstd, nansum, nanvar, percentile,
)
from triceras.ops.normalization import batch_normalization, layer_normalization, moments, normalize, rms_normalization
from triceras.ops.random import random_bits, random_normal, random_uniform
from triceras.ops.recurrent import gru, lstm
from triceras.ops.reduce import (
    amax, amin, argmax, argmin, argsort, average, bincount, count_nonzero, cumprod, cumsum, diff, in_top_k, logsumexp,
    max, mean, median, min, prod, ptp, quantile, segment_max, segment_min, segment_prod, segment_sum, sort, std, sum,
    top_k, var,
)
from triceras.ops.signal import (
    bartlett, blackman, extract_sequences, fft, fft2, hamming, hanning, ifft2, irfft, istft, kaiser, rfft, stft,
)
from triceras.ops.special import (
    angle, cbrt, fabs, fmax, fmin, fmod, gcd, heaviside, i0, isneginf, isposinf, isreal, lcm, ldexp, nextafter,
    polar, signbit, sinc, view, view_as_complex, view_as_real,
)
from triceras.ops.statistics import (
    argpartition, corrcoef, correlate, digitize, histogram, isin, trapezoid, unique, vander,
)
from triceras.ops import image, nn, numpy  # noqa: F401 - last: they list what is there

__all__ = [
    "abs", "absolute", "adaptive_average_pool", "adaptive_max_pool", "add", "all", "allclose", "amax", "amin",
    "angle", "any", "append", "arange", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh",
    "argmax", "argmin", "argpartition", "argsort", "array", "array_split", "associative_scan", "average",
    "average_pool", "bartlett", "batch_normalization", "biased_conv", "binary_crossentropy", "bincount",
    "bitwise_and", "bitwise_invert", "bitwise_left_shift", "bitwise_not", "bitwise_or", "bitwise_right_shift",
    "bitwise_xor", "blackman", "broadcast_to", "cast", "categorical_crossentropy", "cbrt", "cdist", "ceil", "celu",
    "cholesky", "cholesky_inverse", "clip", "concatenate", "cond", "conj", "conjugate", "conv", "conv_transpose",
    "convert_to_numpy", "convert_to_tensor", "copy", "corrcoef", "correlate", "cos", "cosh", "count_nonzero",
    "cross", "ctc_decode", "ctc_loss", "cumprod", "cumsum", "custom_gradient", "deg2rad", "depth_to_space",
    "depthwise_conv", "det", "diag", "diagflat", "diagonal", "diff", "digitize", "divide", "divide_no_nan", "dot",
    "dot_product_attention", "dsplit", "dstack", "dtype", "eig", "eigh", "einsum", "elu", "empty", "empty_like",
    "equal", "erf", "erfc", "erfinv", "exp", "exp2", "expand_dims", "expm1", "extract_sequences", "eye", "fabs",
    "fft", "fft2", "flip", "fliplr", "flipud", "floor", "floor_divide", "fmax", "fmin", "fmod", "fold", "fori_loop",
    "full", "full_like", "gcd", "gelu", "geomspace", "get_item", "glu", "greater", "greater_equal", "gru",
    "hamming", "hanning", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh", "heaviside",
    "histogram", "hsplit", "hstack", "hypot", "i0", "identity", "ifft2", "imag", "image", "in_top_k", "inner",
    "inv", "irfft", "is_tensor", "isclose", "isfinite", "isin", "isinf", "isnan", "isneginf", "isposinf", "isreal",
    "istft", "jvp", "kaiser", "kron", "layer_normalization", "lcm", "ldexp", "leaky_relu", "left_shift", "less",
    "less_equal", "linspace", "log", "log10", "log1p", "log2", "log_sigmoid", "log_softmax", "logaddexp",
    "logaddexp2", "logdet", "logical_and", "logical_not", "logical_or", "logical_xor", "logspace", "logsumexp",
    "lstm", "lstsq", "lu_factor", "map", "matmul", "matrix_rank", "max", "max_pool", "maximum", "mean", "median",
    "meshgrid", "min", "minimum", "mish", "mod", "moments", "moveaxis", "multi_hot", "multiply", "nan_to_num",
    "nanargmax", "nanargmin", "nancumprod", "nancumsum", "nanmax", "nanmean", "nanmedian", "nanmin",
    "nanpercentile", "nanprod", "nanquantile", "nanstd", "nansum", "nanvar", "ndim", "negative", "nextafter",
    "nonzero", "norm", "normalize", "not_equal", "one_hot", "ones", "ones_like", "outer", "pad", "percentile",
    "pinv", "polar", "power", "prod", "psnr", "ptp", "qr", "quantile", "rad2deg", "random_bits", "random_normal",
    "random_uniform", "ravel", "real", "rearrange", "reciprocal", "relu", "relu6", "repeat", "reshape", "rfft",
    "right_shift", "rms_normalization", "roll", "rot90", "round", "rsqrt", "saturate_cast", "scan", "scatter",
    "scatter_update", "searchsorted", "segment_max", "segment_min", "segment_prod", "segment_sum", "select", "selu",
    "separable_conv", "shape", "sigmoid", "sign", "signbit", "silu", "sin", "sinc", "sinh", "size", "slice",
    "slice_update", "slogdet", "soft_shrink", "softmax", "softplus", "softsign", "solve", "solve_triangular",
    "sort", "space_to_depth", "sparse_categorical_crossentropy", "sparse_plus", "sparse_sigmoid", "sparsemax",
    "split", "sqrt", "square", "squareplus", "squeeze", "stack", "std", "stft", "stop_gradient", "subtract", "sum",
    "svd", "swapaxes", "swish", "switch", "take", "take_along_axis", "tan", "tanh", "tanh_shrink", "tensordot",
    "threshold", "tile", "top_k", "trace", "transpose", "trapezoid", "tri", "tril", "triu", "true_divide", "trunc",
    "unfold", "unique", "unravel_index", "unstack", "vander", "var", "vdot", "vectorize", "vectorized_map", "view",
    "view_as_complex", "view_as_real", "vsplit", "vstack", "where", "while_loop", "zeros", "zeros_like",
]
