"""What every optimizer can do: compiled and stateless updates, accumulation, moving, saving, errors."""

import copy
import pickle
import re

import numpy as np
import pytest

import triceras
from triceras import Variable, ops, optimizers
from triceras.optimizers import SGD, Adam, AdamW, LossScaleOptimizer, RMSprop
from triceras.optimizers.schedules import ExponentialDecay

RNG = np.random.default_rng(0)
START = RNG.normal(size=(3, 2)).astype("float32")
GRADS = RNG.normal(size=(8, 3, 2)).astype("float32")
MAKERS = {
    "sgd": lambda **k: SGD(0.1, momentum=0.9, nesterov=True, **k),
    "adam": lambda **k: Adam(0.1, amsgrad=True, **k),
    "adamw": lambda **k: AdamW(0.1, weight_decay=0.1, **k),
    "rmsprop": lambda **k: RMSprop(0.1, momentum=0.5, centered=True, **k),
    "lossscale": lambda: LossScaleOptimizer(Adam(0.1), initial_scale=4.0, dynamic_growth_steps=3),
    "scheduled": lambda **k: Adam(ExponentialDecay(0.1, 2, 0.5), **k),
}
EXTRAS = [
    {},
    {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 2},
    {"gradient_accumulation_steps": 2, "global_clipnorm": 0.5},
]


def weight(value=START, name="kernel"):
    return Variable(value, name=name)


def tensors(grads):
    return [ops.convert_to_tensor(g) for g in grads]


def run(optimizer, grads=GRADS):
    v = weight()
    optimizer.build([v])
    for g in tensors(grads):
        optimizer.apply([g], [v])
    return v.numpy()


@pytest.mark.parametrize("extra", EXTRAS, ids=["plain", "ema", "accumulate"])
@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "rmsprop", "scheduled"])
def test_compiled_and_stateless_updates_equal_the_eager_ones(backend, name, extra):
    expected = run(MAKERS[name](**extra))

    optimizer, v = MAKERS[name](**extra), weight()
    optimizer.build([v])
    step = triceras.jit(lambda g: optimizer.apply([g], [v]))
    for g in tensors(GRADS):
        step(g)
    np.testing.assert_allclose(v.numpy(), expected, rtol=1e-5, atol=1e-6)

    optimizer, v = MAKERS[name](**extra), weight()
    optimizer.build([v])
    weights, state = [ops.convert_to_tensor(START)], [ops.convert_to_tensor(s.numpy()) for s in optimizer.variables]
    for g in tensors(GRADS):
        weights, state = optimizer.stateless_apply(state, [g], weights)
    np.testing.assert_allclose(ops.convert_to_numpy(weights[0]), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(v.numpy(), START)
    assert int(optimizer._iterations) == 0


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "rmsprop"])
def test_accumulated_gradients_are_those_of_the_big_batch(backend, name):
    settings = {"use_ema": True, "ema_momentum": 0.8, "clipnorm": 0.7}
    big = run(MAKERS[name](**settings), [(a + b) / 2 for a, b in zip(GRADS[::2], GRADS[1::2], strict=True)])
    optimizer = MAKERS[name](**settings, gradient_accumulation_steps=2)
    np.testing.assert_allclose(run(optimizer), big, rtol=1e-5, atol=1e-6)
    assert int(optimizer.iterations) == 4


def test_averages_follow_updates_and_not_accumulation(backend):
    means = [(a + b) / 2 for a, b in zip(GRADS[::2], GRADS[1::2], strict=True)]
    big, small = (SGD(0.1, use_ema=True, ema_momentum=0.5, gradient_accumulation_steps=n) for n in (None, 2))
    run(big, means), run(small)
    np.testing.assert_allclose(small._slots["average"][0].numpy(), big._slots["average"][0].numpy(), rtol=1e-5)
    v = weight()
    big._trainable_variables = [v]
    big.finalize_variable_values([v])
    np.testing.assert_array_equal(v.numpy(), big._slots["average"][0].numpy())


