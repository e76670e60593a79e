"""Programs as in Keras's guides: ways to train."""

PROGRAMS = []
