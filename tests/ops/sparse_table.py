"""Which ops real Keras keeps sparse: found by calling every op on every sample with sparse tensors in its place.

    python -m tests.ops.sparse_table        # asks Keras anew (minutes) and prints the table

A line has, for TensorFlow, for JAX and for symbolic tensors, which arguments may be sparse with a sparse result: `0` the
first, `01` the first two together; `-` none.
"""

from tests.oracle import run_keras

TABLE = """
- | - | 0: divide_no_nan nansum ones_like zeros_like
- | - | 01: fmax fmin
- | 0 | -: get_item view_as_complex
- | 0 | 0: mean
0 | - | -: deg2rad erf nan_to_num rad2deg
0 | - | 0: fabs
0 | 0 | -: cast rearrange trunc
0 | 0 | 0: abs absolute arcsin arcsinh arctan arctanh bincount ceil conj conjugate copy divide expand_dims expm1 floor
0 | 0 | 0: imag log1p negative real reshape round sign signbit sin sinh
0 | 0 | 0: sqrt square squeeze sum tan tanh transpose true_divide
0 | 0 | 0 01: digitize
0 01 012 | 01 012 | 0 01 012: concatenate
0 01 1 | 0 01 1 | 0 01 1: multiply
01 | 01 | 01: add matmul maximum minimum subtract
"""

# What is otherwise here. A result is sparse on every backend and for symbolic tensors alike, or on none.
DIFFERENT = {
    "dense on TensorFlow, so dense everywhere": {"get_item", "view_as_complex"},
    "sparse for symbolic tensors only; the tensors aren't": {"nansum", "ones_like", "zeros_like", "fmax", "fmin"},
    "not zero-preserving by its arguments": {"nan_to_num"},
}


def table():
    """{op: (patterns on TensorFlow, on JAX, of symbolic tensors)}."""
    found = {}
    for line in TABLE.strip().splitlines():
        patterns, _, names = line.partition(":")
        columns = tuple(frozenset(part.split()) - {"-"} for part in patterns.split("|"))
        found.update(dict.fromkeys(names.split(), columns))
    return found


CODE = """
import itertools
if keras.backend.backend() == "tensorflow":
    import tensorflow as tf
    to_sparse, SPARSE = tf.sparse.from_dense, tf.SparseTensor
else:
    from jax.experimental import sparse
    to_sparse, SPARSE = sparse.BCOO.fromdense, sparse.JAXSparse

def decode(x, each):
    if isinstance(x, dict) and set(x) == {"tuple"}:
        return tuple(decode(v, each) for v in x["tuple"])
    if isinstance(x, dict) and set(x) == {"numpy"}:
        return x["numpy"][()]
    if isinstance(x, dict) and set(x) == {"slice"}:
        return slice(*x["slice"])
    if isinstance(x, dict) and set(x) == {"ellipsis"}:
        return Ellipsis
    if isinstance(x, dict):
        return {k: decode(v, each) for k, v in x.items()}
    if isinstance(x, list):
        return [decode(v, each) for v in x]
    return each(x) if isinstance(x, np.ndarray) else x

def run(function, args, kwargs, convert, chosen):
    numbers = itertools.count()
    each = lambda x: convert(x, next(numbers) in chosen)
    try:
        return function(*decode(args, each), **decode(kwargs, each))
    except Exception:
        return None

def kept(name, args, kwargs):
    found, arrays = [set(), set()], []
    decode([args, kwargs], arrays.append)
    places = [i for i, x in enumerate(arrays) if x.ndim]
    for chosen in [(i,) for i in places] + ([tuple(places)] if 1 < len(places) == len(arrays) else []):
        eager = lambda x, here: to_sparse(x) if here else keras.ops.convert_to_tensor(x)
        symbolic = lambda x, here: keras.KerasTensor(x.shape, x.dtype.name, sparse=here)
        for results, convert, is_sparse in (
            (found[0], eager, lambda y: isinstance(y, SPARSE)),
            (found[1], symbolic, lambda y: getattr(y, "sparse", False)),
        ):
            if is_sparse(run(getattr(keras.ops, name), args, kwargs, convert, chosen)):
                results.add("".join(map(str, chosen)))
    return [sorted(part) for part in found]

result = {}
for name, samples in calls.items():
    if hasattr(keras.ops, name):
        each = [kept(name, *sample) for sample in samples]
        result[name] = [sorted({p for parts in each for p in parts[i]}) for i in (0, 1)]
"""


def samples_of(names, count):
    """{op: its first samples of plain numbers, not all of them scalars}."""
    from triceras.testing.samples import CASES

    def fits(sample):
        plain = all(x.dtype.kind in "fiub" and x.dtype != "float16" for x in sample.arrays)
        return plain and any(x.ndim and x.size for x in sample.arrays)

    found = {name: [s for s in CASES[name].samples if fits(s)][:count] for name in names if name in CASES}
    return {name: samples for name, samples in found.items() if samples}


def ask_keras(backend, names, count):
    """{op: (patterns of tensors, patterns of symbolic tensors)} as real Keras has them."""
    from tests.ops.test_same_as_keras import _encoded

    calls = {
        name: [[_encoded(list(s.args)), _encoded(s.kwargs)] for s in samples]
        for name, samples in samples_of(names, count).items()
    }
    answers = run_keras(CODE, backend, timeout=1500, calls=calls)
    return {name: tuple(map(frozenset, parts)) for name, parts in answers.items()}


def main():
    from triceras.ops.op import OPS

    names = sorted(name for name, op in OPS.items() if op.namespace == "ops" and not name.startswith("random_"))
    (tensorflow, jax), rows = (ask_keras(*each) for each in (("tensorflow", names, 3), ("jax", names, 2))), {}
    for name, (eager, symbolic) in tensorflow.items():
        row = eager, jax[name][0], symbolic | jax[name][1]
        if any(row):
            rows.setdefault(" | ".join(" ".join(sorted(part)) or "-" for part in row), []).append(name)
    print("\n".join(f"{row}: {' '.join(names)}" for row, names in sorted(rows.items())))


if __name__ == "__main__":
    main()
