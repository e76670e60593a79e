"""Zip files and folders: damage, bombs, links; and writes that fail."""

import io
import os
import zipfile

import pytest

from triceras.saving import archive
from triceras.saving.errors import CorruptFile, MissingFile, NotAModelFile, ResourceLimit, UnsafeContent

BIG = b"\0" * (1 << 22)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.keras"


def zipped(path, parts, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, data in parts.items():
            file.writestr(name, data)


def test_parts_are_read(path):
    zipped(path, {"config.json": b"{}", archive.WEIGHTS: b"0123456789"})
    with archive.reading(path) as parts:
        assert parts.read("config.json", 100) == b"{}" and "nothing" not in parts
        with parts.open(archive.WEIGHTS, 100) as stream:
            stream.seek(-3, io.SEEK_END)
            assert stream.read() == b"789"
            stream.seek(2)
            assert stream.read(3) == b"234" and stream.tell() == 5


def test_missing_and_other_kinds(path, tmp_path):
    with pytest.raises(MissingFile, match="File not found: filepath=.*model.keras") as info, archive.reading(path):
        pass
    assert isinstance(info.value, FileNotFoundError) and isinstance(info.value, ValueError)
    for data in (b"", b"hello", b"\x89HDF\r\n\x1a\n" + b"0" * 100):
        path.write_bytes(data)
        with pytest.raises(NotAModelFile, match="not a `.keras` zip file"), archive.reading(path):
            pass


@pytest.mark.parametrize("part", [0.3, 0.8, 0.99])
def test_truncated(path, part):
    zipped(path, {"config.json": os.urandom(3000)})
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    with pytest.raises(CorruptFile, match="truncated or damaged"), archive.reading(path):
        pass


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_flipped_byte_is_noticed(path, compression):
    zipped(path, {"config.json": os.urandom(3000)}, compression)
    data = bytearray(path.read_bytes())
    data[1500] ^= 1
    path.write_bytes(data)
    for way in (
        lambda parts: parts.read("config.json", 10_000),
        lambda parts: parts.open("config.json", 10_000).__enter__(),
    ):
        with pytest.raises(CorruptFile, match="damaged"), archive.reading(path) as parts:
            way(parts)


def test_zip_bombs_stop_at_the_cap(path):
    zipped(path, {"config.json": BIG}, zipfile.ZIP_DEFLATED)
    with archive.reading(path) as parts:
        with pytest.raises(ResourceLimit, match="unpacks to more"):
            parts.read("config.json", 1 << 20)
        with pytest.raises(ResourceLimit), parts.open("config.json", 1 << 20):
            pass


def test_a_member_that_lies_about_its_size(path):
    zipped(path, {"config.json": BIG}, zipfile.ZIP_DEFLATED)
    data = path.read_bytes().replace(len(BIG).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    path.write_bytes(data)
    with pytest.raises(CorruptFile), archive.reading(path) as parts:
        parts.read("config.json", 1 << 30)


def test_too_many_members_and_long_names(path):
    zipped(path, {f"{i}": b"" for i in range(10_001)})
    with pytest.raises(ResourceLimit, match="too many members"), archive.reading(path):
        pass
    zipped(path, {"x" * 5000: b""})
    with pytest.raises(ResourceLimit, match="too long"), archive.reading(path):
        pass


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_one_name_twice(path):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("config.json", b"{}")
        file.writestr("config.json", b"[]")
    with pytest.raises(CorruptFile, match="one name"), archive.reading(path):
        pass


def test_a_folder_may_not_hold_links(tmp_path):
    (tmp_path / "secret").write_bytes(b"secret")
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").symlink_to(tmp_path / "secret")
    with pytest.raises(UnsafeContent, match="link"), archive.reading(folder) as parts:
        parts.read("config.json", 100)


def test_a_failed_write_leaves_the_old_file(path):
    path.write_bytes(b"old")

    def write(temporary):
        temporary.write_bytes(b"half")
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError):
        archive.replace_file(path, write)
    assert path.read_bytes() == b"old" and os.listdir(path.parent) == [path.name]


def test_a_failed_folder_leaves_the_old_folder(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_bytes(b"old")

    def write(temporary):
        (temporary / "config.json").write_bytes(b"half")
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError):
        archive.replace_folder(folder, write)
    assert (folder / "config.json").read_bytes() == b"old" and os.listdir(tmp_path) == ["model"]
    archive.replace_folder(folder, lambda new: (new / "config.json").write_bytes(b"new") and None)
    assert (folder / "config.json").read_bytes() == b"new" and os.listdir(tmp_path) == ["model"]


def test_a_folder_of_something_else_is_never_replaced(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(FileExistsError, match="isn't a saved model"):
        archive.replace_folder(tmp_path, lambda new: None)
    assert (tmp_path / "thesis.txt").exists()


def test_the_written_file_has_the_usual_permissions(path, tmp_path):
    archive.replace_file(path, lambda temporary: temporary.write_bytes(b"x") and None)
    (tmp_path / "usual").write_bytes(b"x")
    assert path.stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="the folder .* doesn't exist"):
        archive.replace_file(tmp_path / "no" / "m.keras", lambda temporary: None)
