"""Ops on sparse tensors: those that Keras keeps sparse stay so, with the values of dense ones; all others are dense."""

import itertools

import numpy as np
import pytest

import triceras
from tests.ops.sparse_table import DIFFERENT, ask_keras, samples_of, table
from triceras import ops
from triceras.backends.sparse import BODIES, KEEPS
from triceras.core import registry, tree
from triceras.core.graph import KerasTensor
from triceras.ops.op import OPS
from triceras.testing.op_suite import run

WITH_SPARSE = [name for name in ("tensorflow", "jax") if name in registry.installed()]
OTHERWISE = set().union(*DIFFERENT.values())
VALUES_ALONE = {"bincount", "digitize", "signbit"}  # where there is no value there is no zero to count, no -0.0 either
SAMPLES = {"tensorflow": 3, "jax": 1}  # of each op; JAX compiles each for each shape
A = np.float32([[0, 1, 0, -3], [2, 0, 0, 0], [0, 0, 0, 0]])
B = np.float32([[5, 2, 0, 0], [0, 0, -1, 0], [0, 0, 4, 0]])


@pytest.fixture(params=WITH_SPARSE)
def home(request):
    """Each backend with sparse tensors."""
    with triceras.use_backend(request.param):
        yield registry.get(request.param)


def sparse_of(x, home):
    x = np.asarray(x)
    places = np.argwhere(x)
    return home.sparse.make(places, x[tuple(places.T)], x.shape)


def is_sparse(x):
    backend = registry.backend_of(x) or registry.current()
    return backend.sparse is not None and backend.sparse.is_sparse(x)


def same(found, want):
    want = np.asarray(want)
    got = ops.convert_to_numpy(found)
    assert got.shape == want.shape and got.dtype == want.dtype
    np.testing.assert_allclose(got.astype("float64"), want.astype("float64"), rtol=1e-4, atol=1e-5)


def patterns(sample):
    places = [i for i, x in enumerate(sample.arrays) if x.ndim]
    together = [tuple(places)] if 1 < len(places) == len(sample.arrays) else []
    return [(i,) for i in places] + together


def filled(sample, convert, chosen):
    return sample.filled([convert(x, i in chosen) for i, x in enumerate(sample.arrays)])


# --- the table --------------------------------------------------------------------------------------------------------


def test_the_table_covers_what_is_kept():
    kept = {name for name, columns in table().items() if any(columns)} - OTHERWISE
    assert kept == set(KEEPS) and set(KEEPS) | BODIES <= set(OPS)


@pytest.mark.parametrize("name", sorted(set(KEEPS)))
def test_ops_keep_sparsity_and_values(name, home):
    wanted = table()[name][WITH_SPARSE.index(home.name)]
    kept, tried = set(), set()
    count = SAMPLES[home.name] + (name in ("mean", "sum"))  # whose first sample has no axis
    for sample in samples_of([name], count)[name]:
        dense = run(OPS[name], sample, home)
        for chosen in patterns(sample):
            tensors = filled(sample, lambda x, here: sparse_of(x, home) if here else home.convert(x), chosen)
            found = OPS[name](*tensors.args, **tensors.kwargs)
            specs = filled(sample, lambda x, here: KerasTensor(x.shape, x.dtype.name, sparse=here), chosen)
            foretold = OPS[name](*specs.args, **specs.kwargs)
            assert foretold.sparse == is_sparse(found), (str(sample), chosen)
            (kept if is_sparse(found) else tried).add("".join(map(str, chosen)))
            if name not in VALUES_ALONE:
                same(found, home.to_numpy(dense))
    assert kept >= wanted & (kept | tried)


@pytest.mark.parametrize("name", sorted(set(samples_of(OPS, 1)) - set(KEEPS)))
def test_all_other_ops_take_sparse_tensors_as_dense_ones(name):
    if OPS[name].namespace != "ops" or name.startswith("random_") or name == "empty_like":
        pytest.skip("no result to compare")
    home = registry.get(WITH_SPARSE[0])
    with triceras.use_backend(home):
        (sample,) = samples_of([name], 1)[name]
        want = tree.flatten(run(OPS[name], sample, home))
        tensors = filled(sample, lambda x, here: sparse_of(x, home) if x.ndim else home.convert(x), ())
        found = tree.flatten(OPS[name](*tensors.args, **tensors.kwargs))
        for x, y in zip(found, want, strict=True):
            if home.dtype(y) != "string":
                assert not is_sparse(x)
                np.testing.assert_array_equal(ops.convert_to_numpy(x), ops.convert_to_numpy(y))


