"""NumPy functions of the ops in `ops/array.py`."""
