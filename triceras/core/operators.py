"""Python's operators for our own tensor-likes (`Spec`, `KerasTensor`, `Variable`): each calls the op of its name."""

from __future__ import annotations

from typing import Any


def _binary(name: str) -> Any:
    def operator(self: Any, other: Any) -> Any:
        from triceras import ops

        return getattr(ops, name)(self, other)

    return operator


def _reflected(name: str) -> Any:
    def operator(self: Any, other: Any) -> Any:
        from triceras import ops

        return getattr(ops, name)(other, self)

    return operator


def _unary(name: str) -> Any:
    def operator(self: Any) -> Any:
        from triceras import ops

        return getattr(ops, name)(self)

    return operator


class Operators:
    """Arithmetic, comparison and indexing through the op table. `==` compares element-wise; hashing is by identity."""

    __slots__ = ()
    __array_priority__ = 1000  # NumPy arrays leave `array + ours` to us

    __add__, __radd__ = _binary("add"), _reflected("add")
    __sub__, __rsub__ = _binary("subtract"), _reflected("subtract")
    __mul__, __rmul__ = _binary("multiply"), _reflected("multiply")
    __truediv__, __rtruediv__ = _binary("divide"), _reflected("divide")
    __floordiv__, __rfloordiv__ = _binary("floor_divide"), _reflected("floor_divide")
    __mod__, __rmod__ = _binary("mod"), _reflected("mod")
    __pow__, __rpow__ = _binary("power"), _reflected("power")
    __matmul__, __rmatmul__ = _binary("matmul"), _reflected("matmul")
    __and__, __rand__ = _binary("logical_and"), _reflected("logical_and")
    __or__, __ror__ = _binary("logical_or"), _reflected("logical_or")
    __xor__, __rxor__ = _binary("logical_xor"), _reflected("logical_xor")
    __lt__, __le__ = _binary("less"), _binary("less_equal")
    __gt__, __ge__ = _binary("greater"), _binary("greater_equal")
    __eq__, __ne__ = _binary("equal"), _binary("not_equal")
    __hash__ = object.__hash__
    __neg__, __abs__, __invert__ = _unary("negative"), _unary("absolute"), _unary("logical_not")

    def __pos__(self) -> Any:
        return self

    def __getitem__(self, index: Any) -> Any:
        from triceras import ops

        return ops.get_item(self, index)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a tensor without dimensions")
        if self.shape[0] is None:
            raise TypeError("len() of a tensor whose first dimension is unknown")
        return self.shape[0]

    def __iter__(self) -> Any:
        if not self.shape or self.shape[0] is None:
            raise TypeError(f"Can't iterate over a tensor of shape {self.shape}: the first dimension must be known.")
        return (self[i] for i in range(self.shape[0]))

    def __round__(self, ndigits: int | None = None) -> Any:
        from triceras import ops

        return ops.round(self, decimals=ndigits or 0)
