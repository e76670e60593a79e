"""What layers inherit on TensorFlow besides their own class: nothing."""

MIXIN: type | None = None