@pytest.mark.parametrize("name", ["exp", "relu", "softmax", "take", "where", "stack", "einsum", "equal", "max"])
def test_other_ops_on_each_backend(name, home):
    (sample,) = samples_of([name], 1)[name]
    tensors = filled(sample, lambda x, here: sparse_of(x, home) if x.ndim else home.convert(x), ())
    same(OPS[name](*tensors.args, **tensors.kwargs), home.to_numpy(run(OPS[name], sample, home)))


@pytest.mark.oracle
@pytest.mark.slow
@pytest.mark.parametrize("column", range(len(WITH_SPARSE)), ids=WITH_SPARSE)
def test_keras_keeps_no_more_than_the_table_says(column):
    stored, name = table(), WITH_SPARSE[column]
    answers = ask_keras(name, sorted(stored), SAMPLES[name])
    more = {
        op: (eager - stored[op][column], symbolic - stored[op][2])
        for op, (eager, symbolic) in answers.items()
        if not (eager <= stored[op][column] and symbolic <= stored[op][2])
    }
    assert not more, more
    assert sum(map(bool, stored)) * 0.7 < sum(bool(eager) for eager, _ in answers.values())


# --- by hand ----------------------------------------------------------------------------------------------------------

BINARY = {"add": np.add, "subtract": np.subtract, "multiply": np.multiply, "maximum": np.maximum, "minimum": np.minimum}


@pytest.mark.parametrize("name", BINARY)
def test_pairs(name, home):
    op, reference = getattr(ops, name), BINARY[name]
    a, b = sparse_of(A, home), sparse_of(B, home)
    others = (B, B[:1], B[:, :1], B[0], np.float32(2), np.ones((2, 3, 4), "float32"))
    both, twice, smaller, mixed, *found = at_once(
        home,
        lambda: (
            [op(a, b), op(op(a, b), a), op(a, sparse_of(B[:1], home)), op(ops.cast(a, "int8"), ops.cast(b, "float16"))]
            + [pair for other in others for pair in (op(a, other), op(other, a))]
        ),
    )
    assert is_sparse(both) and ops.dtype(mixed) == "float16"
    same(both, reference(A, B))
    same(twice, reference(reference(A, B), A))  # places that occur twice
    same(smaller, reference(A, B[:1]))
    for other, left, right in zip(others, found[::2], found[1::2], strict=True):
        assert is_sparse(left) == is_sparse(right) == (name == "multiply" and other.ndim < 3)
        same(left, reference(A, other))
        same(right, reference(other, A))


def at_once(home, function):
    """The results of a function; compiled where compiling op by op would take long."""
    return triceras.jit(function)() if home.name == "jax" else function()


def test_quotients(home):
    a, others = sparse_of(A, home), (B + 9, B[0] + 9, np.float32(4))
    one_by, no_nan, *found = at_once(
        home, lambda: [ops.divide(1.0, a), ops.divide_no_nan(a, B), *(ops.divide(a, other) for other in others)]
    )
    assert not is_sparse(one_by)
    same(no_nan, np.divide(A, B, out=np.zeros_like(A), where=B != 0))
    for quotient, other in zip(found, others, strict=True):
        assert is_sparse(quotient)
        same(quotient, A / other)


def test_structure(home):
    a, b, both = sparse_of(A, home), sparse_of(B, home), np.stack([A, B])
    cases = list(itertools.product((0, -1, (0, 2), (0, 1, 2)), (False, True)))

    def work():
        cube = ops.concatenate([ops.expand_dims(a, 0), ops.expand_dims(b, 0)])
        yield ops.transpose(ops.expand_dims(a, (0, 2)), (3, 0, 2, 1))
        yield ops.squeeze(ops.reshape(a, (2, 1, -1)))
        yield ops.concatenate([a, b, a], axis=-1)
        yield from (ops.sum(cube, *case) for case in cases)
        yield from (ops.mean(cube, *case) for case in cases)
        yield ops.concatenate([a, B], axis=0)

    *found, joined = at_once(home, lambda: list(work()))
    wanted = [np.transpose(A[None, :, None], (3, 0, 2, 1)), A.reshape(2, 6), np.concatenate([A, B, A], -1)]
    wanted += [f(axis, keepdims=keepdims) for f in (both.sum, both.mean) for axis, keepdims in cases]
    for x, want in zip(found, wanted, strict=True):
        assert is_sparse(x) == (want.ndim > 0)
        same(x, want)
    assert not is_sparse(joined)


