"""Model files that attack: each is refused with a `ModelFileError`, and nothing happens."""

import json
import os
import sys
import time
import warnings
import zipfile

import h5py
import numpy as np
import pytest

import triceras
from tests.saving import hostile as h
from triceras import saving
from triceras.core import scope, seeds
from triceras.saving import registry, serialization
from triceras.saving.errors import (
    ConfigInvalid,
    CorruptFile,
    ModelFileError,
    NotAModelFile,
    ResourceLimit,
    UnknownObject,
    UnsafeContent,
    WeightsMismatch,
)


def world():
    """What a rejected file may not change."""
    return {
        "floatx": triceras.config.floatx(),
        "epsilon": triceras.config.epsilon(),
        "backend": triceras.config.backend(),
        "custom": dict(saving.get_custom_objects()),
        "scopes": registry._local.scopes,
        "safe": (serialization.in_safe_mode(), serialization._local.safe),
        "shared": serialization._local.shared,
        "budget": scope.local.allocation_budget,
        "names": scope.local.names,
        "host": seeds._host,
        "files": sorted(os.listdir()),
        "evil": "evil_module" in sys.modules,
    }


@pytest.fixture(autouse=True)
def unchanged(tmp_path, monkeypatch):
    """Every test runs in an empty folder, with a module at hand that no file may import."""
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "evil_module.py").write_text(
        "open('pwned', 'w').close()\ndef run(*a, **k): open('pwned', 'w').close()\nclass Evil: pass\n"
    )
    monkeypatch.syspath_prepend(modules)
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    with triceras.use_backend("numpy"):
        before = world()
        yield
        assert world() == before


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.keras"


def refuse(error, path, **options):
    """Loading raises `error`, which names the file; returns it."""
    start = time.perf_counter()
    with pytest.raises(error) as info:
        saving.load_model(path, **options)
    assert time.perf_counter() - start < 20
    assert isinstance(info.value, ModelFileError) and isinstance(info.value, ValueError)
    assert str(info.value.file).startswith(str(path)) and str(path) in str(info.value)
    return info.value


def test_the_honest_file_loads(path):
    model = saving.load_model(h.keras_file(path, h.sequential(h.input_layer(4), h.dense())))
    np.testing.assert_allclose(model.predict(np.ones((2, 4)), verbose=0), np.full((2, 3), 4.0))
    assert model.layers[0].name == "dense"


# --- code -------------------------------------------------------------------------------------------------------------

LAMBDA = {"name": "l", "arguments": {}}
MODULES = ("evil_module", "os", "builtins", "keras.src.evil", "keras.utils", "subprocess", None, 3, ["keras.layers"])


@pytest.mark.parametrize("module", MODULES)
def test_no_module_of_a_file_is_imported(path, module):
    for name in ("Evil", "system", "run", "__import__"):
        entry = h.layer(name, module=module, registered_name=name)
        error = refuse(UnknownObject, h.keras_file(path, h.sequential(h.input_layer(4), entry)))
        assert "Could not locate class" in str(error) and isinstance(error, TypeError)
        assert error.member == "config.json" and error.where == "$.config.layers[1]"


@pytest.mark.parametrize(
    "name", ["eval", "exec", "get_file", "load_model", "run", "system", "enable_unsafe_deserialization", "save_img"]
)
@pytest.mark.parametrize("module", ["builtins", "keras.utils", "keras.config", "evil_module", "keras.ops"])
def test_functions_outside_the_list_are_unknown(path, name, module):
    entry = h.layer("Lambda", function=h.function(name, module), **LAMBDA)
    refuse(UnknownObject, h.keras_file(path, h.sequential(h.input_layer(4), entry)))
    calls = {"module": module, "class_name": name, "config": {"name": "x1"}, "registered_name": name}
    calls |= {"name": "x1", "inbound_nodes": [h.node(h.tensor("x"), command="touch pwned")]}
    refuse(ModelFileError, h.keras_file(path, h.functional(calls, outputs="x1")))


def test_a_gadget_chain_that_switches_safety_off_first(path):
    first = h.layer("Lambda", function=h.function("enable_unsafe_deserialization", "keras.config"), **LAMBDA)
    second = h.layer("Lambda", function=h.bytecode(), name="l2")
    refuse(UnknownObject, h.keras_file(path, h.sequential(h.input_layer(4), first, second)))


