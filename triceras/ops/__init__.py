"""Every op, once."""
from triceras.ops.math import add, divide, exp, multiply, sigmoid, subtract
