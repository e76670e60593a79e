"""`CallbackList`: several callbacks as one."""

from __future__ import annotations

from typing import Any

from triceras.core import tree
from triceras.training.callbacks.callback import Callback
from triceras.training.callbacks.history import History
from triceras.training.callbacks.progbar_logger import ProgbarLogger
from triceras.training.logs import fetch

_STANDS_FOR = {"on_train_batch_begin": "on_batch_begin", "on_train_batch_end": "on_batch_end"}


class CallbackList(Callback):
    """Calls its callbacks in turn, and those alone that have the hook.

    Args:
        callbacks: a callback, or a list of them in any nesting.
        add_history: whether a `History` is added where there is none.
        add_progbar: whether a `ProgbarLogger` is added where there is none.
        model: the model.
        **params: `verbose`, `epochs`, `steps`.

    Raises:
        TypeError: something in the list isn't a callback.

    Example:
        >>> from triceras.callbacks import CallbackList, LambdaCallback
        >>> hello = LambdaCallback(on_train_begin=lambda logs: print("hello"))
        >>> CallbackList([hello]).on_train_begin()
        hello
    """

    def __init__(
        self,
        callbacks: Any = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ):
        super().__init__()
        self.callbacks = [] if callbacks is None else tree.flatten(callbacks)
        for callback in self.callbacks:
            if not hasattr(callback, "on_train_begin"):
                raise TypeError(
                    f"Expected a Callback, or a list of them. Received: {callback!r} of type {type(callback)}"
                )
        self._add(History, add_history)
        self._add(ProgbarLogger, add_progbar)
        self._hooked: dict[str, list[Any]] = {}
        if params:
            self.set_params(params)
        if model is not None:
            self.set_model(model)

    def _add(self, kind: type, wanted: bool) -> None:
        if wanted and not any(isinstance(callback, kind) for callback in self.callbacks):
            self.callbacks.append(kind())

    def append(self, callback: Any) -> None:
        """Add a callback at the end."""
        self.callbacks.append(callback)
        self._hooked.clear()

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params
        for callback in self.callbacks:
            callback.set_params(params)

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        for callback in self.callbacks:
            callback.set_model(model)
            if isinstance(callback, History):
                model.history = callback

    def hook(self, name: str) -> Any:
        """The method of a hook, or None where no callback overrides it."""
        return getattr(self, name) if self._with(name) else None

    def _with(self, hook: str) -> list[Any]:
        found = self._hooked.get(hook)
        if found is None:
            found = self._hooked[hook] = [callback for callback in self.callbacks if _overrides(callback, hook)]
        return found

    def _call(self, hook: str, logs: Any) -> None:
        logs = {} if logs is None else fetch(logs)
        for callback in self._with(hook):
            getattr(callback, hook)(logs)

    def _call_at(self, hook: str, index: int, logs: Any) -> None:
        for callback in self._with(hook):
            pending = getattr(callback, "takes_pending_logs", False)
            getattr(callback, hook)(index, logs=({} if logs is None else logs if pending else fetch(logs)))

    def on_batch_begin(self, batch: int, logs: Any = None) -> None:
        self._call_at("on_batch_begin", batch, logs)

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        self._call_at("on_batch_end", batch, logs)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._call_at("on_epoch_begin", epoch, {} if logs is None else fetch(logs))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._call_at("on_epoch_end", epoch, {} if logs is None else fetch(logs))

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self._call_at("on_train_batch_begin", batch, logs)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._call_at("on_train_batch_end", batch, logs)

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        self._call_at("on_test_batch_begin", batch, logs)

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        self._call_at("on_test_batch_end", batch, logs)

    def on_predict_batch_begin(self, batch: int, logs: Any = None) -> None:
        self._call_at("on_predict_batch_begin", batch, logs)

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        self._call_at("on_predict_batch_end", batch, logs)

    def on_train_begin(self, logs: Any = None) -> None:
        self._call("on_train_begin", logs)

    def on_train_end(self, logs: Any = None) -> None:
        self._call("on_train_end", logs)

    def on_test_begin(self, logs: Any = None) -> None:
        self._call("on_test_begin", logs)

    def on_test_end(self, logs: Any = None) -> None:
        self._call("on_test_end", logs)

    def on_predict_begin(self, logs: Any = None) -> None:
        self._call("on_predict_begin", logs)

    def on_predict_end(self, logs: Any = None) -> None:
        self._call("on_predict_end", logs)


def _overrides(callback: Any, hook: str) -> bool:
    if not isinstance(callback, Callback):
        return hasattr(callback, hook)
    names = [hook, _STANDS_FOR[hook]] if hook in _STANDS_FOR else [hook]
    return any(name in vars(callback) or getattr(type(callback), name) is not getattr(Callback, name) for name in names)
