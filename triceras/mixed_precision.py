"""Mixed precision: computing in 16 bits, with variables in float32.

`set_dtype_policy("mixed_bfloat16")`, or `dtype="mixed_bfloat16"` for a single layer, is all it takes. float16 has a
small range: a model whose policy is `"mixed_float16"` gets a `LossScaleOptimizer` around its optimizer from `compile`.
"""

from __future__ import annotations

from triceras.dtype_policies import DTypePolicy, dtype_policy, set_dtype_policy
from triceras.optimizers import LossScaleOptimizer

Policy = DTypePolicy
global_policy, set_global_policy = dtype_policy, set_dtype_policy

__all__ = [
    "DTypePolicy",
    "LossScaleOptimizer",
    "Policy",
    "dtype_policy",
    "global_policy",
    "set_dtype_policy",
    "set_global_policy",
]
