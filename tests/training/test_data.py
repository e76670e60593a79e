"""Data adapters: what the user passes, as batches."""

import warnings

import numpy as np
import pytest

from triceras.core import seeds
from triceras.training.data import Epochs, make_source, split
from triceras.utils.data import PyDataset, pack_x_y_sample_weight, unpack_x_y_sample_weight

X = np.arange(20.0).reshape(10, 2)
Y = np.arange(10)


def batches(*args, **kwargs):
    return list(make_source(*args, **kwargs).begin_pass())


def epochs_of(source, count, **kwargs):
    """The batches of several epochs; batches are numbers in these tests."""
    epochs = Epochs(source, **kwargs)
    return [[batch for _, chunk in epochs for batch in chunk] for _ in range(count)]


# --- arrays ----------------------------------------------------------------------------------------------------------


def test_arrays_come_in_order_and_floats_in_floatx():
    source = make_source(X, Y, batch_size=4)
    found = list(source.begin_pass())
    assert source.num_batches == 3 and source.batch_size == 4
    assert [len(x) for x, _ in found] == [4, 4, 2]
    assert found[0][0].dtype == np.float32 and found[0][1].dtype == Y.dtype
    np.testing.assert_array_equal(np.concatenate([y for _, y in found]), Y)


def test_the_default_batch_size_is_32():
    assert [len(x) for x in batches(np.zeros((70, 1)))] == [32, 32, 6]


def test_structures_are_kept():
    x = {"a": X, "b": [X, Y]}
    (found, target, weight), *_ = batches(x, (Y, Y), np.ones(10), batch_size=3)
    assert set(found) == {"a", "b"} and isinstance(found["b"], list) and isinstance(target, tuple)
    assert found["b"][1].tolist() == [0, 1, 2] and weight.shape == (3,)


def test_a_seed_gives_the_same_order_and_passes_differ():
    def order():
        seeds.set_random_seed(3)
        source = make_source(X, Y, batch_size=4, shuffle=True)
        return [np.concatenate([y for _, y in source.begin_pass()]).tolist() for _ in range(2)]

    first, second = order()
    assert order() == [first, second] and first != second
    assert sorted(first) == Y.tolist() != first


def test_shuffling_batches_keeps_each_batch_together():
    found = [y.tolist() for _, y in batches(X, Y, batch_size=2, shuffle="batch")]
    assert sorted(found) == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]] != found


def test_tensors_of_every_backend(backend):
    from triceras import ops

    (x, y), *_ = batches(ops.convert_to_tensor(X.astype("float32")), ops.convert_to_tensor(Y), batch_size=4)
    assert isinstance(x, np.ndarray) and x.tolist() == X[:4].tolist() and y.tolist() == [0, 1, 2, 3]


class Frame:
    """As much of a pandas DataFrame or Series as is needed."""

    iloc = None

    def __init__(self, values):
        self.values, self.ndim = values, values.ndim

    def to_numpy(self):
        return self.values


def test_data_frames_and_their_columns():
    ((x, y),) = batches(Frame(X), Frame(Y))
    assert x.shape == (10, 2) and y.shape == (10, 1)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (dict(x=X, y=Y[:3]), "Data cardinality is ambiguous.*'x' sizes: 10\n'y' sizes: 3"),
        (dict(x=X, y=Y, sample_weight=Y[:2]), "'sample_weight' sizes: 2"),
        (dict(x=[[1.0, 2.0]]), r"Unrecognized data type: x=\[\[1.0, 2.0\]\].*np.array"),
        (dict(x="abc"), "Unrecognized data type: x='abc'"),
        (dict(x=lambda: iter([X])), "Unrecognized data type.*Call it first"),
        (dict(x=None), "Unrecognized data type: x=None"),
        (dict(x=X, y=[1, 2]), r"Unrecognized data type: y=\[1, 2\]"),
        (dict(x=np.array([None, 3])), "Invalid dtype: object"),
        (dict(x=np.float32(3)), "first axis"),
        (dict(x=X[:0]), "no samples"),
        (dict(x=X, batch_size=0), "at least 1"),
        (dict(x=X, y=Y, sample_weight=Y, class_weight={}), "at the same time"),
        (dict(x=X, y=[Y, Y], class_weight={0: 1.0}), "single output"),
        (dict(x=X, y=Y, class_weight=[1]), "must be a dict"),
    ],
)
def test_wrong_arrays_are_refused(arguments, text):
    with pytest.raises(ValueError, match=f"(?s){text}"):
        make_source(**arguments)


