"""Several optimizers in one: which weight goes to which, errors, moving, saving."""

import re

import numpy as np
import pytest

import triceras
from triceras import Variable, ops, optimizers
from triceras.core.naming import name_scope
from triceras.optimizers import SGD, Adam, LossScaleOptimizer, MultiOptimizer, Muon, OptimizerMap, ScheduleFreeAdamW


def weights():
    made = []
    for path in ("encoder/kernel", "encoder/bias", "decoder/kernel"):
        scope, name = path.split("/")
        with name_scope(scope):
            made.append(Variable(np.ones((2, 2), "float32"), name=name))
    return made


def test_a_map_matches_whole_paths():
    default, other = SGD(), Adam()
    which = OptimizerMap(default, {"encoder/.*": other})
    assert which["encoder/kernel"] is other and which["encoder/.*"] is other
    assert which["my/encoder/kernel"] is default and which["encoder"] is default and which.get("x") is default
    assert len(which) == 1 and list(which) == ["encoder/.*"] and which.default_optimizer is default
    which["enc.*"] = SGD()
    with pytest.raises(ValueError, match="Multiple optimizers assigned to variable encoder/kernel"):
        MultiOptimizer(which).build(weights())
    del which["enc.*"]
    assert OptimizerMap.from_config(which.get_config()).get_config() == which.get_config()


@pytest.mark.parametrize("by_function", [False, True])
def test_each_weight_is_updated_by_its_own(backend, by_function):
    default, other, ws = SGD(0.5), SGD(0.25, use_ema=True, ema_momentum=0.5), weights()
    by_path = OptimizerMap(default, {".*/bias": other})
    which = (lambda v: by_path[v.path]) if by_function else by_path
    optimizer = MultiOptimizer(which)
    optimizer.apply([ops.ones((2, 2))] * 3, ws)
    optimizer.apply([ops.ones((2, 2))], ws[1:2])
    assert [float(w.numpy()[0, 0]) for w in ws] == [0.5, 0.5, 0.5]
    assert [int(o.iterations) for o in (optimizer, default, other)] == [2, 1, 2]
    optimizer.finalize_variable_values(ws)
    assert [float(w.numpy()[0, 0]) for w in ws] == [0.5, 0.625, 0.5]
    assert set(map(id, optimizer.optimizers)) == {id(default), id(other)}
    for attempt in (lambda: optimizer.learning_rate, lambda: setattr(optimizer, "learning_rate", 0.1)):
        with pytest.raises(AttributeError, match="on the individual sub-optimizers"):
            attempt()


def test_compiled_and_stateless_equal_eager(trainable_backend):
    def made():
        return MultiOptimizer(OptimizerMap(SGD(0.1, momentum=0.9), {"enc.*": Adam(0.1)}), loss_scale_factor=4.0)

    grads = [ops.ones((2, 2)) * i for i in (1, 2, 3)]
    eager, first = made(), weights()
    eager.apply(grads, first)
    assert float(eager.scale_loss(2.0)) == 8.0
    compiled, second = made(), weights()
    compiled.build(second)
    triceras.jit(lambda g: compiled.apply(g, second))(grads)
    pure, third = made(), weights()
    pure.build(third)
    values, _ = pure.stateless_apply([v.value for v in pure.variables], grads, [v.value for v in third])
    for a, b, c in zip(first, second, values, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6)
        np.testing.assert_allclose(a.numpy(), ops.convert_to_numpy(c), rtol=1e-6)


def test_moves_with_its_weights(trainable_backend):
    optimizer, ws = MultiOptimizer(OptimizerMap(SGD(momentum=0.9), {"enc.*": Adam()})), weights()
    optimizer.apply([ops.ones((2, 2))] * 3, ws)
    optimizer.to_backend("numpy")
    assert {v.backend.name for v in optimizer.variables} == {"numpy"}


def test_exclusions_reach_all(backend):
    optimizer, ws = MultiOptimizer(OptimizerMap(SGD(weight_decay=1.0), {"enc.*": SGD(weight_decay=1.0)})), weights()
    optimizer.exclude_from_weight_decay(var_list=ws[2:], var_names=["bias"])
    optimizer.apply([ops.zeros((2, 2))] * 3, ws)
    assert [bool((w.numpy() == 1).all()) for w in ws] == [False, True, True]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: OptimizerMap("sgd"), TypeError, "default_optimizer must be an Optimizer instance. Received: sgd"),
        (lambda: OptimizerMap(SGD(), 3), TypeError, "optimizer_map must be a dictionary. Received: 3"),
        (lambda: OptimizerMap(SGD(), {"a": 3}), ValueError, "optimizer must be an Optimizer instance. Received: 3"),
        (lambda: OptimizerMap(SGD(), {3: SGD()}), ValueError, "key must be a string. Received: 3"),
        (lambda: OptimizerMap(SGD(), {"a": SGD()}).update(a=SGD()), ValueError, "'a' already exists in the"),
        (lambda: MultiOptimizer(SGD()), TypeError, "`optimizer_map` must be an OptimizerMap, or a function"),
        (lambda: MultiOptimizer("sgd"), TypeError, "Received: optimizer_map=sgd"),
        (lambda: MultiOptimizer(lambda v: "sgd").build(weights()), ValueError, "Optimizer for variable encoder/kernel"),
        (
            lambda: MultiOptimizer(OptimizerMap(SGD(loss_scale_factor=2.0))),
            ValueError,
            "`loss_scale_factor` belongs to the MultiOptimizer, not to the optimizers in it",
        ),
        (lambda: Muon(exclude_layers="output"), ValueError, "must be a list of strings. Received: exclude_layers='ou"),
        (lambda: ScheduleFreeAdamW(beta_1=0.0), ValueError, "`beta_1` must be in (0, 1]. Received: beta_1=0.0"),
        (lambda: ScheduleFreeAdamW(warmup_steps=-1), ValueError, "must be >= 0. Received: warmup_steps=-1"),
        (lambda: LossScaleOptimizer("sgd"), ValueError, "must be an Optimizer. Received: inner_optimizer='sgd'"),
        (lambda: SGD([0.1]), ValueError, "Argument `learning_rate` should be float"),
        (lambda: optimizers.get("optimizermap"), ValueError, "Could not interpret optimizer identifier"),
    ],
)
def test_errors(make, error, message):
    with pytest.raises(error, match=re.escape(message)):
        make()


def test_muon_leaves_what_is_no_matrix_to_adam(backend):
    with name_scope("embedding"):
        table = Variable(np.ones((2, 2), "float32"), name="table")
    optimizer = Muon(exclude_layers=["^dec.*kernel$"])
    optimizer.build([*weights(), table, Variable(1.0, name="scale")])
    with_velocity = [v.name.rpartition("_")[0] for v in optimizer.variables if v.name.endswith("velocity")]
    assert with_velocity == ["decoder_kernel", "embedding_table", "scale"]
    x = ops.convert_to_tensor(np.random.default_rng(0).normal(size=(5, 3)).astype("float32"))
    singular = np.linalg.svd(ops.convert_to_numpy(optimizer.zeropower_via_newtonschulz5(x, 10)), compute_uv=False)
    assert singular.min() > 0.6 and singular.max() < 1.3
