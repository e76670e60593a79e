"""`python -m triceras` is the `triceras` command."""

from triceras.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
