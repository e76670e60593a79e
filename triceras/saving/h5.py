"""HDF5 files, read by one fail-closed reader and written plainly.

Only hard links, plain numeric data sets stored in the file itself, and known filters are read; a data set is read only
where its shape is one that was asked for, or its bytes are really in the file.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from triceras.core import dtypes
from triceras.saving import limits
from triceras.saving.errors import CorruptFile, ModelFileError, NotAModelFile, ResourceLimit, UnsafeContent

SIGNATURE = b"\x89HDF\r\n\x1a\n"
FILTERS = (1, 2, 3, 4, 32000)  # gzip, shuffle, checksum, szip, lzf: built into HDF5 and h5py; no plug-in is ever loaded
SMALL = 1 << 16
EXTRA_DTYPES = ("bfloat16", "float8_e4m3fn", "float8_e5m2")


@contextlib.contextmanager
def guarded(where: str = "") -> Iterator[None]:
    """Turn what h5py raises on damaged files into `CorruptFile`."""
    try:
        yield
    except ModelFileError as error:
        raise error.locate(where=where or None) from error.__cause__
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError, EOFError, AttributeError) as error:
        raise CorruptFile(
            "The HDF5 data is damaged.", where=where or None, got=f"{type(error).__name__}: {error}"
        ) from error


@contextlib.contextmanager
def reading(stream: BinaryIO) -> Iterator[Group]:
    """The root group of an HDF5 file.

    Args:
        stream: the file, seekable.
    """
    import h5py

    stream.seek(0)
    start = stream.read(8)
    if start != SIGNATURE:
        got = "an empty file" if not start else "a zip file" if start[:2] == b"PK" else f"bytes {start!r}"
        raise NotAModelFile("This is not an HDF5 file.", expected="an HDF5 signature", got=got)
    stream.seek(0)
    with guarded():
        file = h5py.File(stream, "r")
    try:
        yield Group(file, "")
    finally:
        file.close()


class Group:
    """A group of an HDF5 file, seen through the checks.

    Args:
        native: the `h5py.Group`.
        path: its path in the file, for messages.
    """

    def __init__(self, native: Any, path: str):
        self.native, self.path = native, path

    def _join(self, name: str) -> str:
        return f"{self.path}/{name}" if self.path else name

    def names(self) -> list[str]:
        """The names in the group."""
        with guarded(self.path):
            if len(self.native) > limits.LINKS:
                raise ResourceLimit("The group has too many members.", expected=limits.LINKS, got=len(self.native))
            return list(self.native)

    def __contains__(self, name: str) -> bool:
        with guarded(self._join(name)):
            return name in self.native

    def _member(self, name: str) -> Any:
        import h5py

        where = self._join(name)
        limits.check_name(name, "an HDF5 object")
        with guarded(where):
            if "/" in name or name in ("", ".", ".."):
                raise CorruptFile("Not the name of an HDF5 object.", got=repr(name))
            link = self.native.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink):
                raise UnsafeContent(
                    "The file holds a link to elsewhere.",
                    expected="data in the file itself",
                    got=type(link).__name__,
                    hint="Don't use this file: Keras never writes links.",
                )
            return self.native[name]

    def group(self, name: str) -> Group | None:
        """The group of a name, or None."""
        import h5py

        if name not in self:
            return None
        member = self._member(name)
        if not isinstance(member, h5py.Group):
            raise CorruptFile("Expected a group.", where=self._join(name), got=type(member).__name__)
        return Group(member, self._join(name))

    def find(self, path: str) -> Group | None:
        """The group at a path below this one, every step checked; None where there is none."""
        found: Group | None = self
        for name in path.split("/") if path else ():
            found = found.group(name) if found is not None else None
        return found

    def dataset(self, name: str) -> Dataset:
        """The data set of a name.

        Raises:
            CorruptFile, UnsafeContent: there is none, or it isn't plain numbers stored in the file.
        """
        import h5py

        if name not in self:
            raise CorruptFile("The data set is missing.", where=self._join(name))
        member = self._member(name)
        if not isinstance(member, h5py.Dataset):
            raise CorruptFile("Expected a data set.", where=self._join(name), got=type(member).__name__)
        with guarded(self._join(name)):
            _check_storage(member)
        return Dataset(member, self._join(name))

    def text(self, name: str, cap: int = limits.CONFIG_BYTES) -> str | None:
        """A text attribute, or None."""
        value = self._attribute(name, cap)
        if value is None:
            return None
        if isinstance(value, bytes):
            return value.decode("utf-8")
        if not isinstance(value, str):
            raise CorruptFile(f"Attribute {name} isn't text.", where=self.path or "/", got=type(value).__name__)
        return value

    def texts(self, name: str) -> list[str]:
        """A list of names kept in an attribute, or in `name0`, `name1`… where one was too short; empty if none."""
        value, found = self._attribute(name, limits.CONFIG_BYTES), []
        for part in [value] if value is not None else self._numbered(name):
            found += [t.decode("utf-8") if isinstance(t, bytes) else str(t) for t in np.asarray(part).ravel().tolist()]
        return found

    def _numbered(self, name: str) -> Iterator[Any]:
        for i in range(limits.MEMBERS):
            value = self._attribute(f"{name}{i}", limits.CONFIG_BYTES)
            if value is None:
                return
            yield value

    def _attribute(self, name: str, cap: int) -> Any:
        with guarded(f"{self.path}@{name}"):
            if name not in self.native.attrs:
                return None
            attribute = self.native.attrs.get_id(name)
            if math.prod(attribute.shape) * attribute.dtype.itemsize > cap:
                raise ResourceLimit("The attribute is too long.", expected=f"at most {cap:,} bytes")
            value = self.native.attrs[name]
            if isinstance(value, (str, bytes)) and len(value) > cap:
                raise ResourceLimit("The attribute is too long.", expected=f"at most {cap:,} bytes", got=len(value))
            return value


def _check_storage(dataset: Any) -> None:
    """Refuse data that lies outside the file, or needs code to be read."""
    properties = dataset.id.get_create_plist()
    if properties.get_external_count() or dataset.external:
        raise UnsafeContent(
            "The data set is stored in another file.", got="external storage", hint="Don't use this file."
        )
    if dataset.is_virtual:
        raise UnsafeContent(
            "The data set is a view of other files.", got="a virtual data set", hint="Don't use this file."
        )
    for i in range(properties.get_nfilters()):
        number = properties.get_filter(i)[0]
        if number not in FILTERS:
            raise UnsafeContent(
                "The data set needs a plug-in filter.", expected="gzip, lzf, szip or none", got=f"filter {number}"
            )
    if dataset.dtype.kind not in "biufc" and not (dataset.dtype.kind == "V" and dataset.dtype.names is None):
        raise CorruptFile("The data set doesn't hold plain numbers.", got=str(dataset.dtype))


class Dataset:
    """A data set that passed the checks; `read` brings its values."""

    def __init__(self, native: Any, path: str):
        self.native, self.path = native, path
        with guarded(path):
            self.shape = tuple(native.shape) if native.shape is not None else None
            self.stored = native.id.get_storage_size()
            self.dtype = native.dtype

    @property
    def nbytes(self) -> int:
        """Bytes of all values in memory."""
        size = self.dtype.itemsize
        for d in self.shape or ():
            size *= int(d)
        return size

    def read(self, shapes: Collection[tuple[int, ...]] = ()) -> np.ndarray:
        """The values.

        Args:
            shapes: shapes of the variables that they may be for; another is read only if its bytes are in the file.

        Raises:
            ResourceLimit: the data set claims a size that neither the variables nor the file account for.
        """
        if self.shape is None:
            raise CorruptFile("The data set is empty.", where=self.path)
        if self.shape not in shapes and self.nbytes > 2 * self.stored + SMALL:
            raise ResourceLimit(
                "The data set claims more than is stored.",
                where=self.path,
                expected=f"one of the shapes {sorted(shapes)}"
                if shapes
                else f"at most {2 * self.stored + SMALL:,} bytes",
                got=f"shape {self.shape}, {self.nbytes:,} bytes, of which {self.stored:,} are in the file",
            )
        with guarded(self.path):
            array = self.native[()]
            array = np.asarray(array)
            return _extra_dtype(array, self.native) if array.dtype.kind == "V" else array


def _extra_dtype(array: np.ndarray, dataset: Any) -> np.ndarray:
    """Bytes that Keras wrote with the name of their dtype beside them."""
    name = dataset.attrs.get("dtype", "bfloat16")
    if name not in EXTRA_DTYPES or array.dtype.itemsize != dtypes.itemsize(name):
        raise CorruptFile(
            "Unknown dtype.", expected=", ".join(EXTRA_DTYPES), got=f"{name!r}, {array.dtype.itemsize} bytes"
        )
    return array.view(dtypes.to_numpy_dtype(name))


class Store(Mapping):
    """What `load_own_variables(store)` gets: `"0"`, `"1"`… → array, each read when it is asked for.

    Args:
        groups: where the data sets lie: one group, or several for a sharded file.
        shapes: the shapes of the variables of the object that is loaded.
    """

    def __init__(self, groups: list[Group], shapes: Collection[tuple[int, ...]] = ()):
        self.groups, self.shapes = groups, shapes
        self.places = {name: group for group in groups for name in group.names()}

    def __getitem__(self, key: Any) -> np.ndarray:
        group = self.places.get(str(key))
        if group is None:
            raise KeyError(str(key))
        return group.dataset(str(key)).read(self.shapes)

    def __contains__(self, key: Any) -> bool:
        return str(key) in self.places

    def shape(self, key: Any) -> tuple[int, ...] | None:
        """The shape of an entry, None where there is none; nothing is read."""
        return self.places[str(key)].dataset(str(key)).shape if key in self else None

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self.places, key=lambda name: (len(name), name)))

    def __len__(self) -> int:
        return len(self.places)


# --- writing --------------------------------------------------------------------------------------------------------
@contextlib.contextmanager
def writing(path: Path) -> Iterator[Any]:
    """A new HDF5 file, open for writing: an `h5py.File`."""
    import h5py

    with h5py.File(path, "w") as file:
        yield file


def write_array(group: Any, name: str, value: Any) -> None:
    """Write an array into a group; dtypes that HDF5 lacks go as bytes with their name beside them, as Keras does."""
    array = np.asarray(value)
    name_of_dtype = array.dtype.name
    if array.dtype.kind not in "biufc" or name_of_dtype in EXTRA_DTYPES:
        if name_of_dtype not in EXTRA_DTYPES:
            raise TypeError(f"Can't save an array of dtype {array.dtype} as a weight.")
        contiguous = np.ascontiguousarray(array).reshape(array.shape)
        data = group.create_dataset(name, data=contiguous.view(f"V{array.dtype.itemsize}"))
        data.attrs["dtype"] = name_of_dtype
        return
    group.create_dataset(name, data=array)
