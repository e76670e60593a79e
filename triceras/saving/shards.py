"""Weights spread over files: `model.weights.json` lists which of `model_00000.weights.h5`… hold an object's values."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from triceras.saving import archive, h5, limits, text
from triceras.saving.errors import ConfigInvalid, CorruptFile, UnsafeContent

ENDING = ".weights.json"
GIB = 1 << 30


class Writer:
    """Takes the place of an `h5py.File` for `weights.save`, and starts a new file where one is full.

    Args:
        folder: where the files go.
        stem: what their names start with.
        max_shard_size: in GiB.
    """

    def __init__(self, folder: Path, stem: str, max_shard_size: float):
        self.folder, self.stem, self.limit = folder, stem, int(max_shard_size * GIB)
        self.weight_map: dict[str, list[str]] = {}
        self.total = self.used = 0
        self.files: list[str] = []
        self.file: Any = None
        self.next_file()

    def next_file(self) -> None:
        """Close the current file and start the next."""
        import h5py

        self.close()
        self.files.append(f"{self.stem}_{len(self.files):05d}.weights.h5")
        self.file, self.used = h5py.File(self.folder / self.files[-1], "w"), 0

    def close(self) -> None:
        """Close the current file."""
        if self.file is not None:
            self.file.close()

    def create_group(self, path: str) -> ShardedGroup:
        """The group of one object."""
        return ShardedGroup(self, path)

    def index(self) -> dict[str, Any]:
        """What the JSON file holds."""
        return {"metadata": {"total_size": float(self.total)}, "weight_map": self.weight_map}


class ShardedGroup:
    """One object's group, made in each file that gets some of its values."""

    def __init__(self, writer: Writer, path: str):
        self.writer, self.path = writer, path
        self.attrs: dict[str, Any] = {}

    def create_dataset(self, name: str, data: Any) -> Any:
        """Write one array, into the next file where the current one is full."""
        writer, size = self.writer, int(data.nbytes)
        if size > writer.limit:
            raise ValueError(
                f"The size of {name} ({self.path}) is {size:,} bytes, which exceeds the maximum shard size of "
                f"{writer.limit:,} bytes. You can increase the `max_shard_size` parameter to accommodate the size."
            )
        if writer.used and writer.used + size > writer.limit:
            writer.next_file()
        writer.used, writer.total = writer.used + size, writer.total + size
        group = writer.file.require_group(self.path)
        group.attrs.update(self.attrs)
        shards = writer.weight_map.setdefault("/" + self.path, [])
        if writer.files[-1] not in shards:
            shards.append(writer.files[-1])
        return group.create_dataset(name, data=data)


def save(path: Path, max_shard_size: float, write: Callable[[Any], None]) -> None:
    """Write sharded weights; the index comes last, and files of an earlier save that are no longer named are removed.

    Args:
        path: the `.weights.json`.
        max_shard_size: in GiB.
        write: gets the `Writer`.
    """
    if max_shard_size <= 0:
        raise ValueError(f"max_shard_size must be positive (GiB). Received: {max_shard_size}")
    folder, stem = path.parent, path.name[: -len(ENDING)]
    staging = archive.beside(path)
    staging.mkdir()
    try:
        writer = Writer(staging, stem, max_shard_size)
        with contextlib.closing(writer):
            write(writer)
        for name in writer.files:
            (staging / name).replace(folder / name)
        (staging / path.name).write_text(json.dumps(writer.index(), indent=4))
        (staging / path.name).replace(path)
    finally:
        for rest in staging.iterdir():
            rest.unlink()
        staging.rmdir()


@contextlib.contextmanager
def reading(path: Path) -> Iterator[Callable[[str], list[h5.Group]]]:
    """The lookup of groups in sharded weights.

    Raises:
        ModelFileError: the index or a file is damaged, or names files elsewhere.
    """
    with archive.open_file(path) as stream:
        index = text.parse(archive.read_capped(stream, limits.CONFIG_BYTES, path, path.name), path, path.name)
    weight_map = _checked(index, path)
    with contextlib.ExitStack() as stack:
        roots: dict[str, h5.Group] = {}

        def root(name: str) -> h5.Group:
            if name not in roots:
                part = archive.FolderParts(path.parent)
                stream = stack.enter_context(part.open(name, 0))
                roots[name] = stack.enter_context(h5.reading(stream))
            return roots[name]

        def find(group: str) -> list[h5.Group]:
            found = [root(name).find(group) for name in weight_map.get("/" + group, weight_map.get(group, ()))]
            return [g for g in found if g is not None]

        yield find


def _checked(index: Any, path: Path) -> dict[str, list[str]]:
    weight_map = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(weight_map, dict):
        raise ConfigInvalid("This isn't an index of sharded weights.", file=path, expected='{"weight_map": {...}}')
    found = {}
    for key, names in weight_map.items():
        names = [names] if isinstance(names, str) else names
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ConfigInvalid(
                "The index must list file names.", file=path, where=f"$.weight_map[{key!r}]", got=repr(names)
            )
        for name in names:
            limits.check_name(name, "a shard")
            if not name.endswith(".h5") or Path(name).name != name or "\\" in name or "\0" in name:
                raise UnsafeContent(
                    "The index names a file elsewhere.",
                    file=path,
                    where=f"$.weight_map[{key!r}]",
                    expected="the name of an .h5 file beside the index",
                    got=repr(name),
                )
        found[key] = names
    if len({name for names in found.values() for name in names}) > limits.MEMBERS:
        raise CorruptFile("The index names too many files.", file=path, expected=f"at most {limits.MEMBERS}")
    return found
