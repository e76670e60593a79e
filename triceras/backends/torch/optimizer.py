"""What optimizers gain on torch: small weights are updated together; `torch.optim`'s stand in for ours."""

from __future__ import annotations

import copy
import functools
import inspect
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch._utils import _flatten_dense_tensors, _unflatten_dense_tensors

from triceras.backends.torch.variable import held
from triceras.core.scope import local
from triceras.core.variable import Variable
from triceras.distribution import replicas
from triceras.optimizers.foreign import ForeignOptimizer

# One vector of all elements of some tensors, in turn.
join_tensors = _flatten_dense_tensors


def write_parts(joined: torch.Tensor, natives: list[torch.Tensor]) -> list[torch.Tensor]:
    """Write a vector's parts into what Variables hold, as `assign` would; gives what they hold then."""
    parts = _unflatten_dense_tensors(joined, natives)
    for native in natives:
        if native._use_count() > 1 and not isinstance(native, torch.nn.Parameter):
            return [held(part.clone()) for part in parts]  # a backward pass to come holds the old values
    torch._foreach_copy_(natives, parts)
    return natives


class TorchOptimizer(ForeignOptimizer):
    """Stands for a `torch.optim.Optimizer`, which updates the weights in place and keeps its own state.

    Args:
        native: the optimizer; None: it is made when the weights are known.
        make: makes it of a list of parameters: its class, or a `functools.partial` of that.
    """

    def __init__(self, native: torch.optim.Optimizer | None, make: Callable | None, title: str):
        super().__init__(native, "torch", title)
        self._make = make
        self._places: list[list[int | None]] = []  # by group: which weight each of its parameters is
        self._given: set[int] | None = None  # which weights have had a gradient; None: updates aren't put off
        self._gradients: list[Variable] = []

    @property
    def learning_rate(self) -> Any:
        """That of the first group of parameters; setting it sets all."""
        if self.native is None:
            raise AttributeError(f"The optimizer {self.title} has no learning rate before it is built.")
        return self.native.param_groups[0]["lr"]

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.learning_rate  # noqa: B018 - raises where there is none
        for group in self.native.param_groups:
            _set_rate(group, float(value))

    @property
    def variables(self) -> list[Variable]:
        return [self._iterations]

    # --- weights -----------------------------------------------------------------------------------------------------

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        variables = list(variables)
        super().build(variables)
        if self.native is None:
            self.native = self._make([v.native for v in variables])
        places = {id(v.native): i for i, v in enumerate(variables)}
        self._places = [[places.get(id(p)) for p in group["params"]] for group in self.native.param_groups]
        strangers = [p for p in self._parameters() if id(p) not in places and p.requires_grad]
        if strangers:
            self.built = False
            raise ValueError(
                f"The optimizer {self.title} holds {len(strangers)} parameters that aren't among the weights to be "
                f"trained, such as one of shape {tuple(strangers[0].shape)}. Make it from `model.parameters()` once "
                "the model is built, or give its class: it is then made for the model's weights."
            )

    def _parameters(self) -> list[torch.Tensor]:
        return [p for group in self.native.param_groups for p in group["params"]]

    def _bind(self) -> None:
        """Have the optimizer hold the weights as they are: after a copy, these are other tensors."""
        for group, places in zip(self.native.param_groups, self._places, strict=True):
            for i, place in enumerate(places):
                old = group["params"][i]
                new = old if place is None else self._trainable_variables[place].native
                if new is not old:
                    group["params"][i] = new
                    if old in self.native.state:
                        self.native.state[new] = self.native.state.pop(old)

    # --- updates -----------------------------------------------------------------------------------------------------

    def _apply(self, grads: list[Any], variables: list[Variable]) -> None:
        grads = replicas.averaged(grads, self.backend)
        places = [self._get_variable_index(v) for v in variables]
        if self._given is None:
            if local.state is not None:
                raise RuntimeError(
                    f"The optimizer {self.title} updates weights in place, which can be neither compiled nor undone "
                    "in a custom step: let `model.fit` do it, use an optimizer of `triceras.optimizers`, or, for "
                    "float16, compile with `auto_scale_loss=False`."
                )
            return self._step({place: g.detach() for place, g in zip(places, grads, strict=True)})
        if self._given.intersection(places):
            raise RuntimeError(
                f"The optimizer {self.title} was applied twice to a weight in one training step: with `torch.optim` "
                "that takes a loop of your own."
            )
        self._given.update(places)
        for place, gradient in zip(places, grads, strict=True):
            self._gradients[place].assign(gradient)

    def _step(self, gradients: dict[int | None, torch.Tensor]) -> None:
        self._bind()
        places = [place for group in self._places for place in group]
        before = [(p, p.grad) for p in self._parameters()]
        for (p, _), place in zip(before, places, strict=True):
            p.grad = gradients.get(place)
        try:
            self.native.step()
        finally:
            for p, grad in before:
                p.grad = grad
        self._iterations.assign(self._iterations.value + 1)

    def around(self, step: Callable, jit: Callable) -> Callable:
        """A training step, compiled but for the update: that follows it, as no graph can hold it.

        Args:
            step: takes a batch; calls `apply`.
            jit: compiles it.
        """
        if not self._gradients:
            self._gradients = self.add_optimizer_variables(self._trainable_variables, "gradient", "zeros")
        seen: set[int] = set()

        @functools.wraps(step)
        def without_update(data: Any) -> Any:
            self._given = set()
            try:
                return step(data)
            finally:
                seen.update(self._given)
                self._given = None

        compiled = jit(without_update)

        @functools.wraps(compiled)
        def run(data: Any) -> Any:
            result = compiled(data)
            self._step({place: self._gradients[place].native for place in sorted(seen)})
            return result

        return run

    # --- saving ------------------------------------------------------------------------------------------------------

    def save_own_variables(self, store: Any) -> None:
        rates = [] if self.native is None else [float(group["lr"]) for group in self.native.param_groups]
        to_numpy = self.backend.to_numpy
        values = [to_numpy(x) if isinstance(x, torch.Tensor) else np.asarray(x) for _, _, x in self._state()]
        for i, value in enumerate([self._iterations.numpy(), *map(np.float64, rates), *values]):
            store[str(i)] = value

    def load_own_variables(self, store: Any) -> None:
        """Read what `save_own_variables` wrote: iterations, learning rates, and the state if there was one."""
        found, groups, expected = len(store.keys()), self.native.param_groups, self._expected()
        count = 1 + len(groups)
        if found not in (1, count, count + len(expected)):
            warnings.warn(
                f"Skipping variable loading for optimizer '{self.name}', because it has {count + len(expected)} "
                f"variables whereas the saved optimizer has {found} variables.",
                stacklevel=2,
            )
            return
        self._iterations.assign(np.asarray(store["0"]))
        for i, group in enumerate(groups if found > 1 else [], 1):
            _set_rate(group, float(store[str(i)]))
        if found <= count:
            return  # saved before the first step
        for i, (place, key, value) in enumerate(expected):
            new = np.asarray(store[str(count + i)])
            is_tensor = isinstance(value, torch.Tensor)
            new = self.backend.convert(new).to(value.device, value.dtype) if is_tensor else type(value)(new)
            self.native.state[self._trainable_variables[place].native][key] = new

    def expected_shapes(self) -> set[tuple[int, ...]]:
        """The shapes of all that a file may hold for this optimizer."""
        return {()} | {tuple(np.shape(x)) for _, _, x in self._expected()}

    def _state(self, native: torch.optim.Optimizer | None = None) -> list[tuple[int, str, Any]]:
        """The state: of each weight in turn, by name."""
        native = native or self.native
        if native is None:
            return []
        found = []
        for group, places in zip(native.param_groups, self._places, strict=True):
            for p, place in zip(group["params"], places, strict=True):
                if place is not None:
                    found += [(place, key, x) for key, x in sorted(native.state.get(p, {}).items()) if x is not None]
        return sorted(found, key=lambda entry: entry[:2])

    def _expected(self) -> list[tuple[int, str, Any]]:
        """The state as it is after a step: before the first one, a step of a copy on zeros shows it."""
        if self.native is None or self._iterations.numpy() > 0:
            return self._state()
        self._bind()
        zeros: dict[int, Any] = {id(p): torch.nn.Parameter(torch.zeros_like(p)) for p in self._parameters()}
        native = copy.deepcopy(self.native, dict(zeros))
        for p in zeros.values():
            p.grad = torch.zeros_like(p)
        native.step()
        return self._state(native)


def _set_rate(group: dict[str, Any], rate: float) -> None:
    if isinstance(group["lr"], torch.Tensor):
        group["lr"].fill_(rate)
    else:
        group["lr"] = rate


def adopt_optimizer(x: Any) -> TorchOptimizer | None:
    """What stands for an optimizer of `torch.optim`; None if `x` isn't one.

    Raises:
        ValueError: its `step` needs a function that computes the loss.
    """
    made = x.func if isinstance(x, functools.partial) else x
    kind = made if inspect.isclass(made) else type(made)
    if not issubclass(kind, torch.optim.Optimizer):
        return None
    title = f"{kind.__module__.partition('.')[0]}.optim.{kind.__name__}"
    closure = inspect.signature(kind.step).parameters.get("closure")
    if closure is not None and closure.default is closure.empty:
        raise ValueError(f"{title} computes the loss several times in a step (`closure`); write a loop of your own.")
    return TorchOptimizer(None, x, title) if inspect.isclass(made) else TorchOptimizer(x, None, title)