@pytest.mark.parametrize("place", ["layer", "activation", "arguments", "functional", "compile", "nested"])
def test_bytecode_is_refused_wherever_it_stands(path, place):
    code = h.bytecode()
    config = {
        "layer": h.sequential(h.input_layer(4), h.layer("Lambda", function=code, **LAMBDA)),
        "activation": h.sequential(h.input_layer(4), h.dense(activation=code)),
        "arguments": h.sequential(
            h.input_layer(4), h.layer("Lambda", function=h.function("relu"), name="l", mask=code)
        ),
        "functional": h.functional(
            h.dense() | {"name": "dense", "inbound_nodes": [h.node(h.tensor("x"), training=code)]}, outputs="dense"
        ),
        "compile": h.sequential(h.input_layer(4), h.dense(), compile_config={"optimizer": "sgd", "loss": code}),
        "nested": h.sequential(
            h.input_layer(4), h.sequential(h.input_layer(4), h.layer("Lambda", function=code, **LAMBDA))
        ),
    }[place]
    error = refuse(UnsafeContent, h.keras_file(path, config))
    assert "safe_mode=False" in str(error)


def test_every_entry_point_is_safe_when_safe_mode_is_unset(path):
    config = h.layer("Lambda", function=h.bytecode(), **LAMBDA)
    model = h.sequential(h.input_layer(4), config)
    h.keras_file(path, model)
    calls = [
        lambda: triceras.layers.deserialize(config),
        lambda: triceras.layers.Lambda.from_config(dict(config["config"])),
        lambda: triceras.Sequential.from_config(model["config"]),
        lambda: triceras.models.model_from_json(json.dumps(model)),
        lambda: saving.deserialize_keras_object(config),
        lambda: saving.deserialize_keras_object(config, safe_mode=None),
        lambda: saving.load_model(path),
        lambda: saving.load_model(path, safe_mode=None),
        lambda: triceras.models.load_model(path),
        lambda: triceras.activations.get(h.bytecode()),
    ]
    for call in calls:
        with pytest.raises(UnsafeContent):
            call()


def test_marshal_runs_only_on_request(path):
    h.keras_file(
        path,
        h.sequential(h.input_layer(4), h.layer("Lambda", function=h.bytecode(), **LAMBDA)),
        h.weights(lambda f: None),
    )
    with pytest.raises(ModelFileError):
        saving.load_model(path)
    model = saving.load_model(path, safe_mode=False)
    assert type(model.layers[0]).__name__ == "Lambda"
    if os.path.exists("pwned"):  # the user asked for it
        os.remove("pwned")


def test_the_policy_of_the_outermost_call_stays(path):
    class Sneaky(triceras.layers.Layer):
        @classmethod
        def from_config(cls, config):
            return saving.deserialize_keras_object(config["inner"], safe_mode=False)

    inner = h.layer("Lambda", function=h.bytecode(), **LAMBDA)
    entry = h.layer("Sneaky", module=None, registered_name="Sneaky", inner=inner)
    refuse(UnsafeContent, h.keras_file(path, h.sequential(h.input_layer(4), entry)), custom_objects={"Sneaky": Sneaky})


@pytest.mark.parametrize("name", ["TFSMLayer", "TorchModuleWrapper"])
def test_wrappers_of_outside_code_are_refused(path, name):
    entry = h.layer(name, name="w", filepath="/path/savedmodel", module_bytes="gASVAAAA")
    refuse(UnsafeContent, h.keras_file(path, h.sequential(h.input_layer(4), entry)))


@pytest.mark.parametrize("vocabulary", ["/etc/passwd", "http://169.254.169.254/", "gs://bucket/x"])
@pytest.mark.parametrize("name", ["StringLookup", "IntegerLookup", "TextVectorization"])
def test_a_vocabulary_is_never_a_path(path, name, vocabulary):
    entry = h.layer(name, name="lookup", vocabulary=vocabulary)
    refuse((UnsafeContent, UnknownObject), h.keras_file(path, h.sequential(h.input_layer(4), entry)))
    with pytest.raises(UnsafeContent, match="path or URL"):
        registry.check_arguments(name, entry["config"])


