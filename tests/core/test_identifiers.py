"""Names, configs, classes and instances, through one door."""

import pytest

from triceras import saving
from triceras.core.identifiers import resolve


class Base:
    pass


class One(Base):
    pass


def function(x):
    return x


TABLE = {"one": One, "function": function, "adam": One, "adamw": One, "adamax": One}


def test_names_classes_instances_and_functions():
    assert isinstance(resolve("one", "thing", TABLE, Base), One)
    assert isinstance(resolve(One, "thing", TABLE, Base), One)
    assert resolve("function", "thing", TABLE) is function and resolve(function, "thing", TABLE) is function
    one = One()
    assert resolve(one, "thing", TABLE, Base) is one
    assert resolve(None, "thing", TABLE) is None


def test_custom_objects_come_first():
    with saving.custom_object_scope({"one": function, "mine": One}):
        assert resolve("one", "thing", TABLE) is function
        assert isinstance(resolve("mine", "thing", TABLE, Base), One)


def test_configs():
    import triceras

    data = saving.serialize_keras_object(triceras.regularizers.L2(0.5))
    assert resolve(data, "regularizer", {}).l2 == 0.5
    bare = {"class_name": "L2", "config": {"l2": 0.5}}
    assert resolve(bare, "regularizer", {"L2": triceras.regularizers.L2}).l2 == 0.5


def test_errors_name_what_is_near():
    with pytest.raises(ValueError, match=r"^Could not interpret optimizer identifier: adma\. Nearest: adam"):
        resolve("adma", "optimizer", TABLE)
    with pytest.raises(ValueError, match=r"Could not interpret thing identifier: zzz\. Known: adam, "):
        resolve("zzz", "thing", TABLE)
    with pytest.raises(ValueError, match="Could not interpret thing identifier: 3. Received an object of type int"):
        resolve(3, "thing", TABLE)
    with pytest.raises(ValueError, match="type function"):
        resolve(function, "thing", TABLE, Base)