@pytest.mark.parametrize("dtype", ["float32", "float16", "int32"])
def test_products(dtype, home):
    a, b = A.astype(dtype), B.T.astype(dtype)
    pairs = [(x, left, right) for x in (a, np.stack([a, a * 2])) for left in (False, True) for right in (False, True)]

    def work():
        for x, left, right in pairs:
            yield ops.matmul(sparse_of(x, home) if left else x, sparse_of(b, home) if right else b)
        yield ops.matmul(sparse_of(a, home), b[:, 0])

    *found, vector = at_once(home, lambda: list(map(ops.convert_to_tensor, work())))
    same(vector, a @ b[:, 0])
    for (x, left, right), product in zip(pairs, found, strict=True):
        assert is_sparse(product) == (left and right)
        same(product, x @ b)


@pytest.mark.parametrize("x", [np.int32([1, 0, 5]), np.int32([[1, 1], [0, 5]])], ids=["row", "rows"])
def test_codes(x, home):
    codes = [lambda sparse, axis=axis: ops.one_hot(x, 3, axis=axis, sparse=sparse) for axis in (-1, 0)]
    codes.append(lambda sparse: ops.multi_hot(x, 3, sparse=sparse))
    codes.append(lambda sparse: ops.bincount(x, minlength=9, sparse=sparse))
    codes.append(lambda sparse: ops.bincount(x, weights=x * np.float32(2), minlength=6, sparse=sparse))
    found = at_once(home, lambda: [code(sparse) for code in codes for sparse in (True, False)])
    for sparse, dense in zip(found[::2], found[1::2], strict=True):
        assert is_sparse(sparse) and not is_sparse(dense)
        same(sparse, ops.convert_to_numpy(dense))
    same(ops.bincount([1, 3], sparse=True), np.int32([0, 1, 0, 1]))


def test_counting_what_is_there(home):
    x = sparse_of(np.int32([[1, 0, 1], [0, 0, 3]]), home)
    same(ops.bincount(x), np.int32([[0, 2, 0, 0], [0, 0, 0, 1]]))
    same(ops.digitize(sparse_of(A, home), [-1.0, 1.5]), np.int32([[0, 1, 0, 0], [2, 0, 0, 0], [0, 0, 0, 0]]))


def test_converting(home):
    a = sparse_of(A, home)
    assert ops.is_tensor(a) and ops.shape(a) == (3, 4) and ops.dtype(a) == "float32"
    assert ops.convert_to_tensor(a) is a and ops.convert_to_tensor(a, sparse=True) is a
    assert not is_sparse(ops.convert_to_tensor(a, sparse=False)) and not is_sparse(
        ops.convert_to_tensor(A, sparse=True)
    )
    assert is_sparse(ops.convert_to_tensor(a, dtype="int32"))
    same(a, A)
    same(ops.cast(a, "bool"), A != 0)
    for name in registry.installed():
        with triceras.use_backend(name):
            other = registry.get(name)
            moved = other.convert(a)
            assert is_sparse(moved) == (other.sparse is not None)
            same(moved, A)


def test_tensors_of_two_backends_are_refused():
    if len(WITH_SPARSE) < 2:
        pytest.skip("needs both")
    (first, second) = (registry.get(name) for name in WITH_SPARSE)
    for a, b in itertools.product((first.convert(A), sparse_of(A, first)), (second.convert(B), sparse_of(B, second))):
        with pytest.raises(TypeError, match="two backends in one operation: tensorflow and jax"):
            ops.add(a, b)


def test_backends_without_sparse_tensors_say_so(backend):
    if registry.get(backend).sparse is not None:
        pytest.skip("has them")
    for call in (
        lambda: ops.one_hot([1], 3, sparse=True),
        lambda: ops.multi_hot([[1]], 3, sparse=True),
        lambda: ops.bincount([1], sparse=True),
        lambda: ops.convert_to_tensor([1], sparse=True),
    ):
        with pytest.raises(
            ValueError, match=rf"ops\..*sparse=True is not supported by the {backend} backend.*accepted"
        ):
            call()


