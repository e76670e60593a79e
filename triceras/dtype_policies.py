"""Dtype policies: which dtype a layer keeps its variables in, which it computes in, and how it is quantized."""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping
from typing import Any

from triceras.core import config, dtypes

__all__ = [
    "AWQDTypePolicy",
    "DTypePolicy",
    "DTypePolicyMap",
    "FloatDTypePolicy",
    "GPTQDTypePolicy",
    "Int4DTypePolicy",
    "QuantizedDTypePolicy",
    "QuantizedFloat8DTypePolicy",
    "deserialize",
    "dtype_policy",
    "get",
    "serialize",
    "set_dtype_policy",
]

MIXED = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}
MODES = ("int8", "float8", "int4", "gptq", "awq")


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

    quantization_mode: str | None = None

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

    def at(self, path: str | None) -> DTypePolicy:
        """The policy of the layer at a path: this one, unless it is a `DTypePolicyMap`."""
        return self

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
        return f'<{type(self).__name__} "{self.name}">'

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.get_config() == self.get_config()

    def __hash__(self) -> int:
        return hash(self.name)


FloatDTypePolicy = DTypePolicy


class QuantizedDTypePolicy(DTypePolicy):
    """A policy whose layers keep their large weights quantized, and compute as a plain policy says.

    Args:
        mode: `"int8"`; `"float8"`, `"int4"`, `"gptq"` and `"awq"` can be named, but no layer computes in them yet.
        source_name: name of the plain policy; `floatx` by default.

    Raises:
        ValueError: another mode; a policy that computes in float16, whose range is too small for int8 products.

    Example:
        >>> policy = QuantizedDTypePolicy("int8", "mixed_bfloat16")
        >>> policy.name, policy.quantization_mode, policy.compute_dtype
        ('int8_from_mixed_bfloat16', 'int8', 'bfloat16')
    """

    def __init__(self, mode: str, source_name: str | None = None):
        kind = str(mode).partition("/")[0]
        if kind not in MODES:
            raise ValueError(f"Invalid quantization mode. Expected one of {MODES}. Received: mode={mode}")
        super().__init__(source_name)
        if kind == "int8" and self._compute_dtype == "float16":
            raise ValueError(
                f"Quantization mode='{mode}' doesn't work well with compute_dtype='float16'. Consider loading "
                "model/layer with another dtype policy such as 'mixed_bfloat16' or 'bfloat16' before calling "
                "`quantize()`."
            )
        self.mode, self._source_name = mode, self._name
        self._name, self.quantization_mode = f"{mode}_from_{self._name}", kind

    def get_config(self) -> dict[str, Any]:
        """Mode and name of the plain policy."""
        return {"mode": self.mode, "source_name": self._source_name}


class QuantizedFloat8DTypePolicy(QuantizedDTypePolicy):
    """The policy of layers that are trained in 8-bit floats. It can be read and written; no layer computes in it yet.

    Args:
        mode: `"float8"`.
        source_name: name of the plain policy; `floatx` by default.
        amax_history_length: how many steps' largest values the scales are made from.

    Example:
        >>> QuantizedFloat8DTypePolicy("float8", "float32", amax_history_length=16).amax_history_length
        16
    """

    def __init__(self, mode: str, source_name: str | None = None, amax_history_length: int = 1024):
        super().__init__(mode, source_name)
        if not isinstance(amax_history_length, int):
            raise TypeError(f"`amax_history_length` must be an integer. Received: {amax_history_length=}")
        self._amax_history_length = amax_history_length

    @property
    def amax_history_length(self) -> int:
        """How many steps' largest values the scales are made from."""
        return self._amax_history_length

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "amax_history_length": self.amax_history_length}


def _numbers(policy: QuantizedDTypePolicy, prefix: str, *names: str) -> list[int]:
    """The numbers in a mode such as `"gptq/4/128"`.

    Raises:
        ValueError: it is of another form.
    """
    form = "/".join((prefix, *(f"<{name}>" for name in names)))
    found = re.fullmatch("/".join((prefix, *(r"(-?\d+)" for _ in names))), policy.mode)
    if found is None:
        raise ValueError(
            f"Invalid mode for {type(policy).__name__}. Expected format '{form}', with integers, but got "
            f"'{policy.mode}'."
        )
    return [int(number) for number in found.groups()]


def _check_size(policy: QuantizedDTypePolicy, name: str, size: int, all_of: str) -> None:
    if size != -1 and size < 1:
        raise ValueError(
            f"Invalid {name} in mode. Supported values are -1 ({all_of}) or a positive integer, but got {size} from "
            f"'{policy.mode}'."
        )


