#!/usr/bin/env python3
"""How long `import triceras` takes over `import numpy`, each in fresh processes, in turns: prints the ratio.

Exit status 1 where the ratio is over the bar, 2.5.
"""

import argparse
import statistics
import subprocess
import sys

BAR = 2.5
CODE = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"


def seconds(module):
    """The seconds that one import takes in a new process."""
    done = subprocess.run([sys.executable, "-c", CODE.format(module)], capture_output=True, text=True, check=True)
    return float(done.stdout)


def measure(rounds):
    """Medians of `import numpy` and `import triceras`; taken in turns, so that a busy moment hits both."""
    for module in ("numpy", "triceras"):
        seconds(module)  # fills the caches of byte code and files
    pairs = [(seconds("numpy"), seconds("triceras")) for _ in range(rounds)]
    return [statistics.median(times) for times in zip(*pairs, strict=True)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    numpy, triceras = measure(parser.parse_args().rounds)
    ratio = triceras / numpy
    print(f"import triceras / import numpy: {ratio:.2f} (bar {BAR}; {triceras * 1e3:.0f} ms / {numpy * 1e3:.0f} ms)")
    return 0 if ratio <= BAR else 1


if __name__ == "__main__":
    raise SystemExit(main())
