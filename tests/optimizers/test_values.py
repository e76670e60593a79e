"""Twenty updates by every optimizer, learning rates of every schedule, and configs, against real Keras."""

import numpy as np
import pytest

from tests.conftest import TRAINABLE
from tests.same_as_keras import assert_same, of_keras, of_ours
from triceras import Variable, ops, optimizers, use_backend

random = np.random.RandomState(0)
INPUTS = {
    "kernel": random.randn(3, 4).astype("float32"),
    "bias": random.randn(4).astype("float32"),
    "filters": random.randn(2, 2, 3).astype("float32"),
    "noise": [random.randn(*shape).astype("float32") for shape in ((20, 3, 4), (20, 4), (20, 2, 2, 3))],
}
PRELUDE = """
def trained(optimizer, steps=20, exclude=None, keep=(), constrain=False):
    weights = [keras.Variable(value, name=name)
               for name, value in (("kernel", kernel), ("bias", bias), ("filters", filters))]
    if constrain:
        weights[0].constraint = keras.constraints.MaxNorm(1.0)
    if exclude or keep:
        optimizer.exclude_from_weight_decay(var_list=[weights[i] for i in keep], var_names=exclude)
    optimizer.build(weights)
    for step in range(steps):
        grads = [keras.ops.convert_to_tensor(noise[i][step]) + 0.1 * w for i, w in enumerate(weights)]
        optimizer.apply(grads, weights)
    found = {
        "weights": [keras.ops.convert_to_numpy(w) for w in weights],
        "variables": [keras.ops.convert_to_numpy(v) for v in optimizer.variables],
    }
    optimizer.finalize_variable_values(weights)
    return found | {"final": [keras.ops.convert_to_numpy(w) for w in weights]}

def embedded(optimizer):
    table = keras.Variable(kernel, name="embeddings")
    optimizer.build([table])
    for step in range(20):
        rows, indices = noise[0][step][:2], np.array([2, step % 2])
        dense = np.zeros((3, 4), "float32")
        dense[indices] = rows
        optimizer.apply([dense if ours else slices(rows, indices)], [table])
    return [keras.ops.convert_to_numpy(v) for v in [table, *optimizer.variables]]

def slices(rows, indices):
    import tensorflow as tf
    return tf.IndexedSlices(rows, indices, dense_shape=(3, 4))

def model(optimizer):
    layers = [keras.Input((4,)), keras.layers.Dense(3, name="a"), keras.layers.Dense(1, name="b")]
    model = keras.Sequential(layers)
    model.set_weights([kernel.T, bias[:3], kernel[0, :3, None], bias[:1]])
    model.compile(optimizer, "mse", run_eagerly=True)
    return model

def steps(model, count):
    for i in range(count):
        model.train_on_batch(noise[1][:8] * (i + 1), noise[1][8:16, :1])

def state(model):
    return [keras.ops.convert_to_numpy(v) for v in model.weights + model.optimizer.variables]

def write(optimizer, path):
    made = model(optimizer)
    steps(made, 3)
    made.save(path)
    steps(made, 2)
    return state(made)

def read(path):
    loaded = keras.models.load_model(path)
    steps(loaded, 2)
    return state(loaded)

def names(optimizer):
    optimizer.build([keras.Variable(kernel, name="kernel"), keras.Variable(bias, name="bias")])
    return [[v.name, list(v.shape)] for v in optimizer.variables]

def rates(schedule, steps=(0, 1, 2, 5, 7, 10, 11, 19, 20, 21, 30, 50, 71, 100)):
    return [float(schedule(step)) for step in steps]

def config(thing):
    return {key: value for key, value in thing.get_config().items() if key != "name"}

def refused(make):
    try:
        make()
    except Exception as error:
        return type(error).__name__
    return "nothing"
"""
O = "keras.optimizers."  # noqa: E741 - short, as the lists below are long
S = O + "schedules."
PLAIN = ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "Adamax", "Nadam", "Lion", "Lamb", "Ftrl", "Adafactor",
         "Muon", "ScheduleFreeAdamW"]  # fmt: skip
