"""Step functions: a model's `train_step`, `test_step` or `predict_step`, compiled. They hold the model weakly."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

from triceras.core import placement
from triceras.distribution import replicas

# The state that a step written for JAX, `train_step(self, state, data)`, takes and returns.
STATE = {
    "train_step": ("trainable_variables", "non_trainable_variables", "_optimizer_variables", "metrics_variables"),
    "test_step": ("trainable_variables", "non_trainable_variables", "metrics_variables"),
    "predict_step": ("trainable_variables", "non_trainable_variables"),
}


def takes_state(step: Callable) -> bool:
    """Whether a bound step method has the form `step(state, data)`, as Keras's JAX backend has it."""
    parameters = [
        p
        for p in inspect.signature(step).parameters.values()
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty
    ]
    return len(parameters) == 2


def one_step(model: Any, name: str) -> Callable[[Any], Any]:
    """A function of a batch that runs a model's step."""
    reference = weakref.ref(model)
    with_state = takes_state(getattr(model, name))

    def run(data: Any) -> Any:
        return _with_state(reference(), name, data) if with_state else getattr(reference(), name)(data)

    run.__qualname__ = f"{type(model).__name__}.{name}"  # messages name it
    return run


def _with_state(model: Any, name: str, data: Any) -> Any:
    groups = [getattr(model, attribute) for attribute in STATE[name]]
    state = tuple([v.value for v in group] for group in groups)
    result, state = getattr(model, name)(state, data)
    if name == "predict_step":
        groups, state = groups[1:], (state,)
    for group, values in zip(groups, state, strict=True):
        for variable, value in zip(group, values, strict=True):
            variable.assign(value)
    return result


class Steps:
    """A model's step for one batch or several at once.

    Args:
        model: the model; held weakly.
        name: `"train_step"`, `"test_step"` or `"predict_step"`.
        variables: the variables that it is known to use.
    """

    def __init__(self, model: Any, name: str, variables: list[Any]):
        step, backend = one_step(model, name), model.backend
        if (distribution := placement.in_force(backend)) is not None:
            distribution.check(variables)
        self.trained, self.settings = trained_by(model), settings_of(model)
        self.size = model.steps_per_execution
        if name != "train_step":
            step = backend.without_gradients(step)
        options = {"variables": variables, "jit_compile": model.jit_compile}
        jit = (lambda fn: fn) if model.run_eagerly else partial(backend.jit, **options)
        around = getattr(model.optimizer, "around", None) if name == "train_step" else None
        self.one = replicas.shared(step, jit if around is None else lambda fn: around(fn, jit), model, name)
        self.several: Callable | None = None
        if self.size > 1 and not model.run_eagerly and around is None and replicas.engine_of(backend) is None:
            self.several = backend.several_steps(step, self.one, name != "predict_step", **options)

    def __call__(self, batches: list[Any]) -> list[Any]:
        """The results of the step on batches: see `Backend.several_steps`."""
        if self.several is not None and len(batches) == self.size:
            return self.several(batches)
        return [self.one(data) for data in batches]


class StepCache(dict):
    """Compiled steps by name; copies and pickles of a model begin without any."""

    def __reduce__(self) -> tuple:
        return StepCache, ()

    def __deepcopy__(self, memo: dict) -> StepCache:
        return StepCache()


_rewired = [0]


def forget_all() -> None:
    """Let every model compile its steps anew: a layer somewhere, which knows no model, computes otherwise now."""
    _rewired[0] += 1


def settings_of(model: Any) -> tuple:
    """How a model wants its steps to be compiled."""
    bound = replicas.bound_to(model.backend)
    return model.run_eagerly, model.jit_compile, model.steps_per_execution, _rewired[0], bound


def trained_by(model: Any) -> tuple[int, ...]:
    """What tells which variables training changes."""
    return tuple(map(id, model.trainable_variables))


def unique(*groups: list[Any]) -> list[Any]:
    """The variables of some lists, each once."""
    return list({id(v): v for group in groups for v in group}.values())
