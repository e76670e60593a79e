"""Tools for testing backends: samples of every op, and the suite that a backend must pass."""
