"""What layers inherit on JAX besides their own class: nothing."""

MIXIN: type | None = None
