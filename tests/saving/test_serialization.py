"""Objects as JSON data."""

import json

import numpy as np
import pytest

import triceras
from triceras import layers, saving
from triceras.saving import serialization


def through_json(obj, **options):
    return saving.deserialize_keras_object(json.loads(json.dumps(saving.serialize_keras_object(obj))), **options)


def named(x):
    return x


@pytest.mark.parametrize(
    "value", [None, True, 3, 1.5, "text", b"bytes\xff", [1, [2]], {"a": {"b": [1]}}, ..., slice(1, None, 2)]
)
def test_plain_values(value):
    assert through_json(value) == value


def test_numpy_and_dtypes():
    assert through_json(np.float32(1.5)) == 1.5 and type(saving.serialize_keras_object(np.int64(3))) is int
    assert through_json(np.dtype("float32")) == "float32"
    array = through_json(np.array([[1, 2]], "int16"))
    assert array.dtype == "int16" and array.tolist() == [[1, 2]]
    assert saving.serialize_keras_object((1, (2,))) == (1, (2,))
    assert saving.deserialize_keras_object({"class_name": "__tuple__", "items": [1, 2]}) == (1, 2)


def test_tensors(trainable_backend):
    data = saving.serialize_keras_object(triceras.ops.convert_to_tensor([1.0, 2.0]))
    assert data == {"class_name": "__tensor__", "config": {"value": [1.0, 2.0], "dtype": "float32"}}
    tensor = saving.deserialize_keras_object(data)
    assert triceras.core.registry.backend_of(tensor).name == trainable_backend


def test_symbolic_tensors():
    x = triceras.Input((4,), name="x")
    data = saving.serialize_keras_object(x)
    assert data["config"] == {"shape": [None, 4], "dtype": "float32", "keras_history": ["x", 0, 0]}
    assert saving.deserialize_keras_object(data).shape == (None, 4)


def test_functions():
    form = {"module": "builtins", "class_name": "function", "config": "named", "registered_name": "function"}
    assert saving.serialize_keras_object(named) == form
    assert saving.deserialize_keras_object(form, custom_objects={"named": named}) is named
    assert through_json(triceras.activations.relu) is triceras.activations.relu
    assert through_json(triceras.losses.mean_squared_error) is triceras.losses.mean_squared_error
    assert through_json(triceras.ops.add) is triceras.ops.add


def test_objects_in_keras_form():
    data = saving.serialize_keras_object(layers.Dense(2, name="d", activation="relu"))
    assert list(data)[:4] == ["module", "class_name", "config", "registered_name"]
    assert (data["module"], data["class_name"], data["registered_name"]) == ("keras.layers", "Dense", None)
    assert "build_config" not in data and data["config"]["activation"] == "relu"
    layer = through_json(
        layers.Dense(2, kernel_regularizer="l2", kernel_initializer=triceras.initializers.HeNormal(seed=3))
    )
    assert (
        layer.units == 2 and layer.kernel_initializer.seed == 3 and layer.kernel_regularizer.l2 == pytest.approx(0.01)
    )


def test_a_layer_is_the_same_on_every_backend(backend):
    data = saving.serialize_keras_object(layers.Dense(2, name="d"))
    assert data["module"] == "keras.layers" and data["class_name"] == "Dense"
    assert "torch" not in json.dumps(data) and "tensorflow" not in json.dumps(data)
    assert saving.deserialize_keras_object(data).backend.name == backend


def test_a_built_layer_is_built_again():
    layer = layers.Dense(2)
    layer(np.ones((1, 3), "float32"))
    again = through_json(layer)
    assert again.built and again.kernel.shape == (3, 2)


def test_what_has_no_form():
    for value in ({1, 2}, object(), 1j, layers.Dense, triceras.Variable(1.0)):
        with pytest.raises(TypeError, match="Cannot serialize object"):
            saving.serialize_keras_object(value)


def test_lambdas_warn_and_load_only_on_request():
    scale = 3
    with pytest.warns(UserWarning, match="includes a `lambda`"):
        data = saving.serialize_keras_object(lambda x, y=2: x * y * scale)
    assert data["class_name"] == "__lambda__"
    for options in ({}, {"safe_mode": True}, {"safe_mode": None}):
        with pytest.raises(saving.UnsafeContent, match="Python lambda"):
            saving.deserialize_keras_object(data, **options)
    assert saving.deserialize_keras_object(json.loads(json.dumps(data)), safe_mode=False)(5) == 30
    data["config"]["code"] = "AAAA"
    with pytest.raises(saving.ConfigInvalid, match="bytecode"):
        saving.deserialize_keras_object(data, safe_mode=False)


def test_shared_objects_stay_shared():
    policy = triceras.dtype_policies.DTypePolicy("mixed_bfloat16")
    with serialization.object_sharing():
        data = saving.serialize_keras_object([policy, {"again": policy}])
    assert data[0]["shared_object_id"] == data[1]["again"]["shared_object_id"] == 1
    with serialization.object_sharing():
        first, second = saving.deserialize_keras_object(data)
    assert second["again"] is first
    assert "shared_object_id" not in json.dumps(saving.serialize_keras_object([policy, policy]))


def test_errors_say_what_is_missing():
    data = saving.serialize_keras_object(layers.Dense(2)) | {"class_name": "Dence"}
    with pytest.raises(saving.UnknownObject, match="Could not locate class 'Dence'.*register_keras_serializable"):
        saving.deserialize_keras_object(data)
    data = saving.serialize_keras_object(layers.Dense(2))
    data["config"]["nope"] = 1
    with pytest.raises(saving.ConfigInvalid, match="Dense could not be deserialized properly") as info:
        saving.deserialize_keras_object(data)
    assert isinstance(info.value.__cause__, (TypeError, ValueError))


def test_a_class_without_from_config():
    class Bare:
        def get_config(self):
            return {}

    with pytest.raises(TypeError, match="missing a `from_config\\(\\)` method"):
        through_json(Bare(), custom_objects={"Bare": Bare})
