#!/usr/bin/env python3
"""How long `import triceras` takes over `import numpy`, each in fresh processes, in turns: prints the ratio.

Parts of Triceras are imported when they are first used, so a second line has the ratio with the parts that a training
script uses. Exit status 1 where the first ratio is over the bar, 2.5.
"""

import argparse
import statistics
import subprocess
import sys

BAR = 2.5
CODE = "import time; start = time.perf_counter(); {}; print(time.perf_counter() - start)"
IMPORTS = {
    "import numpy": "import numpy",
    "import triceras": "import triceras",
    "and what a training script uses": "import triceras as t; t.layers, t.models, t.optimizers, t.ops",
}


def seconds(code, env=None):
    """The seconds that some code takes in a new process."""
    command = [sys.executable, "-c", CODE.format(code)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout)


def measure(imports, rounds, env=None):
    """The median of each import, taken in turns, so that a busy moment hits all."""
    for code in imports.values():
        seconds(code, env)  # fills the caches of byte code and files
    times = [[seconds(code, env) for code in imports.values()] for _ in range(rounds)]
    return dict(zip(imports, map(statistics.median, zip(*times, strict=True)), strict=True))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    found = measure(IMPORTS, parser.parse_args().rounds)
    numpy, *ours = found.values()
    for name, time in zip(list(found)[1:], ours, strict=True):
        print(f"{name} / import numpy: {time / numpy:.2f} ({time * 1e3:.0f} ms / {numpy * 1e3:.0f} ms)")
    print(f"bar for import triceras: {BAR}")
    return 0 if ours[0] <= BAR * numpy else 1


if __name__ == "__main__":
    raise SystemExit(main())