def test_the_legacy_format_has_the_same_policy(tmp_path):
    path = tmp_path / "old.h5"
    lambda_layer = {"class_name": "Lambda", "config": {"name": "l", "function": h.bytecode()}}
    old_style = {
        "class_name": "Lambda",
        "config": {"name": "l", "function_type": "lambda", "function": ["4wEA", None, None]},
    }
    for entry in (lambda_layer, old_style, {"class_name": "system", "config": {}, "module": "os"}):
        config = {"class_name": "Sequential", "config": {"name": "s", "layers": [entry]}}
        refuse(ModelFileError, h.legacy_file(path, config))
    config = {"class_name": "Sequential", "config": {"name": "s", "layers": [h.input_layer(4), h.dense()]}}
    h.legacy_file(
        path, config, training={"loss": h.bytecode(), "optimizer_config": {"class_name": "SGD", "config": {}}}
    )
    refuse(UnsafeContent, path)


# --- size -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("units", [10**9, 10**15, 10**18, 10**30])
def test_a_config_bomb_allocates_nothing(path, units):
    error = refuse(ResourceLimit, h.keras_file(path, h.sequential(h.input_layer(4), h.dense(units))))
    assert "dense" in str(error) and "safe_mode=False" in str(error)


@pytest.mark.parametrize(
    "entry",
    [
        h.layer("Embedding", name="e", input_dim=10**9, output_dim=100, build=[None, 4]),
        h.layer("BatchNormalization", name="b", build=[None, 10**10]),
        h.layer("LSTM", name="r", units=10**6, build=[None, 4, 4]),
    ],
)
def test_other_config_bombs(path, entry):
    refuse(ModelFileError, h.keras_file(path, h.sequential(h.input_layer(4, 4), entry)))


def test_many_middling_layers_are_a_bomb_too(path):
    layers = [h.dense(4_000_000, name=f"dense_{i}") for i in range(3)]
    refuse(ResourceLimit, h.keras_file(path, h.sequential(h.input_layer(4), *layers)))


@pytest.mark.parametrize(
    "name, config",
    [
        ("AUC", {"num_thresholds": 10**10}),
        ("SensitivityAtSpecificity", {"specificity": 0.5, "num_thresholds": 10**10}),
        ("MeanIoU", {"num_classes": 10**6}),
        ("F1Score", {"average": "macro", "threshold": [0.5] * 10**6}),
    ],
)
def test_bombs_in_the_compile_config(path, name, config):
    metric = h.layer(name, "keras.metrics", **config)
    compiled = {"optimizer": "sgd", "loss": "mse", "metrics": [metric]}
    config = h.sequential(h.input_layer(4), h.dense(), compile_config=compiled)
    refuse(ModelFileError, h.keras_file(path, config))


@pytest.mark.parametrize(
    "class_name, config", [("Tile", {"repeats": 10**12}), ("Repeat", {"repeats": 10**12, "axis": 0})]
)
def test_an_op_without_symbolic_input_is_not_run(path, class_name, config):
    entry = h.op(class_name, h.node(1.0), name="op", **config)
    refuse(ModelFileError, h.keras_file(path, h.functional(entry, outputs="op")))


@pytest.mark.parametrize(
    "class_name", ["Arange", "Full", "Linspace", "Eye", "WhileLoop", "Map", "VectorizedMap", "Scan"]
)
def test_ops_that_make_or_call_are_not_on_the_list(path, class_name):
    entry = h.op(class_name, h.node(h.tensor("x"), 10**12), name="op")
    refuse(UnknownObject, h.keras_file(path, h.functional(entry, outputs="op")))


def test_a_huge_one_hot_stays_symbolic(path):
    entry = h.op("OneHot", h.node(h.tensor("x")), module="keras.src.ops.nn", name="op", num_classes=10**13)
    h.keras_file(path, h.functional(entry, outputs="op"), h.weights(lambda f: None))
    try:
        assert saving.load_model(path).output_shape == (None, 4, 10**13)
    except ModelFileError:
        pass


def test_deep_and_long_json(path):
    refuse(ResourceLimit, h.keras_file(path, '{"a":' * 300 + "1" + "}" * 300))
    refuse(ResourceLimit, h.keras_file(path, "[" * 200_000 + "]" * 200_000))
    refuse(ResourceLimit, h.keras_file(path, " " * (65 << 20), compression=zipfile.ZIP_DEFLATED))


def test_nested_models_as_deep_as_json_allows(path):
    config = h.dense()
    for _ in range(60):
        config = h.sequential(h.input_layer(4), config)
    with pytest.raises(ModelFileError):
        saving.load_model(h.keras_file(path, config))