class Int4DTypePolicy(QuantizedDTypePolicy):
    """The policy of 4-bit weights in blocks. It can be read and written; no layer computes in it yet.

    Args:
        mode: `"int4/<block_size>"`, such as `"int4/128"`; -1 is one block a channel.
        source_name: name of the plain policy; `floatx` by default.

    Raises:
        ValueError: a mode of another form.

    Example:
        >>> Int4DTypePolicy("int4/128").block_size
        128
    """

    def __init__(self, mode: str, source_name: str | None = None):
        super().__init__(mode, source_name)
        (self.block_size,) = _numbers(self, "int4", "block_size")
        _check_size(self, "block_size", self.block_size, "per-channel")


class GPTQDTypePolicy(QuantizedDTypePolicy):
    """The policy of weights quantized by GPTQ. It can be read and written; no layer computes in it yet.

    Args:
        mode: `"gptq/<weight_bits>/<group_size>"`, such as `"gptq/4/128"`; a group of -1 is the whole tensor.
        source_name: name of the plain policy; `floatx` by default.

    Raises:
        ValueError: a mode of another form; other bits than 2, 3, 4 or 8.

    Example:
        >>> policy = GPTQDTypePolicy("gptq/4/128")
        >>> policy.weight_bits, policy.group_size
        (4, 128)
    """

    def __init__(self, mode: str, source_name: str | None = None):
        super().__init__(mode, source_name)
        self.weight_bits, self.group_size = _numbers(self, "gptq", "weight_bits", "group_size")
        if self.weight_bits not in (2, 3, 4, 8):
            raise ValueError(
                f"Invalid weight_bits in mode. Supported values are 2, 3, 4, and 8, but got {self.weight_bits} from "
                f"'{mode}'."
            )
        _check_size(self, "group_size", self.group_size, "whole-tensor")


class AWQDTypePolicy(QuantizedDTypePolicy):
    """The policy of weights quantized by AWQ. It can be read and written; no layer computes in it yet.

    Args:
        mode: `"awq/4/<group_size>"`, such as `"awq/4/128"`; a group of -1 is one a channel.
        source_name: name of the plain policy; `floatx` by default.

    Raises:
        ValueError: a mode of another form; other bits than 4.

    Example:
        >>> AWQDTypePolicy("awq/4/-1").group_size
        -1
    """

    def __init__(self, mode: str, source_name: str | None = None):
        super().__init__(mode, source_name)
        self.weight_bits, self.group_size = _numbers(self, "awq", "weight_bits", "group_size")
        if self.weight_bits != 4:
            raise ValueError(
                f"Invalid weight_bits in mode. AWQ only supports 4-bit quantization, but got {self.weight_bits} from "
                f"'{mode}'."
            )
        _check_size(self, "group_size", self.group_size, "per-channel")


class DTypePolicyMap(DTypePolicy, MutableMapping):
    """Policies by the paths of layers. Pass it as `dtype` to a model whose layers take their model's policy.

    A path is looked up as a key, then matched against the keys as regular expressions that must match all of it; what
    matches none has the default policy.

    Args:
        default_policy: a policy or its name; the policy of new layers by default, when it is asked for.
        policy_map: dict from paths to policies.

    Raises:
        TypeError: `policy_map` is no dict.

    Example:
        >>> policies = DTypePolicyMap("float32")
        >>> policies["encoder/.*"] = "mixed_bfloat16"
        >>> policies["encoder/dense"].name, policies["head"].name
        ('mixed_bfloat16', 'float32')
    """

    def __init__(self, default_policy: Any = None, policy_map: dict[str, Any] | None = None):
        if policy_map is not None and not isinstance(policy_map, dict):
            raise TypeError(
                f"If specified, `policy_map` must be a dict. Received: policy_map={policy_map} of type "
                f"{type(policy_map)}"
            )
        self._default = None if default_policy is None else get(default_policy)
        self._policies = {path: get(policy) for path, policy in (policy_map or {}).items()}

    @property
    def default_policy(self) -> DTypePolicy:
        """The policy of paths without one."""
        return dtype_policy() if self._default is None else self._default

    name = property(lambda self: f"map_{self.default_policy.name}", doc="`map_`, and the default policy's name.")
    compute_dtype = property(lambda self: self.default_policy.compute_dtype, doc="The default policy's.")
    variable_dtype = property(lambda self: self.default_policy.variable_dtype, doc="The default policy's.")
    quantization_mode = property(lambda self: self.default_policy.quantization_mode, doc="The default policy's.")

    def at(self, path: str | None) -> DTypePolicy:
        return self.default_policy if path is None else self[path]

    def __getitem__(self, key: str) -> DTypePolicy:
        if key in self._policies:
            return self._policies[key]
        found = [pattern for pattern in self._policies if re.fullmatch(pattern, key)]
        if len(found) > 1:
            raise ValueError(
                f"Path '{key}' matches multiple dtype policy specification keys: {found}. Please make sure each path "
                "only matches at most one dtype policy specification key in the DTypePolicyMap."
            )
        return self._policies[found[0]] if found else self.default_policy

    def __setitem__(self, key: str, policy: Any) -> None:
        if key in self._policies:
            raise ValueError(
                f"{key} already exist in the DTypePolicyMap with value {self._policies[key]}. Please make sure to not "
                "use duplicated keys."
            )
        self._policies[key] = get(policy)

    def __delitem__(self, key: str) -> None:
        del self._policies[key]

    def __contains__(self, key: object) -> bool:
        return key in self._policies

    def __len__(self) -> int:
        return len(self._policies)

    def __iter__(self) -> Iterator[str]:
        return iter(self._policies)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def get_config(self) -> dict[str, Any]:
        """Default policy and policies by path.

        Without a default policy, quantized ones are written without their plain policy: it is that of the reader.
        """
        policies = {path: serialize(policy) for path, policy in self.items()}
        if self._default is None:
            for written in policies.values():
                if "source_name" in written["config"]:
                    written["config"]["source_name"] = None
        name = None if self._default is None else self._default.name
        return {"default_policy": name, "policy_map": policies}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> DTypePolicyMap:
        """Make policies from their config."""
        policies = {path: deserialize(policy, custom_objects) for path, policy in config["policy_map"].items()}
        return cls(config["default_policy"], policies)

    def __repr__(self) -> str:
        policies = [(path, policy.name) for path, policy in self.items()]
        return f"<DTypePolicyMap default_policy={self.default_policy.name}, mapping={policies}>"


