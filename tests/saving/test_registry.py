"""Which names a file may use."""

import threading

import pytest

import triceras
from triceras import saving
from triceras.saving import op_nodes, registry


@pytest.fixture
def clean():
    """Whatever a test registers is forgotten."""
    before = dict(saving.get_custom_objects())
    yield
    saving.get_custom_objects().clear()
    saving.get_custom_objects().update(before)


def test_register(clean, backend):
    @saving.register_keras_serializable("pkg")
    class Mine(triceras.layers.Layer):
        pass

    @saving.register_keras_serializable(package="pkg", name="other")
    def fn(x):
        return x

    assert saving.get_registered_name(Mine) == "pkg>Mine" and saving.get_registered_name(fn) == "pkg>other"
    assert saving.get_registered_object("pkg>Mine") is Mine and saving.get_custom_objects()["pkg>other"] is fn
    assert saving.get_registered_object("nope") is None
    assert saving.get_registered_object("x", custom_objects={"x": 1}) == 1
    assert saving.get_registered_object("x", module_objects={"x": 2}) == 2
    assert saving.get_registered_name(triceras.layers.Dense) == "Dense"
    data = saving.serialize_keras_object(Mine(name="m"))
    assert (data["module"], data["class_name"], data["registered_name"]) == (Mine.__module__, "Mine", "pkg>Mine")
    assert type(saving.deserialize_keras_object(data)).__name__ == "Mine"


def test_register_needs_get_config():
    with pytest.raises(ValueError, match="get_config"):

        @saving.register_keras_serializable()
        class Bad:
            pass


def test_scopes_nest_and_end_and_stay_in_their_thread():
    config = {"class_name": "function", "config": "f", "registered_name": "function"}
    with saving.custom_object_scope({"f": abs}), saving.CustomObjectScope({"f": max}):
        assert saving.deserialize_keras_object(config) is max
        found = []
        thread = threading.Thread(target=lambda: found.append(registry.find_custom(("f",))))
        thread.start()
        thread.join()
        assert found == [None]
    with saving.custom_object_scope({"f": abs}):
        assert saving.deserialize_keras_object(config) is abs
        assert saving.deserialize_keras_object(config, custom_objects={"f": min}) is min
    with pytest.raises(saving.UnknownObject):
        saving.deserialize_keras_object(config)


def test_custom_objects_go_before_ours():
    class Dense(triceras.layers.Dense):
        pass

    data = saving.serialize_keras_object(triceras.layers.Dense(2))
    assert isinstance(saving.deserialize_keras_object(data, custom_objects={"Dense": Dense}), Dense)


@pytest.mark.parametrize(
    "module, kind",
    [
        ("keras.layers", "layers"),
        ("keras.src.layers.core.dense", "layers"),
        ("keras.src.backend.torch.optimizers.torch_adam", "optimizers"),
        ("keras.optimizers.schedules", "schedules"),
        ("keras.src.optimizers.schedules.learning_rate_schedule", "schedules"),
        ("keras.src.models.functional", "models"),
        ("keras.src.ops.numpy", "ops"),
        ("tensorflow.keras.layers", "layers"),
        ("triceras.losses", "losses"),
        ("keras", ""),
        ("os", None),
        ("kerasevil.layers", None),
        (None, None),
        (3, None),
    ],
)
def test_kinds_by_module(module, kind):
    assert registry.kind_of(module) == kind


def test_every_public_class_has_a_path_and_is_found_by_it():
    for kind in registry.KINDS:
        for cls in registry.classes(kind).values():
            module, name = registry.public_path(cls)
            config = {"module": module, "class_name": name, "config": {}}
            assert registry.find_class(config) is cls or name in ("Functional",), (module, name)


def test_the_list_holds_no_tools():
    """What a file may call is pure: nothing that reads, writes, loads, makes tensors of any size or takes functions."""
    names = set(registry.functions())
    for word in (
        "load",
        "save",
        "get_file",
        "eval",
        "exec",
        "import",
        "open",
        "zeros",
        "ones",
        "arange",
        "full",
        "eye",
    ):
        assert word not in names
    for word in (
        "map",
        "scan",
        "while_loop",
        "cond",
        "vectorized_map",
        "fori_loop",
        "custom_gradient",
        "get",
        "deserialize",
    ):
        assert word not in names
    assert {"relu", "softmax", "mean_squared_error", "binary_accuracy", "add", "concatenate"} <= names


def test_every_op_of_ours_on_the_list_takes_keras_settings():
    """A config's settings are arguments of our function by the same names."""
    for name, op in op_nodes.pure_functions().items():
        op_class = op_nodes._by_function()[name]
        known = {p.name for p in op.signature.parameters.values()}
        if "kwargs" in known:
            continue
        wanted = {n.lstrip("*") for n in op_class.inputs + op_class.settings} - {"dtype"}
        assert wanted <= known, (name, wanted - known)