def test_shape_bombs_in_the_weights(path):
    def bomb(file):
        file.create_dataset("layers/dense/vars/0", shape=(10**6, 10**6, 10**6), chunks=(64, 64, 1), dtype="f4")
        file["layers/dense/vars/1"] = np.zeros(3, "f4")

    error = refuse(WeightsMismatch, h.keras_file(path, h.sequential(h.input_layer(4), h.dense()), h.weights(bomb)))
    assert error.where == "layers/dense/vars" and error.member == "model.weights.h5"

    class Own(triceras.layers.Dense):
        def load_own_variables(self, store):
            self.kernel.assign(store["0"])

    model = triceras.Sequential([triceras.Input((4,)), Own(3, name="dense")])
    (path.parent / "w.weights.h5").write_bytes(
        h.weights(lambda file: bomb(file) or file.move("layers/dense", "layers/own"))
    )
    with pytest.raises(ResourceLimit, match="claims more than is stored"):
        model.load_weights(path.parent / "w.weights.h5", skip_mismatch=True)


def test_compressed_weights_may_not_explode(path):
    def zeros(file):
        file["layers/dense/vars/0"] = np.zeros((4, 6_000_000), "f4")
        file["layers/dense/vars/1"] = np.zeros(6_000_000, "f4")

    config = h.sequential(h.input_layer(4), h.dense(6_000_000))
    refuse(ResourceLimit, h.keras_file(path, config, h.weights(zeros), compression=zipfile.ZIP_DEFLATED))


# --- other files ------------------------------------------------------------------------------------------------------


def external_storage(file):
    file.create_dataset("layers/dense/vars/0", shape=(4, 3), dtype="f4", external=[("/etc/passwd", 0, 48)])
    file["layers/dense/vars/1"] = np.zeros(3, "f4")


def external_link(file):
    file["layers/dense/vars/0"] = h5py.ExternalLink("/etc/other.h5", "/x")
    file["layers/dense/vars/1"] = np.zeros(3, "f4")


def linked_group(file):
    file["layers"] = h5py.ExternalLink("/etc/other.h5", "/layers")


def soft_link(file):
    file["real"] = np.zeros((4, 3), "f4")
    file["layers/dense/vars/0"], file["layers/dense/vars/1"] = h5py.SoftLink("/real"), np.zeros(3, "f4")


def virtual(file):
    layout = h5py.VirtualLayout(shape=(4, 3), dtype="f4")
    layout[:] = h5py.VirtualSource("/etc/other.h5", "x", shape=(4, 3))
    file.create_virtual_dataset("layers/dense/vars/0", layout)
    file["layers/dense/vars/1"] = np.zeros(3, "f4")


@pytest.mark.parametrize("write", [external_storage, external_link, linked_group, soft_link, virtual])
def test_weights_come_from_the_file_itself(path, tmp_path, write):
    config = h.sequential(h.input_layer(4), h.dense())
    error = refuse(UnsafeContent, h.keras_file(path, config, h.weights(write)))
    assert error.where and error.member == "model.weights.h5"
    model = triceras.Sequential([triceras.Input((4,)), triceras.layers.Dense(3)])
    before = model.get_weights()
    plain = tmp_path / "w.weights.h5"
    plain.write_bytes(h.weights(write))
    for file in (plain, path):
        with pytest.raises(UnsafeContent):
            model.load_weights(file)
        with pytest.raises(UnsafeContent):
            model.load_weights(file, skip_mismatch=True)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_legacy_weights_come_from_the_file_itself(tmp_path):
    config = {"class_name": "Sequential", "config": {"name": "s", "layers": [h.input_layer(4), h.dense()]}}

    def link(group):
        group["dense/kernel"], group["dense/bias"] = h5py.ExternalLink("/etc/other.h5", "/x"), np.zeros(3, "f4")

    def bomb(group):
        group.create_dataset("dense/kernel", shape=(10**6, 10**6), chunks=(10, 10), dtype="f4")
        group["dense/bias"] = np.zeros(3, "f4")

    refuse(UnsafeContent, h.legacy_file(tmp_path / "a.h5", config, link))
    refuse(WeightsMismatch, h.legacy_file(tmp_path / "b.h5", config, bomb))


