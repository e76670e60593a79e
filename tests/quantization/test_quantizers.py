"""Functions, quantizers and configs against real Keras."""

import functools

import numpy as np
import pytest

import triceras
from tests.oracle import run_keras
from triceras import ops, quantizers

X = np.array([[1.0, -2.0, 0.5], [0.0, 0.0, 0.0], [0.3, 0.7, -0.1]], "float32")
SMALL = np.array([[1, -2], [3, 4], [5, -8]], "int8")
CALLS = {
    "rows": "q.abs_max_quantize(x, axis=-1)",
    "all": "q.abs_max_quantize(x, axis=(0, 1), value_range=(-63, 63))",
    "epsilon": "q.abs_max_quantize(x, axis=0, epsilon=0.1)",
    "host": "q.abs_max_quantize(x, axis=0, to_numpy=True)",
    "groups": "q.abs_max_quantize_grouped_with_zero_point(x, 2)",
    "one group": "q.abs_max_quantize_grouped_with_zero_point(x, 4)",
    "float8": "q.quantize_and_dequantize(x, 0.01, 'float8_e4m3fn', 'float32')",
    "scale": "q.compute_float8_scale(2.0, 1.0, 448.0)",
    "no scale": "q.compute_float8_scale(0.0, 3.0, 448.0, margin=1)",
    "history": "q.compute_float8_amax_history(x, keras.ops.convert_to_tensor(h))",
    "fake": "q.fake_quant_with_min_max_vars(x, -0.9, 1.2)",
    "fake axis": "q.fake_quant_with_min_max_vars(x, [-1.0, -1.0, 0.1], [1.0, 2.0, 3.0], 4, True, axis=1)",
    "pack": "q.pack_int4(small)",
    "pack axis": "q.pack_int4(small, axis=1)",
    "unpack": "q.unpack_int4(q.pack_int4(small)[0], 3)",
    "unpack unsigned": "q.unpack_int4(q.pack_int4(small)[0], 3, dtype='uint8')",
    "quantizer": "q.AbsMaxQuantizer(axis=-1, value_range=(-7, 7))(x)",
    "quantizer axis": "q.AbsMaxQuantizer()(x, axis=0)",
    "quantizer default": "q.AbsMaxQuantizer()(x)",
}
CONFIGS = {
    "int8": "q.Int8QuantizationConfig()",
    "weights only": "q.Int8QuantizationConfig(q.AbsMaxQuantizer(axis=0, value_range=(-7, 7)), None)",
    "int4": "q.Int4QuantizationConfig(block_size=64)",
    "float8": "q.Float8QuantizationConfig()",
    "gptq": "q.GPTQConfig(['a'], None, weight_bits=8)",
    "awq": "q.AWQConfig(['a'], None, group_size=-1)",
    "quantizer": "q.AbsMaxQuantizer(axis=(0, 1))",
}
WRONG = [
    "q.AbsMaxQuantizer(value_range=(-200, 127))",
    "q.Int8QuantizationConfig(q.AbsMaxQuantizer(output_dtype='int4'))",
    "q.Int4QuantizationConfig(block_size=-3)",
    "q.Int4QuantizationConfig(q.AbsMaxQuantizer())",
    "q.GPTQConfig(['a'], None, weight_bits=5)",
    "q.GPTQConfig(['a'], None, group_size=0)",
    "q.GPTQConfig(['a'], None, hessian_damping=2.0)",
    "q.GPTQConfig(['a'], None, num_samples=0)",
    "q.AWQConfig(['a'], None, weight_bits=8)",
    "q.AWQConfig(['a'], None, num_grid_points=0)",
    "q.get('nope')",
]


@functools.cache
def of_keras():
    code = """
q = keras.quantizers
def wrong(text):
    try:
        eval(text)
    except ValueError:
        return True
result = {"calls": {k: eval(v) for k, v in calls.items()}, "wrong": [wrong(t) for t in wrongs],
          "configs": {k: json.dumps(eval(v).get_config(), sort_keys=True) for k, v in configs.items()}}
"""
    return run_keras(
        code, x=X, small=SMALL, h=np.arange(1.0, 4.0, dtype="float32"), calls=CALLS, configs=CONFIGS, wrongs=WRONG
    )


@pytest.mark.oracle
@pytest.mark.parametrize("name", CALLS)
def test_same_numbers_as_keras(backend, name):
    h = np.arange(1.0, 4.0, dtype="float32")
    scope = {"q": quantizers, "x": ops.array(X), "small": ops.array(SMALL), "h": h, "keras": triceras}
    found, want = triceras.tree.flatten(eval(CALLS[name], scope)), triceras.tree.flatten(of_keras()["calls"][name])
    assert len(found) == len(want)
    for a, b in zip(found, want, strict=True):
        a = ops.convert_to_numpy(a) if hasattr(a, "dtype") else np.asarray(a)
        np.testing.assert_allclose(a, b, rtol=2e-6, atol=2e-6)
        assert not hasattr(b, "dtype") or a.dtype == b.dtype


@pytest.mark.oracle
@pytest.mark.parametrize("name", CONFIGS)
def test_same_configs_as_keras(name):
    import json

    made = eval(CONFIGS[name], {"q": quantizers})
    assert json.dumps(made.get_config(), sort_keys=True) == of_keras()["configs"][name]
    again = type(made).from_config(made.get_config())
    assert json.dumps(again.get_config(), sort_keys=True) == of_keras()["configs"][name]


@pytest.mark.oracle
def test_wrong_arguments_as_in_keras():
    assert all(of_keras()["wrong"])
    for text in WRONG:
        with pytest.raises(ValueError):
            eval(text, {"q": quantizers})


def test_get():
    made = quantizers.AbsMaxQuantizer(axis=0)
    assert quantizers.get(None) is None and quantizers.get(made) is made
    assert quantizers.get(quantizers.serialize(made)).axis == (0,)
    assert quantizers.deserialize(quantizers.serialize(made)).get_config() == made.get_config()
    assert quantizers.get("abs_max_quantizer", axis=1).axis == (1,)


def test_modes():
    assert [getattr(quantizers, f"{n}QuantizationConfig")().mode for n in ("Int8", "Int4", "Float8")] == [
        "int8",
        "int4",
        "float8",
    ]
    assert quantizers.GPTQConfig([], None).dtype_policy_string() == "gptq/4/128"
    with pytest.raises(NotImplementedError, match="Do not instantiate"):
        _ = quantizers.QuantizationConfig().mode


def test_a_fake_range_lets_gradients_through_inside(trainable_backend):
    slope = triceras.grad(lambda x: ops.sum(quantizers.fake_quant_with_min_max_vars(x, -1.0, 1.0)))
    found = ops.convert_to_numpy(slope(ops.array([-3.0, 0.3, 3.0])))
    assert found.tolist() == [0.0, 1.0, 0.0]