def test_constraints_and_decay_apply_to_the_weights_they_belong_to(backend):
    v, w = weight(np.ones((2, 2), "float32")), weight(np.ones(2, "float32"), "bias")
    v.constraint = triceras.constraints.NonNeg()
    optimizer = SGD(0.5, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    optimizer.apply(tensors([np.full((2, 2), 4.0), np.zeros(2)]), [v, w])
    np.testing.assert_array_equal(v.numpy(), np.zeros((2, 2)))
    np.testing.assert_array_equal(w.numpy(), np.ones(2))


def test_moves_on_with_its_state(trainable_backend):
    expected = run(Adam(0.1))
    with triceras.use_backend("numpy"):
        optimizer, v = Adam(0.1), weight()
        for g in GRADS[:4]:
            optimizer.apply([g], [v])
    assert optimizer.to_backend(trainable_backend) is optimizer
    v.to_backend(trainable_backend)
    assert {s.backend.name for s in optimizer.variables} == {trainable_backend}
    for g in tensors(GRADS[4:]):
        optimizer.apply([g], [v])
    np.testing.assert_allclose(v.numpy(), expected, rtol=1e-5, atol=1e-6)


def test_lives_where_its_weights_live(trainable_backend):
    with triceras.use_backend("numpy"):
        optimizer = MAKERS["lossscale"]()
    v = weight()
    with triceras.use_backend("numpy"):
        optimizer.build([v])
    assert {s.backend.name for s in optimizer.variables} == {trainable_backend}
    with triceras.use_backend("numpy"):
        optimizer.apply([GRADS[0]], [v])
    assert optimizer.backend.name == trainable_backend


def test_saves_and_loads_its_variables(backend):
    first, store = Adam(0.1), {}
    run(first)
    first.save_own_variables(store)
    assert list(store) == ["0", "1", "2", "3"]
    second = Adam(0.3)
    second.build([weight()])
    second.load_own_variables(store)
    for a, b in zip(first.variables, second.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    with pytest.warns(UserWarning, match="has 2 variables whereas the saved optimizer has 4 variables"):
        SGD().load_own_variables(store)
    second.set_weights([v.numpy() * 0 for v in second.variables])
    assert int(second.iterations) == 0 and float(second.learning_rate) == 0
    with pytest.raises(ValueError, match=re.escape("has shape (3, 2) not compatible with provided weight shape (7,)")):
        second.set_weights([*[v.numpy() for v in second.variables][:-1], np.zeros(7)])


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_go_on_by_themselves(backend, copied):
    v, optimizer = weight(), Adam(0.1)
    optimizer.apply(tensors(GRADS[:1]), [v])
    w, other = copied((v, optimizer))
    other.apply(tensors(GRADS[1:2]), [w])
    optimizer.apply(tensors(GRADS[1:2]), [v])
    np.testing.assert_array_equal(v.numpy(), w.numpy())
    assert other.variables[2] is not optimizer.variables[2]


@pytest.mark.parametrize("name", MAKERS)
def test_config_makes_an_equal_optimizer(name):
    optimizer = MAKERS[name]()
    again = optimizers.deserialize(optimizers.serialize(optimizer))
    assert type(again) is type(optimizer) and again.get_config() == optimizer.get_config()


def test_keras_style_subclass(backend):
    class Momentum(optimizers.Optimizer):
        def build(self, variables):
            if self.built:
                return
            super().build(variables)
            self.momentums = [self.add_variable_from_reference(v, name="m") for v in variables]
            self.count = self.add_variable((), name="count")

        def update_step(self, gradient, variable, learning_rate):
            lr = ops.cast(learning_rate, variable.dtype)
            m = self.momentums[self._get_variable_index(variable)]
            self.assign(m, ops.subtract(ops.multiply(m, 0.9), ops.multiply(gradient, lr)))
            self.assign_add(variable, m)
            self.assign_add(self.count, 1)

    optimizer = Momentum(0.1, gradient_accumulation_steps=2)
    plain = run(SGD(0.1, momentum=0.9, gradient_accumulation_steps=2))
    np.testing.assert_allclose(run(optimizer), plain, rtol=1e-5, atol=1e-6)
    assert [v.path for v in optimizer.variables][-2:] == [f"{optimizer.name}/kernel_m", f"{optimizer.name}/count"]
    assert float(optimizer.count) == 4


def test_learning_rate_can_be_set(backend):
    optimizer = SGD(0.1)
    optimizer.learning_rate = np.float32(0.5)
    v = weight(np.ones(2, "float32"))
    optimizer.apply(tensors([np.ones(2)]), [v])
    np.testing.assert_allclose(v.numpy(), [0.5, 0.5])
    optimizer.learning_rate = ExponentialDecay(1.0, 1, 0.5)
    assert float(optimizer.learning_rate) == 0.5 and len(optimizer.variables) == 1
    with pytest.raises(TypeError, match="hence its learning rate is not settable"):
        optimizer.learning_rate = 0.1
    assert float(SGD(lambda: 0.25).learning_rate) == 0.25


def test_compiled_step_follows_a_new_learning_rate(backend):
    optimizer, v = SGD(0.5), weight(np.zeros(2, "float32"))
    optimizer.build([v])
    step = triceras.jit(lambda g: optimizer.apply([g], [v]))
    step(ops.ones(2))
    optimizer.learning_rate = 0.25
    step(ops.ones(2))
    np.testing.assert_allclose(v.numpy(), [-0.75, -0.75])


def test_loss_scale_skips_what_isnt_finite(backend):
    optimizer = LossScaleOptimizer(SGD(1.0), initial_scale=8.0, dynamic_growth_steps=2)
    v = weight(np.ones(2, "float32"))
    optimizer.build([v])
    step = triceras.jit(lambda g: optimizer.apply([g], [v]))
    scales = []
    for g in ([8.0, 8.0], [np.inf, 1.0], [4.0, 0.0], [4.0, 0.0], [np.nan, 0.0]):
        step(ops.convert_to_tensor(np.array(g, "float32")))
        scales.append(float(optimizer.dynamic_scale))
    assert scales == [8.0, 4.0, 4.0, 8.0, 4.0]
    np.testing.assert_allclose(v.numpy(), [-2.0, 0.0])
    assert int(optimizer.iterations) == 3
    assert float(optimizer.scale_loss(ops.convert_to_tensor(2.0))) == 8.0


def test_weights_that_take_their_gradient_as_value(backend):
    v, w = weight(np.ones(2, "float32")), weight(np.ones(2, "float32"), "scale")
    w.overwrite_with_gradient = True
    optimizer = Adam(0.1)
    optimizer.apply(tensors([np.ones(2), np.full(2, 7.0)]), [v, w])
    np.testing.assert_array_equal(w.numpy(), [7.0, 7.0])
    assert len(optimizer.variables) == 4


def test_part_of_the_weights(backend):
    v, w = weight(), weight(name="other")
    optimizer = SGD(0.1, momentum=0.5)
    optimizer.build([v, w])
    optimizer.apply(tensors(GRADS[:1]), [w])
    np.testing.assert_array_equal(v.numpy(), START)
    with pytest.warns(UserWarning, match=re.escape("Gradients do not exist for variables ['kernel']")):
        optimizer.apply([None, ops.convert_to_tensor(GRADS[0])])
    assert not np.array_equal(w.numpy(), START)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Adam(clipnorm=1, clipvalue=1), "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set"),
        (lambda: Adam(use_ema=True, ema_momentum=2), "`ema_momentum` must be in the range [0, 1]"),
        (lambda: Adam(foo=1), "Argument(s) not recognized: {'foo': 1}"),
        (lambda: Adam("a"), "Argument `learning_rate` should be float"),
        (lambda: SGD(momentum=2.0), "`momentum` must be a float between [0, 1]"),
        (lambda: Adam(gradient_accumulation_steps=1), "an integer >= 2. Received: gradient_accumulation_steps=1"),
        (lambda: AdamW(weight_decay=None), "Argument `weight_decay` must be a float"),
        (lambda: Adam().apply([1.0]), "the optimizer must already be built"),
        (lambda: Adam().apply([None], [weight()]), "No gradients provided for any variable."),
        (lambda: Adam().apply_gradients([]), "No gradients provided for any variable"),
        (lambda: Adam().stateless_apply([], [], []), "To call `stateless_apply`, Adam must be built"),
        (lambda: optimizers.get("nope"), "Could not interpret optimizer identifier: nope"),
        (lambda: optimizers.get("adamm"), "Nearest: adam"),
        (lambda: LossScaleOptimizer(SGD(), clipnorm=1.0), "does not support these arguments"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


def test_unknown_weights_and_other_counts(backend):
    optimizer, v = SGD(), weight()
    optimizer.build([v])
    with pytest.raises(ValueError, match="can only be called for the variables it was originally built with"):
        optimizer.apply(tensors(GRADS[:1]), [weight()])
    with pytest.raises(ValueError, match="Received a list of 2 gradients, but there are 1 trainable variables"):
        optimizer.apply(tensors(GRADS[:2]))
    with pytest.raises(ValueError, match=r"corresponding 1:1 to SGD\(\).variables. Received list with length 1"):
        optimizer.stateless_apply([1], [1], [1])


def test_names():
    assert optimizers.get("ADAM").get_config()["learning_rate"] == pytest.approx(0.001)
    assert isinstance(optimizers.get("adamw"), AdamW)
    assert isinstance(optimizers.get(RMSprop), RMSprop)
    assert optimizers.get(None) is None
    with pytest.raises(ImportError, match="optimizers.Adam"):
        optimizers.legacy.Adam()
    with pytest.warns(UserWarning, match="`decay` is no longer supported"):
        Adam(decay=0.1)
