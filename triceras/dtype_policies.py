"""Dtype policies: which dtype a layer keeps its variables in, and which it computes in."""

from __future__ import annotations

from typing import Any

from triceras.core import config, dtypes

__all__ = ["DTypePolicy", "FloatDTypePolicy", "deserialize", "dtype_policy", "get", "serialize", "set_dtype_policy"]

MIXED = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}


class DTypePolicy:
    """A compute dtype and a variable dtype.

    Args:
        name: a dtype, for both; or `"mixed_float16"`, `"mixed_bfloat16"`: computes in that, keeps variables in float32.

    Raises:
        ValueError: neither.

    Example:
        >>> policy = DTypePolicy("mixed_bfloat16")
        >>> policy.compute_dtype, policy.variable_dtype
        ('bfloat16', 'float32')
    """

    quantization_mode = None

    def __init__(self, name: str | None = None):
        name = config.floatx() if name is None else name
        if not isinstance(name, str):
            raise TypeError(
                f"'name' must be a string, such as 'mixed_float16'. Received: name={name} (of type {type(name)})"
            )
        self._name = name
        if name in MIXED:
            self._compute_dtype, self._variable_dtype = MIXED[name], "float32"
        else:
            try:
                self._compute_dtype = self._variable_dtype = dtypes.standardize_dtype(name)
            except ValueError:
                raise ValueError(
                    f"Cannot convert '{name}' to a mixed precision DTypePolicy. Valid policies include "
                    "'mixed_float16', 'mixed_bfloat16', and the name of any float dtype such as 'float32'."
                ) from None

    @property
    def name(self) -> str:
        """What it was made with."""
        return self._name

    @property
    def compute_dtype(self) -> str:
        """The dtype of computations and results."""
        return self._compute_dtype

    @property
    def variable_dtype(self) -> str:
        """The dtype of variables."""
        return self._variable_dtype

    def convert_input(self, x: Any, autocast: bool, dtype: Any) -> Any:
        """A layer's input as a tensor; floating ones in `dtype` if `autocast`."""
        from triceras import ops

        x = (
            ops.convert_to_tensor(x)
            if not isinstance(x, str) and (hasattr(x, "__array__") or hasattr(x, "dtype"))
            else x
        )
        if autocast and hasattr(x, "dtype") and dtypes.is_float(x.dtype):
            return ops.cast(x, dtype)
        return x

    def get_config(self) -> dict[str, Any]:
        """The name."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> DTypePolicy:
        """Make a policy from its config."""
        return cls(**config)

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self.name}">'

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicy) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)


FloatDTypePolicy = DTypePolicy

_default: DTypePolicy | None = None


def dtype_policy() -> DTypePolicy:
    """The policy of layers that aren't given one: what `set_dtype_policy` set, else `floatx`."""
    return _default or _of(config.floatx())


def set_dtype_policy(policy: Any) -> None:
    """Set the policy of layers that are made from now on.

    Args:
        policy: a `DTypePolicy` or its name, such as `"mixed_bfloat16"`.
    """
    global _default
    _default = get(policy)


_kept: dict[str, DTypePolicy] = {}


def _of(name: str) -> DTypePolicy:
    if name not in _kept:
        _kept[name] = DTypePolicy(name)
    return _kept[name]


def get(identifier: Any) -> DTypePolicy:
    """A policy from a policy, a name, a dtype or a config; None means the default one.

    Raises:
        ValueError: none of these.
    """
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, str):
        return _of(identifier)
    return _of(dtypes.standardize_dtype(identifier))


def serialize(dtype_policy: DTypePolicy) -> dict[str, Any]:
    """The config of a policy, with its class."""
    return {
        "module": "keras",
        "class_name": "DTypePolicy",
        "config": dtype_policy.get_config(),
        "registered_name": None,
    }


def deserialize(config: dict[str, Any], custom_objects: Any = None) -> DTypePolicy:
    """A policy from what `serialize` gave.

    Raises:
        ValueError: another class.
    """
    if config.get("class_name") not in ("DTypePolicy", "FloatDTypePolicy"):
        raise ValueError(f"Expected the config of a DTypePolicy; got class_name={config.get('class_name')!r}.")
    return DTypePolicy(**config["config"])
