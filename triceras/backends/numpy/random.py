"""NumPy functions of the ops in `ops/random.py`."""
