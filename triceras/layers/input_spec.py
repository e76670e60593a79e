"""`InputSpec`: what a layer's input must look like, and the check."""

from __future__ import annotations

from typing import Any

from triceras.core import tree


class InputSpec:
    """Limits on an input's rank, dtype and dimensions; what is None isn't checked.

    Args:
        dtype: expected dtype.
        shape: expected shape; None dimensions match anything.
        ndim, max_ndim, min_ndim: expected number of dimensions.
        axes: dict from an axis to its size.
        allow_last_axis_squeeze: whether a last dimension of 1 may be missing or extra.
        name: key of the input where inputs come as a dict.
        optional: whether the input may be None.

    Example:
        >>> import triceras
        >>> layer = triceras.layers.Dense(2)
        >>> layer.input_spec = triceras.layers.InputSpec(ndim=3, axes={-1: 8})
    """

    def __init__(
        self,
        dtype: Any = None,
        shape: Any = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: dict[int, int | None] | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
        optional: bool = False,
    ):
        self.dtype, self.shape = dtype, None if shape is None else tuple(shape)
        self.ndim = len(self.shape) if self.shape is not None else ndim
        self.max_ndim, self.min_ndim = max_ndim, min_ndim
        self.axes = {int(k): v for k, v in (axes or {}).items()}
        self.allow_last_axis_squeeze, self.name, self.optional = allow_last_axis_squeeze, name, optional

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        names = ("dtype", "shape", "ndim", "max_ndim", "min_ndim", "axes", "optional")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> InputSpec:
        """Make one from its config."""
        return cls(**config)

    def __repr__(self) -> str:
        given = {k: v for k, v in self.get_config().items() if v not in (None, {}, False)}
        return f"InputSpec({', '.join(f'{k}={v}' for k, v in given.items())})"

    def problem(self, shape: tuple[int | None, ...]) -> str | None:
        """What is wrong with a shape: `expected …, found …`; None if nothing is."""
        ndim = len(shape)
        if self.shape is not None:
            return self._shape_problem(shape)
        full = f" Full shape received: {shape}"
        if self.ndim is not None and ndim != self.ndim:
            return f"expected ndim={self.ndim}, found ndim={ndim}.{full}"
        if self.max_ndim is not None and ndim > self.max_ndim:
            return f"expected max_ndim={self.max_ndim}, found ndim={ndim}"
        if self.min_ndim is not None and ndim < self.min_ndim:
            return f"expected min_ndim={self.min_ndim}, found ndim={ndim}.{full}"
        for axis, size in self.axes.items():
            if size is not None and shape[axis] not in (size, None):
                return (
                    f"expected axis {axis} of input shape to have value {size}, but received input with shape {shape}"
                )
        return None

    def _shape_problem(self, shape: tuple[int | None, ...]) -> str | None:
        wanted = self.shape
        if self.allow_last_axis_squeeze:
            if len(shape) == len(wanted) + 1 and shape[-1] == 1:
                shape = shape[:-1]
            elif len(wanted) == len(shape) + 1 and wanted[-1] in (1, None):
                wanted = wanted[:-1]
        if len(shape) != len(wanted) or any(
            a is not None and b is not None and a != b for a, b in zip(wanted, shape, strict=True)
        ):
            return f"expected shape={self.shape}, found shape={shape}"
        return None


def check_inputs(input_spec: Any, inputs: Any, layer_name: str) -> None:
    """Compare a layer's inputs with its input specs.

    Raises:
        ValueError: too few or many inputs, or one that doesn't fit.
    """
    specs = tree.flatten(input_spec)
    if isinstance(inputs, dict) and all(s is not None and s.name for s in specs):
        missing = [s.name for s in specs if s.name not in inputs and not s.optional]
        if missing:
            raise ValueError(
                f'Missing data for input "{missing[0]}". You passed a data dictionary with keys {list(inputs)}. '
                f"Expected the following keys: {[s.name for s in specs]}"
            )
        values = [inputs.get(s.name) for s in specs]
    else:
        values = tree.flatten(inputs)
    if len(values) != len(specs):
        from triceras.layers.call import describe

        raise ValueError(
            f'Layer "{layer_name}" expects {len(specs)} input(s), but it received {len(values)} input tensors. '
            f"Inputs received: {describe(values)}"
        )
    for i, (x, spec) in enumerate(zip(values, specs, strict=True)):
        if spec is None or (x is None and spec.optional):
            continue
        if not hasattr(x, "shape"):
            raise ValueError(
                f"Inputs to a layer should be tensors. Got '{x}' (of type {type(x)}) as input for layer '{layer_name}'."
            )
        problem = spec.problem(tuple(x.shape))
        if problem:
            raise ValueError(
                f"Input {i} with name '{spec.name}' of layer '{layer_name}' is incompatible with the layer: {problem}"
            )
