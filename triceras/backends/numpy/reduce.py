"""NumPy functions of the ops in `ops/reduce.py`."""
