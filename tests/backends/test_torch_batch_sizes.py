"""One graph, and one compilation, for every batch size on torch; where that can't be, one for each."""

import numpy as np
import pytest

import triceras
from triceras import layers, ops
from triceras.core import registry, tree

torch = pytest.importorskip("torch")

from tests.layers import running  # noqa: E402
from tests.layers.cases import ONE_EACH, inputs_of  # noqa: E402
from triceras.backends.torch.compiler import background, capture, program  # noqa: E402


@pytest.fixture(autouse=True)
def captures(monkeypatch, tmp_path):
    """torch as the backend, capturing at the second call; the graphs that were captured."""
    found, real = [], program.capture

    def counted(*args):
        found.append(real(*args))
        return found[-1]

    monkeypatch.setattr(program, "capture", counted)
    monkeypatch.setenv("TRICERAS_TORCH_COMPILE", "eager")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with triceras.use_backend("torch"):
        yield found


def wrapped(fn):
    """`fn` compiled on torch, with its programs to look at."""
    return registry.get("torch").jit(fn)


def only(run):
    """The one program that a function has."""
    (found,) = run.programs.values()
    return found


def data(rows):
    rng = np.random.default_rng(0)
    return rng.normal(size=(rows, 5)).astype("float32"), rng.integers(0, 3, rows)


def classifier(**options):
    triceras.utils.set_random_seed(0)
    model = triceras.Sequential([layers.Dense(7, activation="relu"), layers.BatchNormalization(), layers.Dense(3)])
    loss = triceras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"], **options)
    return model


def test_the_smaller_last_batch_is_served_by_the_same_graph(captures):
    x, y = data(327)
    results = []
    for jit_compile in ("auto", False):
        model = classifier(jit_compile=jit_compile)
        history = model.fit(x, y, batch_size=32, epochs=2, shuffle=False, verbose=0).history
        scores = model.evaluate(x, y, batch_size=32, verbose=0)
        results.append((history, scores, model.predict(x, batch_size=32, verbose=0)))
    assert len(captures) == 3 and all(captured.batch.size == 32 for captured in captures)
    assert results[0][:2] == results[1][:2]
    np.testing.assert_array_equal(results[0][2], results[1][2])


def test_several_steps_at_once_are_one_graph_too(captures):
    x, y = data(39)
    model = classifier(steps_per_execution=4)
    model.fit(x, y, batch_size=4, epochs=2, verbose=0)
    assert len(captures) == 1 and int(model.optimizer.iterations.numpy()) == 20


def test_batches_of_any_size_are_as_in_eager_calls(captures):
    weights = []
    for jit_compile in ("auto", False):
        model = classifier(jit_compile=jit_compile)
        for size in (32, 32, 32, 7, 29, 1, 7, 64, 32, 29, 1, 2):
            model.train_on_batch(*data(size))
        weights.append(model.get_weights())
        if jit_compile:
            found = only(model._steps["train_step"].one)
    for a, b in zip(*weights, strict=True):
        np.testing.assert_array_equal(a, b)
    assert found.sizes == {32: True, 7: True, 29: True, 64: True, 2: True}
    assert [captured.batch is None for captured in captures] == [False, True]  # one row: a graph of its own


ANY_SIZE = [case for case in ONE_EACH if not any(hasattr(x, "shape") for x in tree.flatten(case[3]))]  # no masks


@pytest.mark.parametrize("name, expression, shapes, options", ANY_SIZE, ids=[name for name, *_ in ANY_SIZE])
def test_a_layers_graph_takes_other_batch_sizes(captures, name, expression, shapes, options):
    inputs = tree.map_structure(lambda x: np.concatenate([x, x]), inputs_of(shapes))  # one row has a graph of its own
    layer = running.made(triceras, expression)
    layer(*inputs, **options)
    step = wrapped(lambda *inputs: layer(*inputs, **options))
    with torch.no_grad():
        for _ in range(3):
            step(*inputs)
        more = tree.map_structure(lambda x: np.concatenate([x, x[:1], x]), inputs)
        found = [step(*more) for _ in range(2)]
    for a, b in zip(*map(tree.flatten, found), strict=True):  # eagerly, when the size was new, and by the graph
        assert a is b is None or a.shape == b.shape
    assert len(captures) == 1 and list(only(step).sizes.values()) == [True, True]


def test_one_compilation_serves_all_sizes(monkeypatch):
    monkeypatch.setitem(program.PACES, "eager", program.Pace(0.0, 0.0, wait=True))
    jobs, sizes = [], []

    class Ready:
        problem = None

        def __init__(self, captured, values):
            jobs.append(background._job(captured, values))
            self.forward = captured.module.forward

        def run(self, *inputs):
            sizes.append(len(inputs[-1]))
            return self.forward(*inputs)

        def is_done(self, wait=False):
            return True

        def stop(self):
            pass

    monkeypatch.setattr(background, "start", Ready)
    monkeypatch.setattr(background, "is_known", lambda captured, values: False)
    step = wrapped(lambda x: ops.mean(x * 2.0, axis=0))
    for size in (4, 4, 4, 3, 3, 9, 9, 4):
        assert step(torch.full((size, 2), 3.0)).tolist() == [6.0, 6.0]
    (job,) = jobs
    assert job["batch"] == 4 and job["inputs"][-1][0] == [None, 2]
    assert sizes == [4, 3, 3, 9, 9, 4] and only(step).sizes == {4: True, 3: True, 9: True}


