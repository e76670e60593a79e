"""Compiled steps on torch keep nothing: no copies, no batches, no growth; and they get by with little memory."""

import gc
import weakref

import numpy as np
import pytest

import triceras
from triceras import layers, ops
from triceras.core import registry

torch = pytest.importorskip("torch")

from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402
from torch.utils._pytree import tree_leaves  # noqa: E402

from triceras.backends.torch.compiler import background, program, rehearsal  # noqa: E402

pytestmark = pytest.mark.usefixtures("captured")


def model_and_data(*widths):
    triceras.utils.set_random_seed(0)
    model = triceras.Sequential([*(layers.Dense(width) for width in widths), layers.Dropout(0.1), layers.Dense(3)])
    model.compile("adam", triceras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    rng = np.random.default_rng(0)
    return model, rng.normal(size=(4, 5)).astype("float32"), rng.integers(0, 3, 4)


def only(model):
    (found,) = model._steps["train_step"].one.programs.values()
    return found


def tensors():
    """How many tensors are alive."""
    gc.collect()
    return sum(issubclass(type(x), torch.Tensor) for x in gc.get_objects())


class Compiled:
    """What a compiler makes, but it takes no time: the captured graph, under another name."""

    problem = None

    def __init__(self, captured, values):
        self.forward = captured.module.forward

    def run(self, *inputs):
        return self.forward(*inputs)

    def is_done(self, wait=False):
        return True

    def stop(self):
        pass


@pytest.mark.parametrize("steps", [30, pytest.param(2500, marks=pytest.mark.slow)])
@pytest.mark.parametrize("compiled", [False, True], ids=["captured", "compiled"])
def test_steps_leave_nothing_behind(monkeypatch, compiled, steps):
    if compiled:
        monkeypatch.setitem(program.PACES, "eager", program.Pace(0.0, 0.0, wait=True))
        monkeypatch.setattr(background, "start", Compiled)
        monkeypatch.setattr(background, "is_known", lambda *args: False)
    model, x, y = model_and_data(2)
    alive = []
    for count in (50, steps, steps):
        for i in range(count):
            model.train_on_batch(x[: 3 + i % 2], y[: 3 + i % 2])
        alive.append(tensors())
    assert only(model).stage.__name__ == ("final" if compiled else "on_graph")
    assert alive[0] == alive[1] == alive[2]


def test_the_copies_of_a_rehearsal_are_dropped(monkeypatch):
    copies, real = [], rehearsal._copies

    def noted(values):
        made = real(values)
        copies.extend(map(weakref.ref, made))
        return made

    monkeypatch.setattr(rehearsal, "_copies", noted)
    model, x, y = model_and_data(4)
    gc.disable()
    try:
        for rows in (4, 4, 3, 4):
            model.train_on_batch(x[:rows], y[:rows])
        assert len(copies) == 2 * len(only(model).variables) and all(copy() is None for copy in copies)
    finally:
        gc.enable()


def test_without_memory_for_copies_it_stays_eager_and_works(monkeypatch):
    monkeypatch.setattr(rehearsal, "free_memory", lambda: 100.0)
    model, x, y = model_and_data(4)
    with pytest.warns(UserWarning, match="train_step runs eagerly on torch, not compiled: .*too little memory"):
        for _ in range(6):
            model.train_on_batch(x, y)
    assert only(model).stage.__name__ == "uncompiled" and int(model.optimizer.iterations.numpy()) == 6


@pytest.mark.parametrize("where", ["capture", "copies", "graph"])
def test_running_out_of_memory_is_no_error(monkeypatch, where):
    def out_of_memory(*args):
        raise torch.OutOfMemoryError("no room")

    def without_memory(captured):
        captured.module.forward = out_of_memory
        return captured

    if where == "copies":
        monkeypatch.setattr(rehearsal, "_copies", out_of_memory)
    if where == "capture":
        monkeypatch.setattr(program, "capture", out_of_memory)
    if where == "graph":
        real = program.capture
        monkeypatch.setattr(program, "capture", lambda *args: without_memory(real(*args)))
    v = triceras.Variable(0.0, trainable=False)
    step = registry.get("torch").jit(lambda x: (v.assign_add(ops.sum(x)), v * 2.0)[1])
    with pytest.warns(UserWarning, match="no room"):
        assert [float(step(torch.ones(1))) for _ in range(5)] == [2.0, 4.0, 6.0, 8.0, 10.0]


def test_free_memory_is_a_number():
    assert 0 < rehearsal.free_memory() <= float("inf")


class Bytes(TorchDispatchMode):
    """The most bytes of tensors that were made within it and alive at once."""

    def __init__(self):
        super().__init__()
        self.now, self.most, self.known = 0, 0, set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for x in tree_leaves(out):
            storage = x.untyped_storage() if isinstance(x, torch.Tensor) else None
            if storage is not None and storage._cdata not in self.known and not func._schema.is_mutable:
                self.known.add(storage._cdata)
                self.now += storage.nbytes()
                weakref.finalize(storage, self._gone, storage._cdata, storage.nbytes())
        self.most = max(self.most, self.now)
        return out

    def _gone(self, key, count):
        self.known.discard(key)
        self.now -= count


def test_a_captured_step_needs_no_more_memory_than_an_eager_one():
    model, x, y = model_and_data(64, 64, 64)
    most = []
    for _ in range(5):
        with Bytes() as used:
            model.train_on_batch(x, y)
        most.append(used.most)
    weights = sum(v.native.nbytes for v in model.trainable_variables)
    eager, graph = most[0], most[-1]
    assert only(model).stage.__name__ == "on_graph"
    assert graph <= 1.1 * eager and graph < 3.5 * weights  # gradients, and the new values of some at a time