OPTIMIZERS = [
    *(f"{name}()" for name in PLAIN if name != "ScheduleFreeAdamW"),
    "SGD(0.1)", "SGD(0.1, momentum=0.9)", "SGD(0.1, momentum=0.9, nesterov=True)", "Adam(0.01)",
    "Adam(0.01, beta_1=0.8, beta_2=0.9, epsilon=1e-3, amsgrad=True)", "AdamW(0.01, weight_decay=0.5, amsgrad=True)",
    "RMSprop(0.01, momentum=0.5)", "RMSprop(0.01, rho=0.8, momentum=0.5, centered=True, epsilon=1e-3)",
    "Adagrad(0.1, initial_accumulator_value=0.5, epsilon=1e-3)", "Adadelta(1.0, rho=0.8, epsilon=1e-4)",
    "Adamax(0.01, beta_1=0.8, beta_2=0.9, epsilon=1e-3)", "Nadam(0.01, beta_1=0.8, beta_2=0.9, epsilon=1e-3)",
    "Lion(0.01, beta_1=0.8, beta_2=0.9)", "Lamb(0.01, beta_1=0.8, beta_2=0.9, epsilon=1e-3)",
    "Ftrl(0.1, l1_regularization_strength=0.01, l2_regularization_strength=0.02, beta=0.1)",
    "Ftrl(0.1, learning_rate_power=-0.7, initial_accumulator_value=0.3, l2_shrinkage_regularization_strength=0.02)",
    "Adafactor(0.1, relative_step=False)",
    "Adafactor(0.1, beta_2_decay=-0.6, epsilon_1=1e-6, epsilon_2=1e-2, clip_threshold=0.5)",
    "Muon(0.1, momentum=0.8, ns_steps=2, nesterov=False, rms_rate=None, adam_lr_ratio=0.5, epsilon=1e-3)",
    "Muon(0.1, weight_decay=None, adam_weight_decay=0.3, exclude_layers=['k.*l'], adam_beta_1=0.8, adam_beta_2=0.9)",
    "Muon(0.1, weight_decay=0.3, adam_weight_decay=None, muon_a=3.0, muon_b=-4.0, muon_c=1.5)",
]  # fmt: skip
SHARED = ["clipnorm=0.5", "clipvalue=0.3", "global_clipnorm=0.7", "weight_decay=0.1", "loss_scale_factor=4.0",
          "use_ema=True, ema_momentum=0.9", "use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=3",
          "gradient_accumulation_steps=4", "gradient_accumulation_steps=3, clipnorm=0.5, weight_decay=0.1"]  # fmt: skip
OPTIMIZERS += [f"{name}, {option})" for name in ("SGD(0.1, momentum=0.9", "Adam(0.1") for option in SHARED]
OPTIMIZERS += [
    "Muon(0.1, clipnorm=0.5, use_ema=True, ema_overwrite_frequency=4)",
    "LossScaleOptimizer(keras.optimizers.SGD(0.1, momentum=0.9, name='inner'), 4.0, dynamic_growth_steps=7)",
    "LossScaleOptimizer(keras.optimizers.Adam(0.1, clipnorm=0.5, name='inner'), 2.0**10, 3)",
    "MultiOptimizer(keras.optimizers.OptimizerMap(keras.optimizers.SGD(0.1, momentum=0.9, name='a'), "
    "{'b.*': keras.optimizers.Adam(0.1, clipnorm=0.1, use_ema=True, name='b')}))",
    "MultiOptimizer(keras.optimizers.OptimizerMap(keras.optimizers.SGD(0.1, name='a'), "
    "{'bias': keras.optimizers.RMSprop(0.1, name='b'), 'filters': keras.optimizers.Lion(name='c')}), loss_scale_factor=4.0)",
    *(f"{name}(keras.optimizers.schedules.ExponentialDecay(0.1, 5, 0.5))" for name in ("SGD", "Adam")),
]  # fmt: skip
SCHEDULES = [
    "ExponentialDecay(0.1, 10, 0.5)", "ExponentialDecay(0.1, 10, 0.5, staircase=True)",
    "InverseTimeDecay(0.1, 10, 0.5)", "InverseTimeDecay(0.1, 10, 0.5, staircase=True)",
    "PiecewiseConstantDecay([10, 20], [1.0, 0.5, 0.1])", "PolynomialDecay(0.1, 20, 0.01, power=2.0)",
    "PolynomialDecay(0.1, 20, 0.01, cycle=True)", "CosineDecay(0.1, 20, alpha=0.1)",
    "CosineDecay(0.0, 20, warmup_target=0.1, warmup_steps=7)", "CosineDecayRestarts(0.1, 10)",
    "CosineDecayRestarts(0.1, 10, t_mul=1.0, m_mul=0.8, alpha=0.1)",
    "CosineDecayRestarts(0.1, 10, t_mul=1.5, m_mul=0.9)", "CosineDecay(0.1, 20, warmup_steps=3)",
    "PiecewiseConstantDecay([7], [1.0, 0.1])", "CosineDecay(0.2, 10, alpha=0.5, warmup_target=0.1, warmup_steps=1)",
]  # fmt: skip
NAMED = ["SGD()", "SGD(momentum=0.9)", "Adam()", "Adam(amsgrad=True)", "AdamW()", "RMSprop()",
         "RMSprop(momentum=0.1, centered=True)", "Adagrad()", "Adadelta()", "Adamax()", "Ftrl()", "Lion()", "Lamb()",
         "SGD(momentum=0.9, use_ema=True, gradient_accumulation_steps=2)",
         "LossScaleOptimizer(keras.optimizers.SGD(momentum=0.9))", "Adafactor()", "Muon()", "Muon(use_ema=True)",
         "ScheduleFreeAdamW(gradient_accumulation_steps=2)",
         "Adam(keras.optimizers.schedules.CosineDecay(0.1, 10))"]  # fmt: skip