def test_validation_takes_the_end():
    (x, y, w), (val_x, val_y, val_w) = split(0.25, {"a": X}, Y, None)
    assert x["a"].tolist() == X[:7].tolist() and y.tolist() == list(range(7)) and w is None
    assert val_x["a"].tolist() == X[7:].tolist() and val_y.tolist() == [7, 8, 9] and val_w is None


@pytest.mark.parametrize("fraction", [1.5, -0.2, 1.0])
def test_a_split_needs_samples_on_both_sides(fraction):
    with pytest.raises(ValueError, match="10 samples, which is not sufficient"):
        split(fraction, X, Y)


def test_only_arrays_can_be_split():
    with pytest.raises(ValueError, match="only supported for tensors or NumPy arrays.*generator"):
        split(0.5, (x for x in [X]), None)


@pytest.mark.parametrize("y", [Y % 2, (Y % 2)[:, None], np.eye(2)[Y % 2], (Y % 2).astype("float32")])
def test_class_weights_become_sample_weights(y):
    ((_, _, weights),) = batches(X, y, class_weight={1: 3.0})
    assert weights.tolist() == [1.0, 3.0] * 5


# --- epochs ----------------------------------------------------------------------------------------------------------


def test_without_steps_an_epoch_is_a_pass():
    assert epochs_of(make_source(Y, batch_size=5), 2)[1][1].tolist() == [5, 6, 7, 8, 9]


def test_with_steps_an_epoch_goes_on_where_the_last_stopped():
    found = epochs_of(make_source(Y, batch_size=2), 2, steps_per_epoch=2)
    assert [[b[0] for b in epoch] for epoch in found] == [[0, 2], [4, 6]]


def test_when_the_data_end_the_next_epoch_begins_anew():
    with pytest.warns(UserWarning, match="Your input ran out of data"):
        found = epochs_of(make_source(Y, batch_size=2), 3, steps_per_epoch=3)
    assert [[int(b[0]) for b in epoch] for epoch in found] == [[0, 2, 4], [6, 8], [0, 2, 4]]


def test_batches_come_in_chunks():
    epochs = Epochs(make_source(Y, batch_size=2), chunk=2)
    assert [(first, len(chunk)) for first, chunk in epochs] == [(0, 2), (2, 2), (4, 1)]


def test_the_number_of_steps_is_learnt_from_the_first_epoch():
    epochs = Epochs(make_source(iter([(X,), (X,)])))
    assert epochs.num_steps is None
    assert len(list(epochs)) == 2 and epochs.num_steps == 2
    with pytest.warns(UserWarning, match="ran out of data"):
        assert list(epochs) == []


def test_steps_must_be_positive():
    with pytest.raises(ValueError, match="at least 1"):
        Epochs(make_source(X), steps_per_epoch=0)


# --- generators ------------------------------------------------------------------------------------------------------


def generator(count):
    for i in range(count):
        yield X + i, Y


def test_a_generator_goes_on_from_epoch_to_epoch():
    found = epochs_of(make_source(generator(6)), 2, steps_per_epoch=3)
    assert [[b[0][0, 0] for b in epoch] for epoch in found] == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (dict(x=generator(0)), "at least one batch"),
        (dict(x=generator(1), y=Y), "`y` should not be passed"),
        (dict(x=generator(1), sample_weight=Y), "`sample_weights` should not be passed"),
        (dict(x=generator(1), class_weight={0: 1.0}), "not supported for Python generator"),
    ],
)
def test_wrong_use_of_generators_is_refused(arguments, text):
    with pytest.raises(ValueError, match=text):
        make_source(**arguments)


@pytest.mark.parametrize("batch", [[X, Y], (X, Y, Y, Y), ()])
def test_a_generator_must_yield_tuples(batch):
    with pytest.raises(ValueError, match="must return a tuple"):
        batches(iter([batch]))


# --- PyDataset -------------------------------------------------------------------------------------------------------


class Numbers(PyDataset):
    def __init__(self, count=5, **kwargs):
        super().__init__(**kwargs)
        self.count, self.calls = count, []

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        if index == 99:
            raise IndexError("no such batch")
        return np.full(2, index), np.ones(2, int)

    def on_epoch_begin(self):
        self.calls.append("begin")

    def on_epoch_end(self):
        self.calls.append("end")


