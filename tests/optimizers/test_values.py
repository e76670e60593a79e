"""Twenty updates by every optimizer, learning rates of every schedule, and configs, against real Keras."""

import numpy as np
import pytest

from tests.same_as_keras import assert_same, of_keras, of_ours

random = np.random.RandomState(0)
INPUTS = {
    "kernel": random.randn(3, 4).astype("float32"),
    "bias": random.randn(4).astype("float32"),
    "filters": random.randn(2, 2, 3).astype("float32"),
    "noise": [random.randn(*shape).astype("float32") for shape in ((20, 3, 4), (20, 4), (20, 2, 2, 3))],
}
PRELUDE = """
def trained(optimizer, steps=20, exclude=None, constrain=False):
    weights = [keras.Variable(value, name=name)
               for name, value in (("kernel", kernel), ("bias", bias), ("filters", filters))]
    if constrain:
        weights[0].constraint = keras.constraints.MaxNorm(1.0)
    if exclude:
        optimizer.exclude_from_weight_decay(var_names=exclude)
    optimizer.build(weights)
    for step in range(steps):
        grads = [keras.ops.convert_to_tensor(noise[i][step]) + 0.1 * w for i, w in enumerate(weights)]
        optimizer.apply(grads, weights)
    return {
        "weights": [keras.ops.convert_to_numpy(w) for w in weights],
        "variables": [keras.ops.convert_to_numpy(v) for v in optimizer.variables],
    }

def names(optimizer):
    optimizer.build([keras.Variable(kernel, name="kernel"), keras.Variable(bias, name="bias")])
    return [v.path.partition("/")[2] for v in optimizer.variables]

def rates(schedule, steps=(0, 1, 2, 5, 7, 10, 11, 19, 20, 21, 30, 50, 71, 100)):
    return [float(schedule(step)) for step in steps]

def config(thing):
    return {key: value for key, value in thing.get_config().items() if key != "name"}
"""
O = "keras.optimizers."  # noqa: E741 - short, as the lists below are long
S = O + "schedules."
OPTIMIZERS = [
    "SGD(0.1)", "SGD(0.1, momentum=0.9)", "SGD(0.1, momentum=0.9, nesterov=True)", "Adam(0.01)",
    "Adam(0.01, beta_1=0.8, beta_2=0.9, epsilon=1e-3, amsgrad=True)", "AdamW(0.01)", "AdamW(0.01, weight_decay=0.5)",
    "RMSprop(0.01)", "RMSprop(0.01, momentum=0.5)", "RMSprop(0.01, rho=0.8, momentum=0.5, centered=True)",
    "Adagrad(0.1)", "Adadelta(1.0)", "Adamax(0.01)", "Nadam(0.01)", "Lion(0.01)", "Lamb(0.01)",
    "Ftrl(0.1, l1_regularization_strength=0.01, l2_regularization_strength=0.02, beta=0.1)",
    "Ftrl(0.1, l2_shrinkage_regularization_strength=0.02)", "Adafactor(0.1)", "Adafactor(0.1, relative_step=False)",
    "SGD(0.1, clipnorm=0.5)", "Adam(0.1, clipvalue=0.3)", "SGD(0.1, global_clipnorm=0.7)", "SGD(0.1, weight_decay=0.1)",
    "Adam(0.1, use_ema=True, ema_momentum=0.9)",
    "SGD(0.1, momentum=0.9, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=3)",
    "Adam(0.1, gradient_accumulation_steps=4)", "SGD(0.1, gradient_accumulation_steps=3, clipnorm=0.5)",
    "SGD(0.1, loss_scale_factor=4.0, clipvalue=0.3)",
    "LossScaleOptimizer(keras.optimizers.SGD(0.1, momentum=0.9, name='inner'), 4.0, dynamic_growth_steps=7)",
    "Adam(keras.optimizers.schedules.ExponentialDecay(0.1, 5, 0.5))",
]  # fmt: skip
SCHEDULES = [
    "ExponentialDecay(0.1, 10, 0.5)", "ExponentialDecay(0.1, 10, 0.5, staircase=True)",
    "InverseTimeDecay(0.1, 10, 0.5)", "InverseTimeDecay(0.1, 10, 0.5, staircase=True)",
    "PiecewiseConstantDecay([10, 20], [1.0, 0.5, 0.1])", "PolynomialDecay(0.1, 20, 0.01, power=2.0)",
    "PolynomialDecay(0.1, 20, 0.01, cycle=True)", "CosineDecay(0.1, 20, alpha=0.1)",
    "CosineDecay(0.0, 20, warmup_target=0.1, warmup_steps=7)", "CosineDecayRestarts(0.1, 10)",
    "CosineDecayRestarts(0.1, 10, t_mul=1.0, m_mul=0.8, alpha=0.1)",
    "CosineDecayRestarts(0.1, 10, t_mul=1.5, m_mul=0.9)",
]  # fmt: skip
NAMED = ["SGD()", "SGD(momentum=0.9)", "Adam()", "Adam(amsgrad=True)", "AdamW()", "RMSprop()",
         "RMSprop(momentum=0.1, centered=True)", "Adagrad()", "Adadelta()", "Adamax()", "Ftrl()", "Lion()", "Lamb()",
         "SGD(momentum=0.9, use_ema=True, gradient_accumulation_steps=2)",
         "LossScaleOptimizer(keras.optimizers.SGD(momentum=0.9))",
         "Adam(keras.optimizers.schedules.CosineDecay(0.1, 10))"]  # fmt: skip
CASES = [
    *(f"trained({O}{optimizer})" for optimizer in OPTIMIZERS),
    f"trained({O}AdamW(0.1, weight_decay=0.5), exclude=['bias', 'fil.*'])",
    f"trained({O}SGD(0.3), constrain=True)",
    *(f"rates({S}{schedule})" for schedule in SCHEDULES),
    *(f"names({O}{optimizer})" for optimizer in NAMED),
    *(f"config({O}{optimizer})" for optimizer in OPTIMIZERS),
    *(f"config({S}{schedule})" for schedule in SCHEDULES),
    f"{O}Adam(0.1, loss_scale_factor=8.0).scale_loss(2.0)",
]


@pytest.fixture(scope="module")
def expected():
    return of_keras(CASES, PRELUDE, **INPUTS)


@pytest.mark.oracle
@pytest.mark.parametrize("case", CASES)
def test_value(case, expected, backend):
    assert_same(of_ours(case, PRELUDE, **INPUTS), expected[case], rtol=1e-4, atol=1e-5)
