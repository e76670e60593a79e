"""Ops in 16-bit floats, as mixed precision uses them: they run, keep the dtype, and are near the 32-bit result."""

import numpy as np
import pytest

from triceras import ops
from triceras.core import dtypes, registry, tree
from triceras.ops.op import OPS
from triceras.testing.samples import CASES

NAMES = """
absolute add argmax average_pool batch_normalization clip concatenate conv conv_transpose cumsum depthwise_conv divide
dot_product_attention einsum erf exp expand_dims gelu get_item layer_normalization leaky_relu less log_softmax logsumexp
matmul max max_pool maximum mean moments multiply pad power relu reshape rms_normalization rsqrt sigmoid silu sinc softmax
softplus sort sqrt square stack std subtract sum take tanh tensordot top_k transpose var where
""".split()


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half(backend, dtype):
    home, samples = registry.current(), [CASES[name].samples[0] for name in NAMES]

    def every(tensors):  # in one program, which is faster on a backend that compiles eager code op by op
        filled = [sample.filled(arrays) for sample, arrays in zip(samples, tensors, strict=True)]
        return [OPS[name](*s.args, **s.kwargs) for name, s in zip(NAMES, filled, strict=True)]

    inputs = [[home.convert(x, dtype if x.dtype == np.float32 else None) for x in s.arrays] for s in samples]
    for name, sample, found in zip(NAMES, samples, home.jit(every)(inputs), strict=True):
        expected = CASES[name].reference(*sample.args, **sample.kwargs)
        for got, want in zip(tree.flatten(found), tree.flatten(expected), strict=True):
            if np.asarray(want).dtype.kind == "f":
                assert home.dtype(got) == dtype, name
                got = np.asarray(home.to_numpy(got), np.float32)
                np.testing.assert_allclose(got, want, rtol=0.1, atol=0.1, err_msg=name)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_infinity_becomes_the_largest_number(backend, dtype):
    found = ops.nan_to_num(ops.cast(np.float32([np.nan, np.inf, -np.inf, 1]), dtype))
    largest = dtypes.largest(dtype)
    assert ops.dtype(found) == dtype
    assert ops.convert_to_numpy(ops.cast(found, "float32")).tolist() == [0, largest, -largest, 1]
