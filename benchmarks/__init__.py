"""Benchmarks, side by side: Triceras, real Keras and code written by hand, on every backend.

    python benchmarks/run.py              # everything; or `make bench`
    python benchmarks/run.py --quick      # a first impression
    python benchmarks/run.py --check      # whether all sides compute the same

Read `workloads/` for what is compared (each side is one short file), `child.py` for what is measured in each process,
`timing.py` for how, `bars.py` for what is to be reached and why something isn't, `report.py` for how it is shown.
"""
