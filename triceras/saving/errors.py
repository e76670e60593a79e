"""Why a model file was rejected: one family of errors, so that a service need only catch `ModelFileError`."""

from __future__ import annotations

from typing import Any


class ModelFileError(ValueError):
    """A model file, or a config that came out of one, can't be used.

    Args:
        problem: one sentence that says what is wrong.
        file: path of the file.
        member: the part of the file, such as `config.json` or `model.weights.h5`.
        where: JSON path (`$.config.layers[3]`) or HDF5 path (`layers/dense/vars/0`) of the trouble.
        expected: what should have been there.
        got: what is there.
        hint: what to do next.

    Example:
        >>> from triceras.saving.errors import CorruptFile
        >>> print(CorruptFile("The file ends too early.", file="m.keras", expected="200 bytes", got="120 bytes"))
        The file ends too early.
          file: m.keras
          expected: 200 bytes
          got: 120 bytes
    """

    def __init__(
        self,
        problem: str = "",
        *,
        file: Any = None,
        member: str | None = None,
        where: str | None = None,
        expected: Any = None,
        got: Any = None,
        hint: str | None = None,
    ):
        super().__init__(problem)
        self.problem, self.expected, self.got, self.hint = problem, expected, got, hint
        self.file, self.member, self.where = file, member, where
        self.subjects: list[Any] = []  # the configs it passed through, innermost first

    def locate(self, file: Any = None, member: str | None = None, where: str | None = None) -> ModelFileError:
        """Add what an inner function could not know; what is known already stays. Returns the error itself."""
        self.file = self.file if self.file is not None else file
        self.member = self.member or member
        self.where = self.where or where
        return self

    def __str__(self) -> str:
        facts = {
            "file": self.file,
            "member": self.member,
            "at": self.where,
            "expected": self.expected,
            "got": self.got,
            "next step": self.hint,
        }
        return "\n".join(
            [self.problem, *(f"  {name}: {_short(value)}" for name, value in facts.items() if value is not None)]
        )


class NotAModelFile(ModelFileError, OSError):
    """There is no file, it can't be opened, or it is of another kind."""

    __str__ = ModelFileError.__str__


class MissingFile(NotAModelFile, FileNotFoundError):
    """There is no such file."""

    __str__ = ModelFileError.__str__


class CorruptFile(ModelFileError):
    """The file is truncated or damaged."""


class UnsafeContent(ModelFileError):
    """The file asks for something that a model never needs: code, links, paths outside the file."""


class ResourceLimit(ModelFileError):
    """The file asks for more memory, members or depth than a model of its size may."""


class ConfigInvalid(ModelFileError, TypeError):
    """A config can't be turned into objects."""


class WeightsMismatch(ModelFileError):
    """The stored weights don't fit the model."""


class UnknownObject(ModelFileError, TypeError):
    """A config names a class or function that is neither built in nor registered."""


def _short(value: Any, limit: int = 500) -> str:
    text = str(value)
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"


def behind(error: BaseException) -> ModelFileError | None:
    """The `ModelFileError` behind an error that some layer wrapped on its way up, if there is one."""
    found: BaseException | None = error
    for _ in range(100):
        if found is None or isinstance(found, ModelFileError):
            return found
        found = found.__cause__ or found.__context__
    return None
