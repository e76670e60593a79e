"""Small weights updated together: the same numbers as one by one, in fewer operations, and only where it is right."""

import copy

import numpy as np
import pytest

import triceras
from tests.conftest import TRAINABLE
from triceras import Variable, ops, optimizers
from triceras.optimizers import joined

SHAPES = [(5, 7), (7,), (3, 2, 2), (1,), (0, 3), ()]
RANDOM = np.random.default_rng(0)
START = [RANDOM.normal(size=shape).astype("float32") for shape in SHAPES]
GRADS = [[RANDOM.normal(size=shape).astype("float32") for shape in SHAPES] for _ in range(4)]
MAKERS = {
    "sgd": lambda: optimizers.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    "adam": lambda: optimizers.Adam(0.1, amsgrad=True, clipnorm=0.5),
    "adamw": lambda: optimizers.AdamW(0.1, use_ema=True, ema_overwrite_frequency=2),
    "rmsprop": lambda: optimizers.RMSprop(0.1, momentum=0.5, centered=True),
    "adagrad": lambda: optimizers.Adagrad(0.1),
    "adadelta": lambda: optimizers.Adadelta(0.1),
    "adamax": lambda: optimizers.Adamax(0.1),
    "nadam": lambda: optimizers.Nadam(0.1),
    "lion": lambda: optimizers.Lion(0.1),
    "ftrl": lambda: optimizers.Ftrl(0.1, l1_regularization_strength=0.01),
    "schedule_free": lambda: optimizers.ScheduleFreeAdamW(0.1, warmup_steps=3, weight_decay=0.1),
}
JOINING = [name for name in TRAINABLE if triceras.core.registry.get(name).find("join_tensors") is not None]


@pytest.fixture(params=JOINING)
def joining(request):
    with triceras.use_backend(request.param):
        yield request.param


@pytest.fixture
def count(monkeypatch):
    """Counts the tensors that joined weights are made of."""
    made = []
    init = joined.Joined.__init__
    monkeypatch.setattr(joined.Joined, "__init__", lambda self, v, j, s: (made.append(len(v)), init(self, v, j, s))[1])
    return made


def run(optimizer, weights, grads=GRADS):
    for step in grads:
        optimizer.apply([ops.convert_to_tensor(g) for g in step], weights)
    return [v.numpy() for v in [*weights, *optimizer.variables]]


@pytest.mark.parametrize("name", MAKERS)
def test_equals_one_by_one(joining, name, count, monkeypatch):
    together = run(MAKERS[name](), [Variable(x) for x in START])
    assert set(count) == {len(SHAPES)}
    monkeypatch.setattr(joined, "SMALL", -1)
    count.clear()
    apart = run(MAKERS[name](), [Variable(x) for x in START])
    assert not count
    for a, b in zip(together, apart, strict=True):
        np.testing.assert_array_max_ulp(a, b, 1) if a.dtype.kind == "f" else np.testing.assert_array_equal(a, b)


def test_large_weights_and_other_decay_stay_apart(joining, count, monkeypatch):
    monkeypatch.setattr(joined, "SMALL", 20)
    weights = [Variable(x, name=f"w{i}") for i, x in enumerate(START)]
    optimizer = optimizers.SGD(0.1, weight_decay=0.1)
    optimizer.exclude_from_weight_decay(var_names=["w1", "w2"])
    run(optimizer, weights, GRADS[:1])
    assert count == [2, 3]  # the two that don't decay; the rest, but for the large one


def test_not_where_an_update_may_be_undone_or_is_its_own(joining, count):
    class Halved(optimizers.Adam):
        def update_step(self, gradient, variable, learning_rate):
            super().update_step(gradient / ops.sqrt(ops.sum(ops.square(gradient))), variable, learning_rate)

    for optimizer in (Halved(0.1), optimizers.Lamb(0.1), optimizers.LossScaleOptimizer(optimizers.Adam(0.1))):
        run(optimizer, [Variable(x) for x in START[:2]], [step[:2] for step in GRADS])
    optimizer, weights = optimizers.Adam(0.1), [Variable(x) for x in START[:2]]
    optimizer.build(weights)
    optimizer.stateless_apply([v.value for v in optimizer.variables], GRADS[0][:2], [v.value for v in weights])
    assert not count


def test_weights_stay_what_they_are(joining):
    weights = [Variable(x) for x in START]
    natives = [v.native for v in weights]
    optimizer = optimizers.Adam(0.1)
    run(optimizer, weights)
    assert all(v.native is native for v, native in zip(weights, natives, strict=True))
    again, copies = copy.deepcopy((optimizer, weights))
    for a, b in zip(run(optimizer, weights), run(again, copies), strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_a_backward_pass_holds_is_left_alone():
    torch = pytest.importorskip("torch")
    with triceras.use_backend("torch"):
        weights, optimizer = [Variable(x) for x in START[:2]], optimizers.SGD(0.1, momentum=0.9)
        optimizer.build(weights)
        x = torch.ones((5, 7), requires_grad=True)
        (slot,) = optimizer.slots(weights[0], "momentum")
        loss = (x * slot.value).sum()
        run(optimizer, weights, [GRADS[0][:2]])
        assert slot.numpy().any()
        loss.backward()
        assert not x.grad.any()
