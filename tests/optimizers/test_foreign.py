"""Optimizers of optax and `torch.optim`: they train as in a loop of their own framework, are saved, and don't move."""

import copy
import functools
import re

import numpy as np
import pytest

import triceras
from triceras import layers, optimizers

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(16, 4)).astype("float32")
Y = X[:, :1] * 2 + X[:, 1:2]
WAYS = [{}, {"run_eagerly": True}, {"jit_compile": False}, {"steps_per_execution": 2}]


def make(backend):
    with triceras.use_backend(backend):
        triceras.utils.set_random_seed(0)
        stack = [triceras.Input((4,)), layers.Dense(3, activation="tanh"), layers.BatchNormalization(), layers.Dense(1)]
        return triceras.Sequential(stack)


def fit(model, epochs=2):
    model.fit(X, Y, batch_size=4, epochs=epochs, shuffle=False, verbose=0)
    return model


def assert_equal_weights(a, b, atol=1e-6):
    for x, y in zip(a, b, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=atol)


# --- torch.optim -------------------------------------------------------------------------------------------------------

TORCH = {
    "sgd": lambda o: functools.partial(o.SGD, lr=0.1, momentum=0.9, dampening=0.1),
    "adam": lambda o: functools.partial(o.Adam, lr=0.05, amsgrad=True),
    "rprop": lambda o: functools.partial(o.Rprop, lr=0.01),
    "adafactor": lambda o: functools.partial(o.Adafactor, lr=0.05),
}


@pytest.fixture
def torch(monkeypatch):
    monkeypatch.setenv("TRICERAS_TORCH_COMPILE", "eager")  # graphs are captured, and none compiled
    return pytest.importorskip("torch")


def native_torch(torch, maker, epochs=2):
    model = make("torch")
    optimizer = maker(model.parameters())
    for i in [*range(0, 16, 4)] * epochs:
        optimizer.zero_grad()
        out = model(torch.tensor(X[i : i + 4]), training=True)
        torch.nn.functional.mse_loss(out, torch.tensor(Y[i : i + 4])).backward()
        optimizer.step()
    return model.get_weights()


@pytest.mark.parametrize("name", TORCH)
def test_torch_trains_as_in_its_own_loop(torch, name):
    maker = TORCH[name](torch.optim)
    expected = native_torch(torch, maker)
    for way in WAYS:
        model = make("torch")
        model.compile(maker, "mse", **way)
        assert_equal_weights(fit(model).get_weights(), expected)
        assert int(model.optimizer.iterations) == 8
        assert all(p.grad is None for p in model.parameters())
    assert np.isfinite(model.evaluate(X, Y, verbose=0)) and np.isfinite(model.train_on_batch(X, Y))


def test_torch_steps_are_captured_but_for_the_update(torch):
    model = make("torch")
    model.compile(torch.optim.Adam, "mse")
    fit(model, 4)
    (program,) = model.make_train_function().one.programs.values()
    assert program.captured is not None


def test_torch_instances_and_their_schedules(torch):
    expected_model, model = make("torch"), make("torch")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.1)
    model.compile(optimizer, "mse")
    expected_model.compile(optimizers.SGD(0.5), "mse")
    for _ in range(3):
        fit(model, 1), fit(expected_model, 1)
        schedule.step()
        expected_model.optimizer.learning_rate = float(expected_model.optimizer.learning_rate) * 0.1
        assert model.optimizer.learning_rate == pytest.approx(float(expected_model.optimizer.learning_rate))
    assert_equal_weights(model.get_weights(), expected_model.get_weights())
    model.optimizer.learning_rate = 0.25
    assert optimizer.param_groups[0]["lr"] == 0.25


def test_torch_in_a_loop_of_ones_own(torch):
    with triceras.use_backend("torch"):
        v, w = triceras.Variable([1.0, 2.0]), triceras.Variable([3.0])
        optimizer = optimizers.get(functools.partial(torch.optim.SGD, lr=0.5))
        optimizer.build([v, w])
        optimizer.apply([torch.tensor([1.0, -1.0])], [v])
        assert v.numpy().tolist() == [0.5, 2.5] and w.numpy().tolist() == [3.0]
        with pytest.raises(RuntimeError, match=r"torch.optim.SGD updates weights in place"):
            optimizer.stateless_apply([1], [torch.ones(2), torch.ones(1)], [torch.ones(2), torch.ones(1)])


@pytest.mark.parametrize("name", TORCH)
def test_torch_state_is_saved_and_copied(torch, name, tmp_path):
    maker = TORCH[name](torch.optim)
    model = make("torch")
    model.compile(maker, "mse")
    fit(model).optimizer.learning_rate = 0.02
    model.save_weights(tmp_path / "m.weights.h5")
    with pytest.warns(UserWarning, match="has no config: a file can't say how to make it"):
        model.save(tmp_path / "m.keras")
    with triceras.use_backend("torch"):
        loaded = triceras.saving.load_model(tmp_path / "m.keras")
    assert not loaded.compiled
    others = [make("torch"), loaded]
    for other, file in zip(others, ("m.weights.h5", "m.keras"), strict=True):
        other.compile(maker, "mse")
        other.load_weights(tmp_path / file)
    others.append(copy.deepcopy(model))
    fit(model, 1)
    for other in others:
        assert_equal_weights(fit(other, 1).get_weights(), model.get_weights(), atol=0)
        assert int(other.optimizer.iterations) == 12 and other.optimizer.learning_rate == 0.02


