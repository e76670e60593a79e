"""Muon: steps along the nearest orthogonal matrix, for the matrices among the weights."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, Unpack

from triceras import ops
from triceras.core.variable import Variable
from triceras.optimizers.adam import Adam
from triceras.optimizers.optimizer import Common

_OWN = (
    *("adam_weight_decay", "exclude_embeddings", "muon_a", "muon_b", "muon_c"),
    *("adam_lr_ratio", "momentum", "ns_steps", "nesterov", "rms_rate"),
)


class Muon(Adam):
    """Momentum whose directions are made orthogonal, for matrices; AdamW for all other weights: Jordan et al., 2024.

    A few steps of a Newton-Schulz iteration bring all singular values of a direction near 1. That suits matrices in the
    middle of a network; name what is to be left to AdamW, above all the output layer, in `exclude_layers`.
    `rms_rate` makes steps as long as AdamW's, whose learning rate and weight decay then do: Liu et al., 2025
    (arXiv:2502.16982).

    Args:
        learning_rate: float, schedule or function.
        adam_beta_1, adam_beta_2, epsilon: AdamW's; see `Adam`.
        adam_weight_decay: AdamW's weight decay; None: none.
        weight_decay: that of the weights with orthogonal steps; None: none.
        exclude_layers: regular expressions: weights in whose path one of them is found are left to AdamW.
        exclude_embeddings: whether weights with "embedding" in their path are left to AdamW.
        muon_a, muon_b, muon_c: coefficients of the iteration's polynomial.
        adam_lr_ratio: AdamW's learning rate over that of the orthogonal steps.
        momentum: share of the sum of gradients that stays.
        ns_steps: how many steps the iteration makes.
        nesterov: whether to look ahead.
        rms_rate: root mean square of a step of learning rate 1; None: the steps stay orthogonal.
        **common: see `Optimizer`.

    Raises:
        ValueError: `exclude_layers` isn't a list of strings.

    Example:
        >>> from triceras import Variable, ops, optimizers
        >>> v = Variable([[1.0, 2.0], [3.0, 4.0]])
        >>> muon = optimizers.Muon(0.5, weight_decay=None, rms_rate=None, ns_steps=0)
        >>> muon.apply([ops.array([[3.0, 0.0], [0.0, 4.0]])], [v])
        >>> print(v.numpy().round(3))
        [[0.7 2. ]
         [3.  3.6]]
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: float | None = 0.004,
        epsilon: float = 1e-7,
        weight_decay: float | None = 0.004,
        exclude_layers: Sequence[str] | None = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.775,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
        **common: Unpack[Common],
    ):
        patterns = [] if exclude_layers is None else exclude_layers
        if isinstance(patterns, str) or not all(isinstance(pattern, str) for pattern in patterns):
            raise ValueError(f"`exclude_layers` must be a list of strings. Received: exclude_layers={exclude_layers!r}")
        super().__init__(learning_rate, adam_beta_1, adam_beta_2, epsilon, weight_decay=weight_decay, **common)
        self.exclude_layers = list(patterns)
        self.adam_weight_decay, self.exclude_embeddings = adam_weight_decay, exclude_embeddings
        self.muon_a, self.muon_b, self.muon_c = muon_a, muon_b, muon_c
        self.adam_lr_ratio, self.rms_rate = adam_lr_ratio, rms_rate
        self.momentum, self.ns_steps, self.nesterov = momentum, ns_steps, nesterov

    def slot_groups(self) -> list[tuple[str, ...]]:
        return []

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._slots |= {"momentum": [], "velocity": []}
        for variable in self._trainable_variables:
            for name in ("momentum", "velocity"):
                needed = name == "momentum" or self._is_left_to_adam(variable)
                slot = self.add_variable_from_reference(variable, name) if needed else None
                self._slots[name].append(slot)

    def _is_left_to_adam(self, variable: Variable) -> bool:
        return (
            len(variable.shape) != 2
            or (self.exclude_embeddings and "embedding" in variable.path.lower())
            or any(re.search(pattern, variable.path) for pattern in self.exclude_layers)
        )

    def _decay_of(self, variable: Variable) -> float | None:
        decay = self.adam_weight_decay if self._is_left_to_adam(variable) else self.weight_decay
        return decay if decay is not None and self._use_weight_decay(variable) else None

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        if self._is_left_to_adam(variable):
            return super().update_step(gradient, variable, learning_rate * self.adam_lr_ratio)
        (momentum,) = self.slots(variable, "momentum")
        momentum.assign(self.momentum * momentum + gradient)
        direction = gradient + self.momentum * momentum if self.nesterov else momentum.value
        variable.assign_sub(learning_rate * self.lr_adjust(self.zeropower_via_newtonschulz5(direction, self.ns_steps)))

    def zeropower_via_newtonschulz5(self, x: Any, steps: int) -> Any:
        """A matrix near the orthogonal one that is nearest to `x`.

        Args:
            x: matrix, or a stack of them.
            steps: how many steps the iteration makes.
        """
        tall = x.shape[-2] > x.shape[-1]
        x = self.transpose_last_axis(x) if tall else x
        x = x / (ops.sqrt(ops.sum(ops.square(x), axis=(-2, -1), keepdims=True)) + 1e-7)
        for _ in range(steps):
            gram = ops.matmul(x, self.transpose_last_axis(x))
            x = self.muon_a * x + ops.matmul(self.muon_b * gram + self.muon_c * ops.matmul(gram, gram), x)
        return self.transpose_last_axis(x) if tall else x

    def transpose_last_axis(self, X: Any) -> Any:  # noqa: N803 - Keras's name
        """A stack of matrices, each transposed."""
        return ops.swapaxes(X, -1, -2)

    def lr_adjust(self, x: Any) -> Any:
        """An orthogonal matrix, scaled to a root mean square of `rms_rate`."""
        return x if self.rms_rate is None else x * (self.rms_rate * math.sqrt(max(x.shape[-2:])))

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "adam_beta_1": self.beta_1, "adam_beta_2": self.beta_2}
        for name in ("beta_1", "beta_2", "amsgrad"):
            del config[name]
        return {**config, "exclude_layers": self.exclude_layers, **{name: getattr(self, name) for name in _OWN}}