@pytest.mark.parametrize("name", ["../../pwned", "/tmp/pwned", "..", "a\\b", "a/b", "a\0b", "x" * 100_000])
def test_names_never_become_paths(path, name):
    h.keras_file(path, h.sequential(h.input_layer(4), h.dense(name=name)))
    try:
        model = saving.load_model(path)  # a name without a slash is only a name
    except ModelFileError:
        return
    model.save("saved.keras")
    assert os.listdir() == ["saved.keras"]
    os.remove("saved.keras")


def test_members_with_paths_are_not_unpacked(path):
    more = {"../pwned": b"x", "/tmp/pwned2": b"x", "assets/../../pwned": b"x"}
    saving.load_model(h.keras_file(path, h.sequential(h.input_layer(4), h.dense()), **more))
    assert not os.path.exists("../pwned") and not os.path.exists("/tmp/pwned2")


def test_sharded_weights_name_only_their_neighbours(tmp_path):
    model = triceras.Sequential([triceras.Input((4,)), triceras.layers.Dense(3)])
    index = tmp_path / "w.weights.json"
    for name in ("../secret.weights.h5", "/etc/secret.weights.h5", "a\\b.weights.h5", "secret.txt"):
        index.write_text(json.dumps({"weight_map": {"/layers/dense/vars": [name]}}))
        with pytest.raises(UnsafeContent):
            model.load_weights(index)
    for text in ("[]", '{"weight_map": []}', '{"weight_map": {"/layers/dense/vars": [1]}}', "{", '"x"'):
        index.write_text(text)
        with pytest.raises(ModelFileError):
            model.load_weights(index)


# --- damage -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", [0.05, 0.4, 0.7, 0.999])
def test_truncated_files(path, part):
    h.keras_file(path, h.sequential(h.input_layer(4), h.dense()))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    refuse(CorruptFile, path)


def test_other_kinds_of_files(path, tmp_path):
    refuse(NotAModelFile, tmp_path / "missing.keras")
    for data in (b"", b"import os", b"\x80\x04\x95", h.weights()):
        path.write_bytes(data)
        refuse(NotAModelFile, path)
    for name in ("model.pt", "model.pkl", "model", "model.yaml", "model.npz"):
        (tmp_path / name).write_bytes(b"data")
        assert "File format not supported" in str(refuse(NotAModelFile, tmp_path / name))
    (tmp_path / "m.h5").write_bytes(b"not hdf5")
    refuse(NotAModelFile, tmp_path / "m.h5")
    (tmp_path / "w.h5").write_bytes(h.weights())
    refuse(NotAModelFile, tmp_path / "w.h5")
    (tmp_path / "folder").mkdir()
    refuse(ModelFileError, tmp_path / "folder")


BROKEN = [
    "",
    "not json",
    "[]",
    "3",
    "null",
    "{}",
    '{"class_name": "Sequential"}',
    '{"module": "keras", "class_name": "Sequential", "config": 3}',
    '{"module": "keras", "class_name": "Sequential", "config": {"layers": 3}}',
    '{"module": "keras", "class_name": "Sequential", "config": {"layers": [3]}}',
    '{"module": "keras", "class_name": ["Sequential"], "config": {}}',
    '{"module": "keras.layers", "class_name": "Dense", "config": {"units": 3}}',
    '{"module": "keras.layers", "class_name": "Dense", "config": {"units": -3}}',
    '{"module": "keras.layers", "class_name": "Dense", "config": {"nope": 3}}',
    '{"module": "keras", "class_name": "Functional", "config": {"input_layers": {}, "output_layers": []}}',
    '{"module": "keras", "class_name": "Functional", "config": {"layers": [], "input_layers": [["x", 0, 0]]}}',
    '{"module": "keras.src.ops.numpy", "class_name": "Add", "config": {"name": "add"}}',
    '{"class_name": "__numpy__", "config": {"value": [1], "dtype": "nope"}}',
    '{"class_name": "__tensor__", "config": 3}',
    '{"class_name": "function", "config": "relu"}',
    "\ud800".encode("utf-8", "surrogatepass").decode("latin1"),
]


@pytest.mark.parametrize("text", BROKEN)
def test_broken_configs(path, text):
    refuse(ModelFileError, h.keras_file(path, text))