# --- the default, and policies by name -------------------------------------------------------------------------------

_default: DTypePolicy | None = None


def dtype_policy() -> DTypePolicy:
    """The policy of layers that aren't given one: what `set_dtype_policy` set, else `floatx`."""
    return _of(config.floatx()) if _default is None else _default


def set_dtype_policy(policy: Any) -> None:
    """Set the policy of layers that are made from now on.

    Args:
        policy: a `DTypePolicy` or its name, such as `"mixed_bfloat16"`.
    """
    global _default
    _default = get(policy)


_BY_MODE = {
    "float8": QuantizedFloat8DTypePolicy,
    "int4/": Int4DTypePolicy,
    "gptq": GPTQDTypePolicy,
    "awq": AWQDTypePolicy,
}
_kept: dict[str, DTypePolicy] = {}


def _of(name: str) -> DTypePolicy:
    if name not in _kept:
        _kept[name] = _made(name)
    return _kept[name]


def _made(name: str) -> DTypePolicy:
    mode, separator, source = name.partition("_from_")
    if mode.partition("/")[0] not in MODES:
        return DTypePolicy(name)
    if not separator:
        raise ValueError(
            "Cannot convert `policy` into a valid pair (`mode`, `source_name`) to instantiate `QuantizedDTypePolicy`. "
            f"A name such as '{mode}_from_float32' is. Received: policy={name}"
        )
    kind = next((kind for prefix, kind in _BY_MODE.items() if mode.startswith(prefix)), QuantizedDTypePolicy)
    return kind(mode, source)


def get(identifier: Any) -> DTypePolicy:
    """A policy from a policy, a name, a dtype or a config; None means the default one.

    Args:
        identifier: such as `"float16"`, `"mixed_bfloat16"`, `"int8_from_float32"`.

    Raises:
        ValueError: none of these.

    Example:
        >>> get("int8_from_float32").quantization_mode
        'int8'
    """
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, str):
        return _of(identifier)
    try:
        return _of(dtypes.standardize_dtype(identifier))
    except ValueError:
        raise ValueError(
            "Cannot interpret `dtype` argument. Expected a string or an instance of DTypePolicy. Received: "
            f"dtype={identifier}"
        ) from None


def serialize(dtype_policy: DTypePolicy) -> dict[str, Any]:
    """The config of a policy, with its class."""
    kind = type(dtype_policy)
    return {
        "module": "keras" if kind is DTypePolicy else "keras.dtype_policies",
        "class_name": kind.__name__,
        "config": dtype_policy.get_config(),
        "registered_name": None,
    }


_CLASSES = {kind.__name__: kind for kind in (DTypePolicy, QuantizedDTypePolicy, *_BY_MODE.values(), DTypePolicyMap)} | {
    "FloatDTypePolicy": DTypePolicy
}


def deserialize(config: dict[str, Any], custom_objects: Any = None) -> DTypePolicy:
    """A policy from what `serialize` gave.

    Args:
        config: with class and config.
        custom_objects: dict from names to classes of your own.

    Raises:
        ValueError: another class.
    """
    name = config.get("class_name")
    kind = {**_CLASSES, **(custom_objects or {})}.get(name)
    if kind is None:
        raise ValueError(f"Expected the config of a DTypePolicy, one of {sorted(_CLASSES)}; got class_name={name!r}.")
    return kind.from_config(config["config"])
