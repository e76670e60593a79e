"""What is measured, what is to be reached, and why something isn't."""

# Measure -> what it is, in the order of the table. Times are in seconds inside, memory is in MB.
TITLES = {
    "mlp": "train step, MLP",
    "cnn": "train step, CNN",
    "lstm": "train step, LSTM",
    "transformer": "train step, Transformer",
    "predict": "`predict`, 10,000 rows, MLP",
    "call": "`model(x)` eager, one row, MLP",
    "fit": "warm one-step `fit()`, MLP",
    "epoch": "`fit`, 100 batches, MLP",
    "first step mlp": "first step, cold, MLP",
    "first step transformer": "first step, cold, Transformer",
    "first five": "first 5 steps over eager's, MLP",
    "memory": "peak memory of 200 steps, Transformer",
    "import": "import and a first tensor",
    "import alone": "`import triceras` over `import numpy`",
}

# Measure -> backend -> the highest ratio of ours to native.
RATIOS = {
    "mlp": {"jax": 1.1, "torch": 0.5, "tensorflow": 1.1},
    "cnn": {"jax": 1.0, "torch": 1.05, "tensorflow": 1.0},
    "lstm": {"jax": 0.65, "torch": 0.9, "tensorflow": 0.95},
    "transformer": {"jax": 0.95, "torch": 0.85, "tensorflow": 1.0},
    "predict": {"jax": 1.3, "torch": 1.3, "tensorflow": 1.3},
    "call": {"jax": 1.5, "torch": 3.0, "tensorflow": 1.5},
    "first five": {"torch": 1.5},
    "memory": {"jax": 1.1, "torch": 1.1, "tensorflow": 1.1},
    "import alone": {"": 2.5},
}

# Measure -> backend -> the most seconds of ours.
SECONDS = {"fit": {"jax": 0.002, "torch": 0.003, "tensorflow": 0.005}}

# (measure, backend) -> why the bar is missed and what the floor is: printed below the table while it is missed.
NOTES: dict[tuple[str, str], str] = {}