def test_a_config_error_says_where(path):
    bad = h.dense(activation=h.function("nope"))
    error = refuse(
        ModelFileError, h.keras_file(path, h.sequential(h.input_layer(4), h.sequential(h.input_layer(4), bad)))
    )
    assert error.where == "$.config.layers[1].config.layers[1].config.activation"
    assert error.member == "config.json" and "nope" in str(error) and error.hint


def test_a_cycle_in_the_graph(path):
    a = h.dense(name="a") | {"name": "a", "inbound_nodes": [h.node(h.tensor("b"))]}
    b = h.dense(name="b") | {"name": "b", "inbound_nodes": [h.node(h.tensor("a"))]}
    refuse(ConfigInvalid, h.keras_file(path, h.functional(a, b, outputs="b")))


def test_weights_that_do_not_fit(path, tmp_path):
    config = h.sequential(h.input_layer(4), h.dense(5))
    error = refuse(WeightsMismatch, h.keras_file(path, config))
    assert "A total of 1 objects could not be loaded" in str(error) and "(4, 5)" in str(error)
    error = refuse(WeightsMismatch, h.keras_file(path, config, h.weights(lambda f: f.create_group("vars"))))
    assert "Layer 'dense' expected 2 variables, but received 0 variables" in str(error)
    refuse(CorruptFile, h.keras_file(path, config, b""[:0] or b"\x89HDF\r\n\x1a\nrest"))


def test_a_member_is_missing(path):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("config.json", "{}")
    assert "model.weights.h5" in str(refuse(CorruptFile, path))


JUNK = [
    None,
    True,
    -1,
    10**12,
    float("nan"),
    "",
    "relu",
    "../x",
    [],
    {},
    [None, 4],
    h.function("tile"),
    h.tensor("x"),
    h.bytecode(),
]


def places(value):
    """Every (container, key) in a config."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in list(items):
        yield value, key
        yield from places(child)


@pytest.mark.slow
def test_random_changes_of_a_config_give_a_model_file_error(path):
    """Or a model, and never another error."""
    random = np.random.default_rng(0)
    x = triceras.Input((4,), name="x")
    y = triceras.ops.concatenate([triceras.layers.Dense(3, name="dense")(x), x[:, 1:] * 2.0], axis=-1)
    model = triceras.Model(x, triceras.Sequential([triceras.layers.BatchNormalization(), triceras.layers.Dense(2)])(y))
    model.compile("adam", "mse", metrics=[triceras.metrics.AUC(name="auc")])
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        config, stored = archive.read("config.json"), archive.read("model.weights.h5")
    for _ in range(150):
        changed = json.loads(config)
        found = list(places(changed))
        container, key = found[random.integers(len(found))]
        container[key] = JUNK[random.integers(len(JUNK))]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                saving.load_model(h.keras_file(path, changed, stored))
            except ModelFileError as error:
                assert str(error)


@pytest.mark.slow
def test_random_damage_is_always_a_model_file_error(path):
    """Flipped bytes give a `ModelFileError` or a model, never another error."""
    random = np.random.default_rng(0)
    data = h.keras_file(
        path, h.sequential(h.input_layer(4), h.dense(), compile_config={"optimizer": "sgd", "loss": "mse"})
    ).read_bytes()
    h5 = h.weights()
    for i in range(150):
        damaged = bytearray(h5 if i % 2 else data)
        for place in random.integers(0, len(damaged), 4):
            damaged[place] = random.integers(256)
        if i % 2:
            h.keras_file(path, h.sequential(h.input_layer(4), h.dense()), bytes(damaged))
        else:
            path.write_bytes(damaged)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                saving.load_model(path)
            except ModelFileError as error:
                assert str(error)


@pytest.mark.parametrize(
    "config",
    [
        {},
        [],
        3,
        {"class_name": "Sequential"},
        {"class_name": "Sequential", "config": {"layers": 3}},
        {"class_name": "Sequential", "config": {"layers": [3]}},
        {
            "class_name": "Functional",
            "config": {"layers": [{"class_name": "Dense", "config": {}, "inbound_nodes": [3]}]},
        },
        {
            "class_name": "Functional",
            "config": {"layers": [{"class_name": "Dense", "config": {}, "inbound_nodes": [[[]]]}]},
        },
        {"class_name": ["Sequential"], "config": {"layers": []}},
        {"class_name": "Dense", "config": {"units": 10**15}},
    ],
)
def test_broken_old_configs(tmp_path, config):
    refuse(ModelFileError, h.legacy_file(tmp_path / "old.h5", config))