def test_wrong_arguments_are_explained(home):
    with pytest.raises(ValueError, match=r"ops.matmul\(x1=<float32 \(3, 4\)>, x2=<float32 \(3, 4\)>\)"):
        ops.matmul(sparse_of(A, home), sparse_of(B, home))
    with pytest.raises(ValueError, match=r"ops.reshape\(x=<float32 \(3, 4\)>.*doesn't fit"):
        ops.reshape(sparse_of(A, home), (5, 5))


# --- compiled, differentiated, symbolic -------------------------------------------------------------------------------


def test_compiled(home):
    def chain(a, b, w):
        x = ops.multiply(ops.add(a, ops.sqrt(ops.square(b))), 2.0)
        return ops.matmul(x, w), ops.transpose(x), ops.sum(x, axis=1), ops.exp(a), ops.one_hot([1, 0], 3, sparse=True)

    a, b, w = sparse_of(A, home), sparse_of(B, home), np.ones((4, 2), "float32")
    compiled = triceras.jit(chain)
    for _ in range(2):
        for found, want in zip(compiled(a, b, w), chain(a, b, w), strict=True):
            assert is_sparse(found) == is_sparse(want)
            same(found, ops.convert_to_numpy(want))


def test_gradients_reach_what_meets_sparse_tensors(home):
    w, c = np.float32([[1, 2], [3, 4], [5, 6], [7, 8]]), np.float32([1, 2, 3, 4])

    def loss(a, w, c):
        return ops.sum(ops.square(ops.matmul(a, w))) + ops.sum(ops.sum(ops.tanh(ops.multiply(a, c)), axis=0))

    def by(a):
        return triceras.value_and_grad(lambda w, c: loss(a, w, c), argnums=(0, 1))(w, c)

    (value, gradients), (want, wanted) = by(sparse_of(A, home)), by(ops.convert_to_tensor(A))
    same(value, ops.convert_to_numpy(want))
    for found, expected in zip(gradients, wanted, strict=True):
        same(found, ops.convert_to_numpy(expected))


def test_symbolic_tensors_with_open_sizes():
    x, n = triceras.Input((4,), sparse=True), triceras.Input((2,), dtype="int32")
    y = triceras.Input((4,))
    sparse = [ops.abs(x), x * 2, 2 * x, x * y, x + x, x / y, ops.sum(x, axis=1), ops.cast(x, "int32"), ops.transpose(x)]
    sparse += [ops.concatenate([x, x]), ops.mean(x, axis=0, keepdims=True), ops.one_hot(n, 3, sparse=True)]
    sparse += [ops.multi_hot(n, 3, sparse=True), ops.bincount(n, sparse=True), ops.expand_dims(x, 1)]
    dense = [x + 1, x + y, y / x, ops.sum(x), ops.exp(x), ops.relu(x), ops.matmul(x, ops.ones((4, 2))), x[0]]
    dense += [ops.concatenate([x, y]), ops.one_hot(n, 3), x * ops.ones((3, 1, 4))]
    assert [t.sparse for t in sparse] == [True] * len(sparse)
    assert [t.sparse for t in dense] == [False] * len(dense)


def test_rows_of_a_table():
    """`tf.IndexedSlices`: kept by what works value by value, dense elsewhere; rows that occur twice add up."""
    tf = pytest.importorskip("tensorflow")
    x = tf.IndexedSlices(tf.constant([[1.0, 2], [3, 4], [5, 6]]), tf.constant([2, 0, 2]), tf.constant([4, 2]))
    dense = np.float32([[3, 4], [0, 0], [6, 8], [0, 0]])
    with triceras.use_backend("tensorflow"):
        for found, want in (
            (ops.square(x), dense**2),
            (ops.multiply(x, 2.0), dense * 2),
            (ops.divide(x, 2.0), dense / 2),
        ):
            assert isinstance(found, tf.IndexedSlices)
            same(found, want)
        for found, want in (
            (ops.add(x, x), dense * 2),
            (ops.multiply(x, dense), dense**2),
            (ops.sum(x, 0), dense.sum(0)),
        ):
            assert isinstance(found, tf.Tensor)
            same(found, want)
        assert not is_sparse(ops.convert_to_tensor(x, sparse=False))
