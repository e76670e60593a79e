"""Automatic names and name scopes."""

import threading

import pytest

import triceras as keras
from tests.oracle import run_keras
from triceras.core import naming

CLASS_NAMES = [
    "Dense", "BatchNormalization", "Conv2D", "Conv2DTranspose", "GlobalAveragePooling1D", "LSTM", "GRUCell", "MyLayer2",
    "HTTPServer", "already_snake", "Layer", "_Private", "__Hidden", "ABC", "A", "camelCase", "UpSampling3D", "Ünicode", "Re LU",
]  # fmt: skip


@pytest.fixture(scope="module")
def of_keras():
    code = (
        "keras.utils.clear_session()\n"
        "result = {n: type(n, (keras.layers.Layer,), {})().name for n in names if n.isidentifier()}\n"
        "result['uid'] = [keras.backend.get_uid(p) for p in ('x', 'x', 'y')]"
    )
    return run_keras(code, names=CLASS_NAMES)


@pytest.mark.oracle
def test_names_of_classes(of_keras):
    keras.backend.clear_session()
    with keras.use_backend("numpy"):
        names = {n: type(n, (keras.Layer,), {})().name for n in CLASS_NAMES if n.isidentifier()}
    assert names == {n: of_keras[n] for n in names}
    assert [keras.backend.get_uid(p) for p in ("x", "x", "y")] == of_keras["uid"]


def test_counts_run_until_the_session_is_cleared():
    keras.backend.clear_session()
    with keras.use_backend("numpy"):
        assert [keras.layers.Dense(1).name for _ in range(3)] == ["dense", "dense_1", "dense_2"]
        assert keras.layers.Dropout(0.1).name == "dropout"
        assert keras.layers.Dense(1, name="mine").name == "mine"
        assert keras.layers.Dense(1).name == "dense_3"
        keras.utils.clear_session()
        assert keras.layers.Dense(1).name == "dense"


def test_no_name_twice_from_threads():
    keras.backend.clear_session()
    names = []
    threads = [
        threading.Thread(target=lambda: names.extend(naming.auto_name("t") for _ in range(200))) for _ in range(4)
    ]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(set(names)) == 800


def test_scopes_nest_and_end():
    with keras.name_scope("a") as scope:
        with keras.name_scope("b"):
            assert naming.current_path() == "a/b"
        assert naming.current_path() == "a" and scope.name == "a"
        with pytest.raises(KeyError), keras.name_scope("c"):
            raise KeyError
        assert naming.current_path() == "a"
    assert naming.current_path() == ""