@pytest.mark.parametrize(
    "options", [{}, {"workers": 3, "max_queue_size": 2}, {"workers": 2, "use_multiprocessing": True}]
)
def test_workers_keep_the_order(options):
    data = Numbers(**options)
    source = make_source(data)
    assert source.num_batches == 5
    assert [int(x[0]) for x, _ in source.begin_pass()] == [0, 1, 2, 3, 4]


def test_a_py_dataset_is_told_of_epochs_and_shuffled():
    data = Numbers()
    orders = [[int(b[0][0]) for b in epoch] for epoch in epochs_of(make_source(data, shuffle=True), 2)]
    assert data.calls == ["begin", "end"] * 2
    assert sorted(orders[0]) == [0, 1, 2, 3, 4] and orders[0] != orders[1]


def test_a_worker_s_error_reaches_the_caller():
    with pytest.raises(IndexError, match="no such batch"):
        list(make_source(Numbers(100, workers=2)).begin_pass())


def test_class_weights_of_a_py_dataset():
    (_, _, weights), *_ = batches(Numbers(), class_weight={1: 2.0})
    assert weights.tolist() == [2.0, 2.0]


def test_a_py_dataset_without_end_needs_no_length():
    class Endless(Numbers):
        num_batches = None

    found = epochs_of(make_source(Endless()), 2, steps_per_epoch=2)
    assert [[int(b[0][0]) for b in epoch] for epoch in found] == [[0, 1], [2, 3]]


def test_a_py_dataset_says_what_it_lacks():
    with pytest.raises(NotImplementedError, match="__len__"):
        make_source(PyDataset())
    with pytest.raises(ValueError, match="no batches"):
        make_source(Numbers(0))
    with pytest.raises(ValueError, match="`y` should not be passed"):
        make_source(Numbers(), Y)


def test_a_batch_size_for_batches_is_ignored_aloud():
    with pytest.warns(UserWarning, match="batch_size=3.*ignored"):
        make_source(Numbers(), batch_size=3)


# --- frameworks ------------------------------------------------------------------------------------------------------


def test_torch_loaders():
    torch = pytest.importorskip("torch")
    dataset = torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y))
    loader = torch.utils.data.DataLoader(dataset, batch_size=4)
    source = make_source(loader)
    assert source.num_batches == 3
    x, y = next(source.begin_pass())
    assert type(next(source.begin_pass())) is tuple and isinstance(x, torch.Tensor) and y.tolist() == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="not supported for torch DataLoader"):
        make_source(loader, class_weight={0: 1.0})


def test_tf_data():
    tf = pytest.importorskip("tensorflow")
    dataset = tf.data.Dataset.from_tensor_slices((X, Y % 2)).batch(4)
    assert make_source(dataset).num_batches == 3
    assert make_source(dataset.repeat()).num_batches is None
    x, y, weights = next(make_source(dataset, class_weight={1: 2.0}).begin_pass())
    assert x.shape == (4, 2) and weights.tolist() == [1.0, 2.0, 1.0, 2.0]
    with pytest.raises(ValueError, match="`y` should not be passed"):
        make_source(dataset, Y)


def test_what_only_looks_like_a_framework_s_is_refused():
    fake = type("Thing", (), {"__module__": "torch.utils.data.dataloader_tools"})()
    with pytest.raises(ValueError, match="Unrecognized data type"):
        make_source(fake)


# --- tuples ----------------------------------------------------------------------------------------------------------


def test_packing_and_unpacking():
    assert pack_x_y_sample_weight(1) == 1 and pack_x_y_sample_weight([1, 2]) == ([1, 2],)
    assert pack_x_y_sample_weight(1, 2, 3) == (1, 2, 3) and pack_x_y_sample_weight({"a": 1}) == {"a": 1}
    assert unpack_x_y_sample_weight(1) == (1, None, None)
    assert unpack_x_y_sample_weight([1, 2]) == (1, 2, None)
    assert unpack_x_y_sample_weight({"a": 1}) == ({"a": 1}, None, None)
    with pytest.raises(ValueError, match="a tuple of 4"):
        unpack_x_y_sample_weight((1, 2, 3, 4))


def test_passes_hold_nothing_after_they_end():
    import gc
    import weakref

    class Array(np.ndarray):
        pass

    array = np.zeros((4, 1), np.float32).view(Array)
    reference = weakref.ref(array)
    gc.disable()
    try:
        for _ in make_source(array, batch_size=2).begin_pass():
            pass
        del array, _
        assert reference() is None
    finally:
        gc.enable()


def test_nothing_warns_in_ordinary_use():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        epochs_of(make_source(X, Y, shuffle=True), 2)
