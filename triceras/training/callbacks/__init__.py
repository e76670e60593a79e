"""Callbacks, one group a file; `triceras.callbacks` is their public name."""
