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
NOTES: dict[tuple[str, str], str] = {
    ("lstm", "jax"): (
        "the recurrent kernel is 2.1 of the 2.2 ms of the step by hand, and its products alone (118 MFLOP, at the 80 "
        "GFLOP/s that one core was seen to reach) take 1.5: about 0.7 is the floor on this processor. Keras takes 1.0 "
        "here. A gradient written for the whole scan in place of one for the gates was estimated at 0.8."
    ),
    ("lstm", "torch"): (
        "both sides spend nearly all of the step in the same oneDNN kernel; compiling saves what is around it, some "
        "10 % of the step."
    ),
    ("transformer", "jax"): (
        "both sides compile to the same products under XLA; nothing was found that ours has and the step by hand "
        "lacks, and the bar is the best run of Keras, which stands at 1.0 here."
    ),
    ("transformer", "tensorflow"): (
        "the same kernels on both sides, but for Adam: some 12 element-wise operations where the step by hand has one "
        "kernel, 2 to 3 % of the step."
    ),
    ("cnn", "tensorflow"): ("the same convolution kernels on both sides, which take nearly all of the step."),
    ("predict", "jax"): (
        "the compiled call takes what it takes by hand, 9 µs a batch; the other 11 µs are finding the program for the "
        "arguments, cutting the batch and fetching the result. `steps_per_execution=32` runs 32 batches in one call, "
        "for one more compilation."
    ),
    ("predict", "torch"): (
        "half of a batch's time is Python around the compiled graph: Inductor's wrapper, finding the program, making "
        "a tensor of the batch. By hand there is one `Sequential` call."
    ),
    ("memory", "tensorflow"): (
        "some 25 MB more, once, for tracing the step through layers and ops; steps add none, and where XLA is tried "
        "its compiler takes some 250 MB, once."
    ),
}