def test_the_file_of_a_compilation_is_the_same_for_all_sizes(captures):
    places = set()
    for size in (8, 32):
        step = wrapped(lambda x: ops.sum(x * 2.0, axis=0))
        step(torch.ones(size, 2)), step(torch.ones(size, 2))
        places.add(background._place(background._job(captures[-1], [])))
    assert len(places) == 1


def branches(x):
    return x * 2.0 if x.shape[0] > 5 else x * 3.0


def counts_rows(x):
    return x * float(int(x.shape[0]))


def repeats(x):
    return ops.concatenate([x] * len(x))


@pytest.mark.parametrize("fn", [branches, counts_rows, repeats])
def test_what_python_knows_of_the_size_holds_for_it_only(fn):
    step = wrapped(fn)
    for size in (4, 4, 4, 3, 3, 9, 9, 8, 8, 4, 3, 9):
        x = torch.arange(2.0 * size).reshape(size, 2)
        assert step(x).tolist() == fn(x).tolist()
    assert only(step).rest is not None and len(only(step).sizes) <= 2


def test_a_size_that_the_graph_does_wrongly_is_left_to_another(captures):
    step = wrapped(lambda x: ops.sum(x))
    for _ in range(3):
        step(torch.ones(4, 2))
    found = only(step)
    forward = found.captured.module.forward
    found.run = lambda *inputs: forward(*inputs) if len(inputs[-1]) == 4 else [inputs[-1].sum() + 1.0]
    assert [float(step(torch.ones(6, 2))) for _ in range(4)] == [12.0] * 4
    assert found.sizes == {4: True, 6: False} and found.rest.stage.__name__ == "on_graph"


def test_sizes_that_depend_on_data(captures):
    step = wrapped(lambda x: ops.sum(x[x > 1.0] * 2.0))
    for size in (4, 4, 4, 6, 6, 2):
        assert float(step(torch.arange(float(size)))) == 2.0 * sum(range(2, size))
    assert len(captures) == 1 and only(step).sizes == {4: True, 6: True, 2: True}


def test_tensors_too_large_for_compiled_kernels_have_graphs_of_their_own(captures, monkeypatch):
    monkeypatch.setattr(capture, "COUNTABLE", 15)
    step = wrapped(lambda x: ops.sum(x * 2.0))
    for size in (3, 3, 3, 2, 2, 5, 5):
        assert float(step(torch.ones(size, 4))) == 8.0 * size
    assert only(step).sizes == {3: True, 2: True} and captures[0].batch.limit == 3
    assert captures[1].batch is None and background._job(captures[1], [])["inputs"][0][0] == [5, 4]


def test_sizes_that_happen_to_be_equal_are_told_apart_by_the_next_call(captures):
    step = wrapped(lambda x, w: ops.sum(x, axis=0) * ops.mean(w))
    for rows, length in ((3, 3), (3, 3), (3, 3), (5, 3), (5, 3), (5, 3), (3, 3), (2, 2)):
        x, w = torch.ones(rows, 4), torch.arange(float(length))
        assert step(x, w).tolist() == [rows * (length - 1) / 2] * 4
    assert len(step.programs) == 2 == len(captures)


def test_a_variables_dimension_is_none_of_the_batchs(captures):
    w = triceras.Variable(np.ones((4, 4)), trainable=False)
    step = wrapped(lambda x: ops.matmul(x, w))
    for size in (4, 4, 4, 6, 6):
        assert step(torch.ones(size, 4)).shape == (size, 4)
    assert len(captures) == 1 and only(step).sizes == {4: True, 6: True}


def test_there_is_an_end_to_the_graphs_of_one_function(captures):
    step = wrapped(counts_rows)
    for size in range(2, program.GRAPHS + 5):
        for _ in range(3):
            assert step(torch.ones(size)).tolist() == [float(size)] * size
    assert len(captures) == program.GRAPHS and all(captured.batch is None for captured in captures)


def test_sizes_are_numbers_that_do_not_vote(captures):
    def fn(x):
        rows = x.shape[0]
        return x * rows, ops.convert_to_tensor(rows), x / ops.cast(rows, "float32"), ops.zeros((rows, 2))

    step = wrapped(fn)
    for size in (4, 4, 4, 6, 6):
        for got, want in zip(
            step(torch.ones(size, dtype=torch.float16)), fn(torch.ones(size, dtype=torch.float16)), strict=True
        ):
            assert got.dtype is want.dtype and got.tolist() == want.tolist()
    assert only(step).sizes == {4: True, 6: True}
