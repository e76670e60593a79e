"""Where a saved model's parts lie: a zip file (`.keras`) or a folder. Reading trusts nothing, writing replaces at once.

A part's name never becomes a path: the names looked for are ours, and a folder's parts may not be links.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import struct
import uuid
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from triceras.core import placement
from triceras.saving import limits
from triceras.saving.errors import CorruptFile, MissingFile, ModelFileError, NotAModelFile, ResourceLimit, UnsafeContent

KERAS_VERSION = "3.15.1"  # whose formats these are
METADATA, CONFIG, WEIGHTS = "metadata.json", "config.json", "model.weights.h5"
CHUNK = 1 << 20


# --- reading --------------------------------------------------------------------------------------------------------
@contextlib.contextmanager
def reading(path: Path) -> Iterator[ZipParts | FolderParts]:
    """The parts of a saved model.

    Raises:
        NotAModelFile, CorruptFile, ResourceLimit, UnsafeContent: what is wrong with the container.
    """
    if path.is_dir():
        yield FolderParts(path)
        return
    with open_file(path) as file:
        yield ZipParts(path, file)


def open_file(path: Path) -> BinaryIO:
    """An existing plain file, opened for reading.

    Raises:
        MissingFile, NotAModelFile: there is none, or it can't be opened.
    """
    if not path.exists():
        raise MissingFile(f"File not found: filepath={path}.", file=path, hint="Check the path.")
    if not path.is_file():
        raise NotAModelFile(f"Not a file: filepath={path}.", file=path)
    try:
        return open(path, "rb")
    except OSError as error:
        raise NotAModelFile(
            f"Can't open the file: {error.strerror}.", file=path, hint="Check its permissions."
        ) from error


class ZipParts:
    """The parts of a `.keras` file."""

    def __init__(self, path: Path, file: BinaryIO):
        self.path, self.file = path, file
        try:
            self.zip = zipfile.ZipFile(file)
            members = self.zip.infolist()
        except (zipfile.BadZipFile, ValueError, OverflowError, struct.error, NotImplementedError, EOFError) as error:
            raise self._not_a_zip(error) from error
        if len(members) > limits.MEMBERS:
            got = f"{len(members)} members"
            raise ResourceLimit("The archive has too many members.", file=path, expected=limits.MEMBERS, got=got)
        for member in members:
            limits.check_name(member.filename, "an archive's member")
        self.members = {member.filename: member for member in members}
        if len(self.members) != len(members):
            raise CorruptFile("Two members of the archive have one name.", file=path)

    def _not_a_zip(self, error: Exception) -> ModelFileError:
        self.file.seek(0)
        start = self.file.read(8)
        if start[:4] == b"PK\x03\x04":
            return CorruptFile(
                "The zip file is truncated or damaged.", file=self.path, got=str(error), hint="Copy it again."
            )
        kind = "an HDF5 file: rename it to .h5" if start == b"\x89HDF\r\n\x1a\n" else "another kind of file"
        return NotAModelFile("This is not a `.keras` zip file.", file=self.path, expected="a zip archive", got=kind)

    def __contains__(self, name: str) -> bool:
        return name in self.members

    def size(self, name: str) -> int:
        """Bytes that a part takes in the file."""
        return self._member(name).compress_size

    def read(self, name: str, cap: int) -> bytes:
        """A whole part of at most `cap` bytes."""
        with self._stream(name) as stream:
            return read_capped(stream, cap, self.path, name)

    @contextlib.contextmanager
    def open(self, name: str, cap: int) -> Iterator[BinaryIO]:
        """A part as a seekable file: in place where it is stored plainly, else unpacked in memory up to `cap`."""
        member = self._member(name)
        if member.compress_type != zipfile.ZIP_STORED:
            yield io.BytesIO(self.read(name, cap))
            return
        yield io.BufferedReader(self._window(member), 1 << 16)

    def _member(self, name: str) -> zipfile.ZipInfo:
        member = self.members.get(name)
        if member is None:
            raise CorruptFile(
                f"The archive has no {name}.", file=self.path, got=", ".join(sorted(self.members)[:10]) or "nothing"
            )
        if member.flag_bits & 1:
            raise NotAModelFile("The archive is encrypted.", file=self.path, member=name)
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise NotAModelFile("Unknown compression.", file=self.path, member=name, expected="stored or deflated")
        return member

    @contextlib.contextmanager
    def _stream(self, name: str) -> Iterator[BinaryIO]:
        member = self._member(name)
        try:
            with self.zip.open(member) as stream:
                yield stream
        except (zipfile.BadZipFile, zlib.error, EOFError, struct.error, NotImplementedError, OSError) as error:
            if isinstance(error, ModelFileError):
                raise
            raise CorruptFile("The archive is damaged.", file=self.path, member=name, got=str(error)) from error

    def _window(self, member: zipfile.ZipInfo) -> Window:
        """The bytes of a stored member, their checksum verified."""
        damaged = CorruptFile("The archive is damaged.", file=self.path, member=member.filename, hint="Copy it again.")
        if member.file_size != member.compress_size:
            raise damaged
        self.file.seek(member.header_offset)
        header = self.file.read(30)
        if len(header) < 30 or header[:4] != b"PK\x03\x04":
            raise damaged
        name_size, extra_size = struct.unpack("<HH", header[26:30])
        start = member.header_offset + 30 + name_size + extra_size
        window = Window(self.file, start, member.file_size)
        checksum = 0
        while chunk := window.read(CHUNK):
            checksum = zlib.crc32(chunk, checksum)
        if checksum != member.CRC or window.tell() != member.file_size:
            raise damaged
        window.seek(0)
        return window


class Window(io.RawIOBase):
    """A stretch of a file, read as a file of its own."""

    def __init__(self, file: BinaryIO, start: int, size: int):
        self.file, self.start, self.size, self.position = file, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self.position, io.SEEK_END: self.size}[whence]
        self.position = max(0, base + offset)
        return self.position

    def tell(self) -> int:
        return self.position

    def readinto(self, buffer: Any) -> int:
        count = max(0, min(len(buffer), self.size - self.position))
        self.file.seek(self.start + self.position)
        data = self.file.read(count)
        buffer[: len(data)] = data
        self.position += len(data)
        return len(data)


class FolderParts:
    """The parts of a model that was saved with `zipped=False`."""

    def __init__(self, path: Path):
        self.path = path

    def _part(self, name: str) -> Path:
        part = self.path / name
        if part.is_symlink():
            raise UnsafeContent(
                "A part of the saved model is a link.",
                file=self.path,
                member=name,
                hint="Replace it by the file it points to.",
            )
        return part

    def __contains__(self, name: str) -> bool:
        return self._part(name).is_file()

    def size(self, name: str) -> int:
        """Bytes that a part takes."""
        return self._part(name).stat().st_size

    def read(self, name: str, cap: int) -> bytes:
        """A whole part of at most `cap` bytes."""
        with self.open(name, cap) as stream:
            return read_capped(stream, cap, self.path, name)

    @contextlib.contextmanager
    def open(self, name: str, cap: int) -> Iterator[BinaryIO]:
        """A part as a seekable file."""
        with open_file(self._part(name)) as stream:
            yield stream


def read_capped(stream: BinaryIO, cap: int, path: Any, name: str) -> bytes:
    """All of a stream, which may not hold more than `cap` bytes.

    Raises:
        ResourceLimit: it holds more; no more than `cap` bytes and a chunk were read.
    """
    chunks, total = [], 0
    while chunk := stream.read(CHUNK):
        total += len(chunk)
        if total > cap:
            raise ResourceLimit(
                "A part of the file unpacks to more than it may.",
                file=path,
                member=name,
                expected=f"at most {cap:,} bytes",
                got="more",
            )
        chunks.append(chunk)
    return b"".join(chunks)


# --- writing --------------------------------------------------------------------------------------------------------
def replace_file(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file beside its place and rename it: a failure leaves what was there.

    Args:
        path: where it shall be.
        write: gets the temporary path.
    """
    path = Path(os.path.realpath(path))
    if path.is_dir():
        raise IsADirectoryError(f"Can't save to {path}: it is a folder.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"Can't save to {path}: the folder {path.parent} doesn't exist. Make it first.")
    temporary = beside(path)
    try:
        write(temporary)
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        if placement.is_first():
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def replace_folder(path: Path, write: Callable[[Path], None]) -> None:
    """Write a folder beside its place and rename it: a failure leaves what was there.

    Args:
        path: where it shall be.
        write: gets the temporary folder, which exists and is empty.
    """
    if path.exists() and not (
        path.is_dir() and {part.name for part in path.iterdir()} <= {METADATA, CONFIG, WEIGHTS, "assets"}
    ):
        raise FileExistsError(f"Can't save to {path}: it exists and isn't a saved model. Choose another name.")
    temporary, old = beside(path), beside(path)
    temporary.mkdir()
    try:
        write(temporary)
        target = path if placement.is_first() else old
        if target.exists():
            os.rename(target, old)
        try:
            os.rename(temporary, target)
        except OSError:
            if old.exists():
                os.rename(old, path)
            raise
    finally:
        for folder in (temporary, old):
            shutil.rmtree(folder, ignore_errors=True)


def beside(path: Path) -> Path:
    """A name in the same folder that nothing has."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")


def write_zip(path: Path, parts: dict[str, bytes], weights: Callable[[Path], None]) -> None:
    """A `.keras` file: small parts from memory, the weights from a file that `weights` writes; none is deflated."""
    h5 = path.with_name(path.name + ".h5")
    try:
        weights(h5)
        with zipfile.ZipFile(path, "x", zipfile.ZIP_STORED) as archive:
            for name, data in parts.items():
                archive.writestr(name, data)
            archive.write(h5, WEIGHTS)
    finally:
        h5.unlink(missing_ok=True)


def write_folder(path: Path, parts: dict[str, bytes], weights: Callable[[Path], None]) -> None:
    """The same parts as files of a folder."""
    for name, data in parts.items():
        (path / name).write_bytes(data)
    weights(path / WEIGHTS)
