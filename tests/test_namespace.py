"""The root namespace: every name is there, and editors know it."""

import ast
import pathlib

import triceras


def test_every_name_resolves():
    for name in triceras.__all__:
        assert getattr(triceras, name) is not None, name


def test_editors_see_the_same_names():
    stub = pathlib.Path(triceras.__file__).with_suffix(".pyi").read_text()
    names = {alias.asname for node in ast.parse(stub).body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert names == set(triceras.__all__)


def test_an_unknown_name_is_an_attribute_error():
    try:
        triceras.nope  # noqa: B018
    except AttributeError as error:
        assert "nope" in str(error)
    else:
        raise AssertionError("no AttributeError")
