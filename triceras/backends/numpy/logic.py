"""NumPy functions of the ops in `ops/logic.py`."""