def test_torch_state_of_another_optimizer_is_left_aside(torch, tmp_path):
    model, other = make("torch"), make("torch")
    model.compile(torch.optim.Adam, "mse")
    fit(model).save_weights(tmp_path / "m.weights.h5")
    other.compile(functools.partial(torch.optim.SGD, lr=0.1), "mse")
    with pytest.warns(UserWarning, match="Skipping variable loading for optimizer"):
        other.load_weights(tmp_path / "m.weights.h5")
    fresh = make("torch")
    fresh.compile(torch.optim.Adam, "mse")
    fresh.save_weights(tmp_path / "fresh.weights.h5")  # before its first step: no state yet
    other = make("torch")
    other.compile(torch.optim.Adam, "mse")
    other.load_weights(tmp_path / "fresh.weights.h5")
    assert_equal_weights(fit(other).get_weights(), fit(fresh).get_weights())


def test_torch_refuses(torch):
    with pytest.raises(ValueError, match=r"torch.optim.LBFGS computes the loss several times in a step"):
        make("torch").compile(torch.optim.LBFGS, "mse")
    model = make("torch")
    model.compile(torch.optim.Adam(make("torch").parameters()), "mse")
    with pytest.raises(ValueError, match=r"holds 6 parameters that aren't among the weights to be trained"):
        fit(model)
    with pytest.raises(TypeError, match="has no config"):
        optimizers.serialize(optimizers.get(torch.optim.Adam))


# --- optax ---------------------------------------------------------------------------------------------------------------

OPTAX = {
    "adamw": lambda o: o.adamw(0.05),
    "chain": lambda o: o.chain(o.clip_by_global_norm(0.5), o.sgd(o.cosine_decay_schedule(0.1, 20), momentum=0.9)),
    "inject": lambda o: o.inject_hyperparams(o.adam)(learning_rate=0.05),
    "several": lambda o: o.MultiSteps(o.adam(0.1), 2),
}


@pytest.fixture
def optax():
    return pytest.importorskip("optax")


def native_optax(optax, transformation, epochs=2):
    import jax

    model = make("jax")
    weights = [v.value for v in model.trainable_variables]
    others = [v.value for v in model.non_trainable_variables]
    state = transformation.init(weights)

    @jax.jit
    def step(weights, others, state, x, y):
        def loss(weights):
            out, changed = model.stateless_call(weights, others, x, training=True)
            return ((out - y) ** 2).mean(), changed

        gradients, others = jax.grad(loss, has_aux=True)(weights)
        updates, state = transformation.update(gradients, state, weights)
        return optax.apply_updates(weights, updates), others, state

    for i in [*range(0, 16, 4)] * epochs:
        weights, others, state = step(weights, others, state, X[i : i + 4], Y[i : i + 4])
    return [np.asarray(w) for w in weights]


@pytest.mark.parametrize("name", OPTAX)
def test_optax_trains_as_in_its_own_loop_and_is_saved(optax, name, tmp_path):
    transformation = OPTAX[name](optax)
    expected = native_optax(optax, transformation)
    for way in {"chain": WAYS[:2], "inject": WAYS[2:]}.get(name, WAYS[:1]):
        model = make("jax")
        model.compile(transformation, "mse", **way)
        assert_equal_weights([v.numpy() for v in fit(model).trainable_variables], expected)
        assert int(model.optimizer.iterations) == 8
    model.save_weights(tmp_path / "m.weights.h5")
    other = make("jax")
    other.compile(transformation, "mse")
    other.load_weights(tmp_path / "m.weights.h5")
    twin = copy.deepcopy(model)
    fit(model, 1)
    for again in (other, twin):
        assert_equal_weights(fit(again, 1).get_weights(), model.get_weights())
    assert np.isfinite(model.evaluate(X, Y, verbose=0)) and np.isfinite(model.train_on_batch(X, Y))


def test_optax_learning_rate(optax):
    model = make("jax")
    model.compile(optax.inject_hyperparams(optax.sgd)(learning_rate=0.5), "mse")
    fit(model, 1)
    assert float(model.optimizer.learning_rate) == 0.5
    model.optimizer.learning_rate = 0.0
    before = [v.numpy() for v in model.trainable_variables]
    assert_equal_weights([v.numpy() for v in fit(model, 1).trainable_variables], before, atol=0)
    with pytest.raises(AttributeError, match="`optax.inject_hyperparams`"):
        _ = optimizers.get(optax.sgd(0.1)).learning_rate


def test_optax_in_a_loop_of_ones_own(optax):
    with triceras.use_backend("jax"):
        v, w = triceras.Variable([1.0, 2.0]), triceras.Variable([3.0])
        optimizer = optimizers.get(optax.chain(optax.add_noise(0.0, 0.5, 0), optax.sgd(0.5)))
        optimizer.build([v, w])
        step = triceras.jit(lambda g: optimizer.apply([g], [v]))
        step(triceras.ops.array([1.0, -1.0]))
        assert v.numpy().tolist() == [0.5, 2.5] and w.numpy().tolist() == [3.0]
        weights, _ = optimizer.stateless_apply(
            [s.value for s in optimizer.variables], [v.value, w.value], [v.value, w.value]
        )
        np.testing.assert_allclose(weights[1], [1.5])


def test_state_moves_nowhere(torch, optax):
    for backend, optimizer, target in (("torch", torch.optim.Adam, "jax"), ("jax", optax.adam(0.1), "torch")):
        model = make(backend)
        model.compile(optimizer, "mse")
        before = fit(model).get_weights()
        with pytest.raises(ValueError, match=re.escape(f"works on {backend} only; neither it nor its state can go")):
            model.to_backend(target)
        assert model.backend.name == model.optimizer.backend.name == backend
        assert_equal_weights(model.get_weights(), before, atol=0)
        fit(model)  # goes on as if nothing had been asked
        model.compile("adam", "mse")
        fit(model.to_backend(target))
        with pytest.raises(ValueError, match=rf"`model.to_backend\('{backend}'\)`"):
            model.compile(optimizer, "mse")
