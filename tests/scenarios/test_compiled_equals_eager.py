"""Five training steps, compiled and with `run_eagerly=True`, end in the same state: layers in half precision, every
optimizer, models with metrics. Every layer by itself: `tests/layers/test_driver.py`."""

import numpy as np
import pytest

import triceras
from tests.layers import running
from tests.layers.cases import CASES, inputs_of
from triceras import layers, ops, optimizers
from triceras.core import tree

STEPS = 5
CLOSE = 2e-6  # relative to the largest number of an array
TINY = 1e-8  # what counts as 0: a gradient that is 0 comes out as rounding errors
HALF = [case for case in CASES if case[0] in ("dense_f16", "dense_mixed", "batch_norm_f16", "einsum_mixed")]


@pytest.fixture(autouse=True)
def _compiling(monkeypatch, tmp_path):
    """On torch, steps are captured at the second call and never given to a compiler."""
    monkeypatch.setenv("TRICERAS_TORCH_COMPILE", "eager")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


class Beside(triceras.Model):
    """Layers side by side, each with inputs of its own, scaled by a weight, so that gradients flow through all."""

    def __init__(self, cases):
        super().__init__()
        self.parts = [running.made(triceras, expression) for _, expression, _, _ in cases]
        self.options = [options for *_, options in cases]
        self.scales = [self.add_weight((), initializer="ones", name=f"scale_{name}") for name, *_ in cases]

    def call(self, inputs):
        for layer, scale, options, given in zip(self.parts, self.scales, self.options, inputs, strict=True):
            given = tree.map_structure(lambda x, s=scale: x * s if "float" in str(x.dtype) else x, given)
            for x in tree.flatten(layer(*given, **options)):
                self.add_loss(ops.mean(ops.square(ops.cast(x, "float32") - 0.3)))
        return ops.zeros((2,))


def trained(make, x, y=None, **options):
    """All state of a model after some steps with SGD, and the steps' logs."""
    triceras.utils.clear_session(free_memory=False)
    triceras.utils.set_random_seed(7)
    model = make()
    model.compile(
        optimizers.SGD(0.01, momentum=0.9), "sparse_categorical_crossentropy" if y is not None else None, **options
    )
    logs = [model.train_on_batch(x, y, return_dict=True) for _ in range(STEPS)]
    found = {v.path: v.numpy() for v in (*model.variables, *model.optimizer.variables, *model.metrics_variables)}
    return found | {f"{name} of step {i}": np.array(value) for i, log in enumerate(logs) for name, value in log.items()}


def assert_alike(found, expected, close=CLOSE):
    """Every number, within `close`; integers, such as seeds and counts, exactly."""
    assert set(found) == set(expected)
    distances = {name: apart(found[name], right) for name, right in expected.items()}
    exact = {name for name, right in expected.items() if right.dtype.kind in "iub"}
    wrong = {name: f"{d:.1e}" for name, d in distances.items() if not d <= (0.0 if name in exact else close)}
    assert not wrong


def apart(a, b):
    a, b = a.astype("float64"), b.astype("float64")
    distance = np.abs(a - b).max(initial=0.0)
    return 0.0 if distance <= TINY else distance / np.abs(b).max(initial=0.0)


@pytest.mark.slow
def test_layers_in_half_precision(trainable_backend):
    """Those in full precision: `tests/layers/test_driver.py`."""
    x = [inputs_of(shapes) for _, _, shapes, _ in HALF]
    expected = trained(lambda: Beside(HALF), x, run_eagerly=True)
    assert_alike(trained(lambda: Beside(HALF), x), expected, 2e-2)


OPTIMIZERS = [
    "Adadelta()",
    "Adafactor()",
    "Adagrad()",
    "Adam(amsgrad=True)",
    "AdamW(clipnorm=0.5)",
    "Adamax()",
    "Ftrl(l1_regularization_strength=0.01)",
    "Lamb()",
    "Lion()",
    "LossScaleOptimizer(SGD(), initial_scale=4.0, dynamic_growth_steps=2)",
    "Muon(exclude_embeddings=False)",
    "Nadam(gradient_accumulation_steps=2)",
    "RMSprop(momentum=0.5, centered=True)",
    "ScheduleFreeAdamW()",
    "SGD(momentum=0.9, nesterov=True, use_ema=True, ema_overwrite_frequency=2, weight_decay=0.01)",
]


def test_every_optimizer_is_here():
    made_of_others = {"MultiOptimizer", "OptimizerMap"}
    every = {name for name in optimizers.__all__ if name[0].isupper() and name != "Optimizer"} - made_of_others
    assert {text.partition("(")[0] for text in OPTIMIZERS} == every


@pytest.mark.slow
def test_optimizers(trainable_backend):
    """All in one step, each with a weight of its own."""
    start, target = np.random.default_rng(0).normal(size=(2, 3, 2)).astype("float32")

    def run(compiled):
        triceras.utils.clear_session(free_memory=False)
        made = [eval(text, dict(vars(optimizers))) for text in OPTIMIZERS]
        weights = [triceras.Variable(start, name=f"of_{optimizer.name}") for optimizer in made]
        for optimizer, weight in zip(made, weights, strict=True):
            optimizer.build([weight])

        def step(x):
            scales = [optimizer.scale_loss(1.0) for optimizer in made]
            losses = lambda: sum(s * ops.sum(ops.square(w - x)) for s, w in zip(scales, weights, strict=True))  # noqa: E731
            value, grads = triceras.value_and_grad(losses, weights)()
            for optimizer, weight, grad in zip(made, weights, grads, strict=True):
                optimizer.apply([grad], [weight])
            return value

        function = triceras.jit(step) if compiled else step
        values = {f"loss of step {i}": ops.convert_to_numpy(function(target * 0.1 * i)) for i in range(STEPS)}
        return values | {v.path: v.numpy() for o, w in zip(made, weights, strict=True) for v in (w, *o.variables)}

    assert_alike(run(True), run(False))


def test_dropout_is_fresh_at_each_step_and_the_same_compiled_and_eager(trainable_backend):
    def masks(compiled):
        triceras.utils.set_random_seed(3)
        layer = layers.Dropout(0.5)
        step = lambda x: layer(x, training=True)  # noqa: E731
        step = triceras.jit(step) if compiled else step
        drawn = [ops.convert_to_numpy(step(np.ones((4, 8), "float32"))).tolist() for _ in range(STEPS)]
        return drawn, layer.seed_generator.state.numpy().tolist()

    drawn, seed = masks(True)
    assert all(a != b for i, a in enumerate(drawn) for b in drawn[:i])
    assert (drawn, seed) == masks(False)


def sample():
    """What graphs may get wrong, in a small model: statistics, seeds, recurrence, convolution, lookup."""
    x = inputs = layers.Input((8, 4))
    x = layers.Dropout(0.2)(layers.BatchNormalization()(layers.Conv1D(8, 3, activation="relu")(x)))
    x = layers.LSTM(6)(layers.LayerNormalization()(x))
    return triceras.Model(inputs, layers.Dense(3, activation="softmax")(x))


def compare_sample():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 8, 4)).astype("float32"), rng.integers(0, 3, 12)

    def run(**options):
        return trained(sample, x, y, metrics=["accuracy"], **options)

    assert_alike(run(), run(run_eagerly=True))


@pytest.mark.slow
def test_a_model_with_metrics(trainable_backend):
    compare_sample()


@pytest.mark.slow
def test_a_model_compiled_by_inductor(monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setenv("TRICERAS_TORCH_COMPILE", "wait")
    with triceras.use_backend("torch"):
        compare_sample()
