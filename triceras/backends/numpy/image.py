"""NumPy functions of the ops in `ops/image/`: none is faster than the ops' own bodies."""
