"""What happens before the first step, outside of any trace: weights, metrics and the optimizer's slots are made."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

from triceras.core import registry, tree
from triceras.core.scope import use_backend
from triceras.core.state import StatelessScope
from triceras.training.data import to_native
from triceras.utils.data import unpack_x_y_sample_weight


@contextlib.contextmanager
def at_home(model: Any) -> Iterator[None]:
    """Run on a model's backend, and under the framework's own way to spread work in which the model was made."""
    spread = getattr(model.backend, "at_home", None)
    with use_backend(model.backend), contextlib.nullcontext() if spread is None else spread(model):
        yield


def assert_compiled(model: Any) -> None:
    """Refuse a model that wasn't compiled."""
    if not model.compiled:
        raise ValueError("You must call `compile()` before using the model.")


def assert_can_train(model: Any) -> None:
    """Refuse a model that wasn't compiled, or whose backend has no gradients."""
    assert_compiled(model)
    if model.backend.has_gradients:
        return
    others = [name for name in registry.installed() if _may_train(name)]
    target = others[0] if others else "jax"
    names = ", ".join(others)
    ways = f"Installed backends that can train: {names}." if names else 'Install one: pip install "triceras[jax]".'
    raise NotImplementedError(
        f"The {model.backend.name} backend can't train: it has no gradients. {ways} Move the model there with "
        f"`model.to_backend({target!r})`."
    )


def _may_train(name: str) -> bool:
    """Whether a backend has gradients, as far as can be told without importing its framework."""
    return registry.known()[name].framework not in sys.modules or registry.get(name).has_gradients


def get_ready(model: Any, first_batch: Callable[[], Any], kind: str) -> None:
    """Make what a model still lacks for a kind of step.

    Args:
        model: the model.
        first_batch: gives the first batch, or None; only called if it is needed.
        kind: `"train"`, `"test"` or `"predict"`.
    """
    compiled = model._compiled if kind != "predict" else None
    if not model.built or (compiled is not None and not compiled.built):
        data = first_batch()
        if data is not None:
            x, y, _ = unpack_x_y_sample_weight(to_native(model.backend)([data])[0])
            y_pred = _outputs(model, x)
            if compiled is not None and y_pred is not None and y is not None:
                compiled.build(y, y_pred)
    if kind == "train" and model.optimizer is not None and not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)


def _outputs(model: Any, x: Any) -> Any:
    """The outputs for a batch as specs, or as tensors where the model's code needs tensors; None where steps of the
    model's own don't use `call`."""
    try:
        specs = tree.map_structure(lambda leaf: None if leaf is None else model.backend.spec(leaf), x)
        with StatelessScope():
            return model(specs, training=False)
    except Exception:  # code that only takes real tensors; if it is wrong, it says so below
        try:
            with StatelessScope():
                return model(x, training=False)
        except Exception:
            if _has_own_step(model):
                return None
            raise


def _has_own_step(model: Any) -> bool:
    from triceras.training.trainer import Trainer

    return type(model).train_step is not Trainer.train_step
