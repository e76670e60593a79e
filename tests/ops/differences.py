"""Where ops differ from real Keras's on purpose: the reason, then by backend the ops with the numbers of their samples.

An op is what it is on every backend. Where Keras's backends differ among themselves, it is what NumPy has, else what
most of them give.
"""

UNDETERMINED = {"argpartition", "empty_like"}  # any order of the rest will do; uninitialised memory

_NEXT = ["nextafter 0", "nextafter 1", "nextafter 2", "nextafter 3"]

DIFFERENT: dict[str, dict[str, list[str]]] = {
    "Python numbers don't vote on dtypes, as elsewhere in Keras": {
        "tensorflow": ["bitwise_and 2", "bitwise_or 2", "bitwise_xor 2", "heaviside 4"],
        "torch": ["heaviside 4"],
    },
    "float64 appears out of nowhere": {"tensorflow": ["select 1"]},
    "NaN stays NaN, as in NumPy and on JAX": {"tensorflow": ["heaviside 0"], "torch": ["heaviside 0"]},
    "as in NumPy, the longer signal gives the length of 'same', and one of one element stays a vector": {
        "tensorflow": ["correlate 6"],
        "torch": ["correlate 2", "correlate 6"],
    },
    "channels_first means the blocks of channels_last, transposed, as on JAX and torch": {
        "tensorflow": ["depth_to_space 1", "space_to_depth 1"]
    },
    "counts are floating-point and a range of width 0 is widened by 1/2 on both sides, as in NumPy and on JAX": {
        "tensorflow": ["histogram 2", "histogram 3"]
    },
    "equal_nan means NaN, and infinities are equal to themselves alone": {"tensorflow": ["isclose 2"]},
    "istft(stft(x)) is x, without center too; Keras leaves a factor there": {
        "tensorflow": ["istft 2", "istft 4"],
        "torch": ["istft 2", "istft 4"],
    },
    "without a window every sample of a stretch counts, as on TensorFlow and JAX": {"torch": ["stft 2"]},
    "the logarithm of |det|, also of negative determinants, as on JAX": {
        "tensorflow": ["logdet 1", "logdet 2", "logdet 4"],
        "torch": ["logdet 4"],
    },
    "pivots say which rows were swapped (LAPACK, JAX, torch), not how all are ordered": {"tensorflow": ["lu_factor 1"]},
    "the next number of the given dtype; Keras looks for it in float64 and rounds it away": {
        "tensorflow": _NEXT,
        "torch": _NEXT,
    },
    "dtype counts": {"tensorflow": ["prod 6"]},
    "the axes count": {"tensorflow": ["rot90 5"]},
    "the largest float32 that int32 holds; Keras overflows": {
        "tensorflow": ["saturate_cast 3"],
        "torch": ["saturate_cast 3"],
    },
    "the maximum of nothing is -infinity, as on JAX and torch": {"tensorflow": ["segment_max 0", "segment_min 0"]},
    "sparsemax sums to 1 (Martins and Astudillo 2016, equation 2)": {
        "tensorflow": ["sparsemax 0", "sparsemax 1", "sparsemax 4"],
        "jax": ["sparsemax 0"],
        "torch": ["sparsemax 0", "sparsemax 1", "sparsemax 4"],
    },
    "always in ascending order": {"tensorflow": ["unique 5"]},
    "the coordinates of a scalar come in the order of the axes": {"tensorflow": ["unravel_index 3"]},
    "vectors count as rows, as in NumPy": {"tensorflow": ["vstack 1", "vstack 2"]},
    "a matrix of one element stays a matrix of its batch": {"jax": ["cholesky_inverse 3"]},
    "weights of all elements may be two-dimensional": {"torch": ["average 2"]},
    "padding 'same' goes evenly around, more of it after, as on TensorFlow and JAX": {"torch": ["average_pool 4"]},
    "as in NumPy": {"tensorflow": ["hypot 6"], "torch": ["dot 2", "max 6", "min 6"]},
    "integers become floats, as in tanh and its other kin": {
        "jax": ["hard_tanh 5"],
        "torch": ["hard_tanh 2", "hard_tanh 5"],
    },
    "integers stay integers, as in relu": {"jax": ["relu6 5"]},
    "the step is a tensor, as on TensorFlow and JAX": {"torch": ["linspace 3"]},
    "one tensor for each axis, as on TensorFlow and JAX": {"torch": [f"nonzero {i}" for i in range(5)]},
    "one number pads every axis, and 'symmetric' is known": {"torch": ["pad 0", "pad 3"]},
    "-1 means up to the end": {"torch": ["slice 1"]},
    "indices and counts are int32 on every backend": {
        "torch": [*(f"top_k {i}" for i in range(6)), "unique 2", "unique 4"]
    },
    "torch has no arithmetic for uint32: int64 holds all its numbers": {"torch": ["sum 6"]},
}
