"""Dtype policies: names, configs, quantized ones, maps by path, and what they make layers do."""

import numpy as np
import pytest

import triceras
from tests.oracle import run_keras
from triceras import dtype_policies, layers, mixed_precision

NAMES = [
    "float32", "mixed_float16", "mixed_bfloat16", "uint8", "int8_from_float32", "int8_from_mixed_bfloat16",
    "float8_from_float32", "float8_from_mixed_float16", "int4_from_float32", "int4/128_from_float32",
    "int4/-1_from_mixed_bfloat16", "gptq/4/128_from_float32", "gptq/8/-1_from_float16", "awq/4/64_from_float32",
]  # fmt: skip
WRONG = [
    "foo", "", "int8", "float8", "INT8_from_float32", "int8_from_foo", "int8_from_float16", "int8_from_mixed_float16",
    "int4/0_from_float32", "int4/a_from_float32", "gptq_from_float32", "gptq/5/128_from_float32", "gptq/4_from_float32",
    "gptq/3/-2_from_float32", "awq/8/128_from_float32", "foo_from_float32",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _default_policy():
    yield
    dtype_policies._default = None


def described(policy, kind=dtype_policies):
    written = kind.serialize(policy)
    return [policy.name, policy.compute_dtype, policy.variable_dtype, policy.quantization_mode, written]


@pytest.mark.oracle
def test_same_as_keras():
    found = run_keras(
        """
from keras import dtype_policies as d
def described(p):
    return [p.name, p.compute_dtype, p.variable_dtype, p.quantization_mode, d.serialize(p)]
def wrong(name):
    try:
        d.get(name)
    except ValueError:
        return True
m = d.DTypePolicyMap("float32")
m["a/.*"], m["b"] = d.get("mixed_bfloat16"), d.get("int8_from_float32")
open_ended = d.DTypePolicyMap()
open_ended["b"] = d.get("int8_from_float32")
result = {"names": [described(d.get(n)) for n in names], "wrong": [wrong(n) for n in wrong_names],
          "map": [m[p].name for p in paths], "config": m.get_config(), "open": open_ended.get_config()}
""",
        names=NAMES,
        wrong_names=WRONG,
        paths=["a/x", "a/x/y", "b", "b/c", "x/b", "a"],
    )
    assert [described(dtype_policies.get(name)) for name in NAMES] == found["names"]
    assert all(found["wrong"])
    policies = dtype_policies.DTypePolicyMap("float32", {"a/.*": "mixed_bfloat16", "b": "int8_from_float32"})
    assert [policies[path].name for path in ("a/x", "a/x/y", "b", "b/c", "x/b", "a")] == found["map"]
    assert policies.get_config() == found["config"]
    assert dtype_policies.DTypePolicyMap(policy_map={"b": "int8_from_float32"}).get_config() == found["open"]


@pytest.mark.parametrize("name", NAMES)
def test_there_and_back(name):
    policy = dtype_policies.get(name)
    again = dtype_policies.deserialize(dtype_policies.serialize(policy))
    assert again == policy and hash(again) == hash(policy) and again is not policy
    assert dtype_policies.get(policy) is policy
    assert repr(policy) == f'<{type(policy).__name__} "{name}">'


@pytest.mark.parametrize("name", WRONG)
def test_wrong_names(name):
    with pytest.raises(ValueError, match=r"policy|mode|Policy"):
        dtype_policies.get(name)


def test_wrong_arguments():
    with pytest.raises(TypeError, match="'name' must be a string"):
        dtype_policies.DTypePolicy(3)
    with pytest.raises(TypeError, match="amax_history_length"):
        dtype_policies.QuantizedFloat8DTypePolicy("float8", "float32", "a")
    with pytest.raises(ValueError, match=r"Expected format 'gptq/<weight_bits>/<group_size>'.*but got 'gptq/4'"):
        dtype_policies.GPTQDTypePolicy("gptq/4")
    with pytest.raises(ValueError, match="Cannot interpret `dtype`"):
        dtype_policies.get(3)
    with pytest.raises(ValueError, match="class_name='X'"):
        dtype_policies.deserialize({"class_name": "X", "config": {}})


def test_map():
    policies = dtype_policies.DTypePolicyMap("mixed_float16", {"a.*": "float16", "ab.*": "float32"})
    assert policies["ac"].name == "float16" and policies["b"].name == "mixed_float16"
    with pytest.raises(ValueError, match=r"'abc' matches multiple.*\['a.\*', 'ab.\*'\]"):
        policies["abc"]
    with pytest.raises(ValueError, match="already exist"):
        policies["a.*"] = "float32"
    with pytest.raises(TypeError, match="must be a dict"):
        dtype_policies.DTypePolicyMap(policy_map=[])
    del policies["a.*"]
    assert list(policies) == ["ab.*"] and len(policies) == 1 and "ab.*" in policies and "abc" not in policies
    assert policies.name == "map_mixed_float16" and policies.compute_dtype == "float16"
    assert dtype_policies.get(policies) is policies


def test_an_empty_map_may_be_the_default():
    dtype_policies.set_dtype_policy(policies := dtype_policies.DTypePolicyMap("bfloat16"))
    assert dtype_policies.dtype_policy() is policies
    assert layers.Dense(1).compute_dtype == "bfloat16"


class Tower(triceras.Model):
    def __init__(self, dtype=None):
        super().__init__(dtype=dtype, name="tower")
        self.first = layers.Dense(2, dtype=self.dtype_policy, name="first")
        self.attention = layers.MultiHeadAttention(2, 2, dtype=self.dtype_policy, name="attention")

    def call(self, x):
        x = self.first(x)
        return self.attention(x, x)


def test_layers_find_their_policy_by_path(backend):
    policies = {"tower/attention/query": "mixed_bfloat16", "tower/first": "bfloat16"}
    model = Tower(dtype_policies.DTypePolicyMap("float32", policies))
    x = np.ones((2, 3, 4), "float32")
    assert triceras.backend.standardize_dtype(model(x).dtype) == "float32"
    assert (model.first.compute_dtype, model.first.variable_dtype) == ("bfloat16", "bfloat16")
    assert [w.dtype for w in model.first.weights] == ["bfloat16", "bfloat16"]
    found = {layer.path: (layer.compute_dtype, layer.variable_dtype) for layer in model._flatten_layers()}
    assert found["tower/attention/query"] == ("bfloat16", "float32")
    assert found["tower/attention/key"] == ("float32", "float32")


def test_files_hold_maps(tmp_path):
    policies = dtype_policies.DTypePolicyMap("float32", {"net/a": "mixed_bfloat16"})
    stack = [triceras.Input((3,)), layers.Dense(2, dtype=policies, name="a"), layers.Dense(2, dtype=policies, name="b")]
    triceras.Sequential(stack, name="net").save(tmp_path / "net.keras")
    again = triceras.saving.load_model(tmp_path / "net.keras")
    assert [layer.compute_dtype for layer in again.layers] == ["bfloat16", "float32"]


def test_unavailable_modes_say_what_works():
    for name in ("float8_from_float32", "int4/128_from_float32", "gptq/4/128_from_float32", "awq/4/128_from_float32"):
        with pytest.raises(NotImplementedError, match="isn't available yet; 'int8' is"):
            layers.Dense(2, dtype=name).build((None, 3))


def test_names_of_mixed_precision():
    assert mixed_precision.Policy is mixed_precision.DTypePolicy is dtype_policies.DTypePolicy
    mixed_precision.set_global_policy("mixed_bfloat16")
    assert mixed_precision.global_policy().name == triceras.config.dtype_policy().name == "mixed_bfloat16"
