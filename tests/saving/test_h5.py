"""The HDF5 reader against damaged and hostile files."""

import io

import h5py
import ml_dtypes
import numpy as np
import pytest

from triceras.saving import h5
from triceras.saving.errors import CorruptFile, NotAModelFile, ResourceLimit, UnsafeContent


def opened(tmp_path, write):
    """The root group of a file that `write` fills."""
    path = tmp_path / "file.h5"
    with h5py.File(path, "w") as file:
        write(file)
    return h5.reading(io.BytesIO(path.read_bytes()))


def test_reads_what_it_writes(tmp_path):
    arrays = [
        np.arange(6.0).reshape(2, 3),
        np.int32(3),
        np.ones(3, ml_dtypes.bfloat16),
        np.ones((2, 2), ml_dtypes.float8_e5m2),
    ]

    def write(file):
        for i, array in enumerate(arrays):
            h5.write_array(file.require_group("layers/dense/vars"), str(i), array)

    with opened(tmp_path, write) as root:
        store = h5.Store([root.find("layers/dense/vars")])
        assert list(store) == ["0", "1", "2", "3"] and len(store) == 4
        for i, array in enumerate(arrays):
            assert store[str(i)].dtype == np.asarray(array).dtype
            np.testing.assert_array_equal(store[str(i)], array)
        with pytest.raises(KeyError):
            store["4"]
        assert root.find("layers/nothing/vars") is None


def test_bfloat16_is_written_as_keras_writes_it(tmp_path):
    with h5.writing(tmp_path / "f.h5") as file:
        h5.write_array(file, "0", np.ones((2, 3), ml_dtypes.bfloat16))
        assert file["0"].dtype == "V2" and file["0"].attrs["dtype"] == "bfloat16" and file["0"].shape == (2, 3)


def test_a_shape_bomb_is_refused_before_it_is_read(tmp_path):
    def write(file):
        file.create_dataset("0", shape=(10**6, 10**6, 10**6), chunks=(100, 100, 1), dtype="f4", fillvalue=1.0)

    with opened(tmp_path, write) as root, pytest.raises(ResourceLimit, match="claims more than is stored"):
        h5.Store([root], {(4, 3)})["0"]


def test_a_compressed_data_set_of_the_expected_shape_is_read(tmp_path):
    def write(file):
        file.create_dataset("0", data=np.zeros((1000, 1000), "f4"), compression="gzip")

    with opened(tmp_path, write) as root:
        assert h5.Store([root], {(1000, 1000)})["0"].shape == (1000, 1000)
        with pytest.raises(ResourceLimit):
            h5.Store([root], {(1000,)})["0"]


def external_storage(file):
    file.create_dataset("0", shape=(4,), dtype="u1", external=[("/etc/passwd", 0, 4)])


def external_link(file):
    file["0"] = h5py.ExternalLink("/etc/hosts.h5", "/x")


def soft_link(file):
    file["real"] = np.ones(3)
    file["0"] = h5py.SoftLink("/real")


def virtual(file):
    layout = h5py.VirtualLayout(shape=(3,), dtype="f4")
    layout[:] = h5py.VirtualSource("other.h5", "x", shape=(3,))
    file.create_virtual_dataset("0", layout)


@pytest.mark.parametrize("write", [external_storage, external_link, soft_link, virtual])
def test_data_from_elsewhere_is_refused(tmp_path, write):
    with opened(tmp_path, write) as root, pytest.raises(UnsafeContent) as info:
        root.dataset("0")
    assert info.value.where == "0" and info.value.hint


def test_a_link_at_group_level_is_refused(tmp_path):
    def write(file):
        file["layers"] = h5py.ExternalLink("other.h5", "/layers")

    with opened(tmp_path, write) as root, pytest.raises(UnsafeContent):
        root.find("layers/dense/vars")


def test_text_and_objects_are_refused_as_weights(tmp_path):
    def write(file):
        file["0"] = "text"
        file["1"] = np.zeros(2, [("a", "f4"), ("b", "i4")])
        file["2"] = h5py.Empty("f4")
        file.create_group("3")

    with opened(tmp_path, write) as root:
        for name in "0123":
            with pytest.raises(CorruptFile):
                h5.Store([root])[name]


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04rest", b"hello world"])
def test_another_kind_of_file(data):
    with pytest.raises(NotAModelFile, match="not an HDF5 file"), h5.reading(io.BytesIO(data)):
        pass


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_truncated(tmp_path, part):
    path = tmp_path / "file.h5"
    with h5py.File(path, "w") as file:
        file["0"] = np.random.default_rng(0).random(1000)
    data = path.read_bytes()
    with pytest.raises(CorruptFile), h5.reading(io.BytesIO(data[: int(len(data) * part)])) as root:
        root.dataset("0").read()


def test_names_are_looked_up_literally(tmp_path):
    with opened(tmp_path, lambda file: file.create_group("a")) as root:
        for name in ("..", ".", "a/.."):
            with pytest.raises(CorruptFile):
                root._member(name)
