"""Ops in 16-bit floats, as mixed precision uses them: they run everywhere, keep the dtype, and are near the 32-bit result."""

import numpy as np
import pytest

from triceras.core import registry, tree
from triceras.ops.op import OPS
from triceras.testing.samples import CASES

NAMES = """
absolute add argmax average_pool batch_normalization clip concatenate conv conv_transpose cumsum depthwise_conv divide
dot_product_attention einsum erf exp expand_dims gelu get_item layer_normalization leaky_relu less log_softmax logsumexp
matmul max max_pool maximum mean moments multiply pad power relu reshape rms_normalization rsqrt sigmoid silu softmax
softplus sort sqrt square stack std subtract sum take tanh tensordot top_k transpose var where
""".split()


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half(backend, dtype):
    home, failures = registry.current(), []
    for name in NAMES:
        sample = CASES[name].samples[0]
        half = [home.convert(x, dtype if x.dtype == np.float32 else None) for x in sample.arrays]
        filled = sample.filled(half)
        try:
            found = tree.flatten(OPS[name](*filled.args, **filled.kwargs))
            expected = tree.flatten(CASES[name].reference(*sample.args, **sample.kwargs))
            for got, want in zip(found, expected, strict=True):
                if np.asarray(want).dtype.kind == "f":
                    assert home.dtype(got) == dtype, f"dtype {home.dtype(got)}"
                    got = np.asarray(home.to_numpy(got), np.float32)
                    np.testing.assert_allclose(got, want, rtol=0.1, atol=0.1)
        except Exception as error:
            failures.append(f"{name}: {type(error).__name__}: {str(error)[:200]}")
    assert not failures, "\n".join(failures)
