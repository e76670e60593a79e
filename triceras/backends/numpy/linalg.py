"""NumPy functions of the ops in `ops/linalg.py`."""
