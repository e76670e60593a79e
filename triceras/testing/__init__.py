"""Tools for testing backends and layers: samples of every op, and the suites that they must pass."""

from triceras.testing.layer_suite import check_layer

__all__ = ["check_layer"]
