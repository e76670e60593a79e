"""What layers inherit on NumPy besides their own class: nothing."""

MIXIN: type | None = None