REFUSED = [
    "SGD('a')", "SGD(None)", "SGD(True)", "SGD([1.0, 2.0])", "SGD(keras.Variable(0.1))", "SGD(momentum=-1)",
    "SGD(momentum=2.5)", "SGD(momentum='x')", "AdamW(weight_decay=None)", "Lion(beta_1=2.5)", "Lion(beta_1=0)",
    "Ftrl(learning_rate_power=2.5)", "Ftrl(initial_accumulator_value=-1)", "Ftrl(l1_regularization_strength=-1)",
    "Ftrl(l2_regularization_strength=-0.5)", "Ftrl(l2_shrinkage_regularization_strength=-0.5)",
    "Adam(clipnorm=1.0, clipvalue=1.0)", "Adam(clipnorm=1.0, global_clipnorm=1.0)", "Adam(foo=1)",
    "Adam(use_ema=True, ema_momentum=2.0)",
    "Adam(gradient_accumulation_steps=1)", "Adam(gradient_accumulation_steps=-0.5)", "Muon(foo=1)",
    "LossScaleOptimizer(keras.optimizers.SGD(), clipnorm=1.0)", "LossScaleOptimizer(keras.optimizers.SGD(), foo=1)",
    "OptimizerMap(None)", "OptimizerMap('sgd')", "OptimizerMap(keras.optimizers.SGD(), 3)", "MultiOptimizer()",
    "schedules.ExponentialDecay(0.1, 0, 0.5)", "schedules.InverseTimeDecay(0.1, 0, 0.5)",
    "schedules.PiecewiseConstantDecay([1], [1.0])", "schedules.PolynomialDecay(0.1, 0)",
    "schedules.CosineDecay(0.1, -1)", "schedules.CosineDecayRestarts(0.1, 0)",
]  # fmt: skip
CASES = [
    *(f"trained({O}{optimizer})" for optimizer in OPTIMIZERS),
    *(f"trained({O}{name}(0.1, weight_decay=0.5), exclude=['bias', 'fil.*'])" for name in ("SGD", "AdamW", "Muon")),
    *(f"trained({O}{name}(0.1, weight_decay=0.5), keep=[0, 1])" for name in ("SGD", "AdamW")),
    *(f"trained({O}{name}(lambda: 0.05))" for name in ("SGD", "Adam")),
    *(f"embedded({O}{name}(0.1))" for name in PLAIN[:-2]),
    f"trained({O}SGD(0.3), constrain=True)",
    *(f"rates({S}{schedule})" for schedule in SCHEDULES),
    *(f"names({O}{optimizer})" for optimizer in NAMED),
    *(f"config({O}{optimizer})" for optimizer in (*OPTIMIZERS, "ScheduleFreeAdamW(warmup_steps=5)")),
    *(f"config({S}{schedule})" for schedule in SCHEDULES),
    *(f"refused(lambda: {O}{optimizer})" for optimizer in REFUSED),
    f"{O}Adam(0.1, loss_scale_factor=8.0).scale_loss(2.0)",
]
SAVED = [
    *(f"{name}(0.01)" for name in PLAIN[:-1]), "Adam(keras.optimizers.schedules.CosineDecay(0.1, 10), use_ema=True)",
    "SGD(0.1, momentum=0.9, gradient_accumulation_steps=2)", "LossScaleOptimizer(keras.optimizers.Adam(0.1), 8.0)",
    "MultiOptimizer(keras.optimizers.OptimizerMap(keras.optimizers.SGD(0.1, momentum=0.9), "
    "{'.*a/.*': keras.optimizers.Adam(0.1)}), loss_scale_factor=4.0)",
]  # fmt: skip
PER_BACKEND = ("trained", "embedded", "rates")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="module")
def written(folder):
    """What our own training gives, for each of SAVED; the files are there then."""
    with use_backend(TRAINABLE[len(TRAINABLE) // 2]):
        return [
            of_ours(f"write({O}{optimizer}, {folder + f'/ours_{i}.keras'!r})", PRELUDE, **INPUTS)
            for i, optimizer in enumerate(SAVED)
        ]


@pytest.fixture(scope="module")
def expected(folder, written):
    files = [
        case
        for i, optimizer in enumerate(SAVED)
        for case in (f"write({O}{optimizer}, folder + '/keras_{i}.keras')", f"read(folder + '/ours_{i}.keras')")
    ]
    return of_keras([*CASES, *files], PRELUDE, ours=False, folder=folder, **INPUTS)


@pytest.mark.oracle
@pytest.mark.parametrize("i", range(len(SAVED)), ids=SAVED)
def test_training_goes_on_from_files_of_each_in_the_other(i, expected, written, folder):
    of_keras_then = expected[f"write({O}{SAVED[i]}, folder + '/keras_{i}.keras')"]
    assert_same(expected[f"read(folder + '/ours_{i}.keras')"], written[i], rtol=1e-4, atol=1e-5)
    assert_same(written[i], of_keras_then, rtol=1e-4, atol=1e-5)
    with use_backend(TRAINABLE[-1]):
        ours_then = of_ours(f"read({folder + f'/keras_{i}.keras'!r})", PRELUDE, **INPUTS)
    assert_same(ours_then, of_keras_then, rtol=1e-4, atol=1e-5)


@pytest.mark.oracle
@pytest.mark.parametrize("case", [case for case in CASES if case.startswith(PER_BACKEND)])
def test_value(case, expected, backend):
    assert_same(of_ours(case, PRELUDE, ours=True, **INPUTS), expected[case], rtol=1e-5, atol=1e-5)


@pytest.mark.oracle
@pytest.mark.parametrize("case", [case for case in CASES if not case.startswith(PER_BACKEND)])
def test_description(case, expected):
    assert_same(of_ours(case, PRELUDE, ours=True, **INPUTS), expected[case])


@pytest.mark.parametrize("warmup", [0, 7])
def test_schedule_free_adamw_follows_the_paper(backend, warmup):
    # Real Keras does so on JAX. On TensorFlow and torch it reads `z` after having changed it.
    w = x = z = INPUTS["kernel"].astype("float64")
    v, weight = 0.0, Variable(INPUTS["kernel"])
    optimizer = optimizers.ScheduleFreeAdamW(0.1, 0.8, 0.9, 1e-3, warmup, weight_decay=0.3)
    for step, g in enumerate(INPUTS["noise"][0], 1):
        optimizer.apply([ops.convert_to_tensor(g)], [weight])
        w = w - 0.1 * 0.3 * w
        v, x = 0.9 * v + 0.1 * g.astype("float64") ** 2, (w - 0.2 * z) / 0.8
        z = z - 0.1 * min(1, step / max(warmup, 1)) * g / (np.sqrt(v / (1 - 0.9**step)) + 1e-3)
        x = x + (z - x) / step
        w = 0.8 * x + 0.2 * z
    np.testing.assert_allclose(weight.numpy(), w, rtol=1e-5, atol=1e-5)
