"""One model, one loss curve, three frameworks.

A small convnet learns scikit-learn's handwritten digits: four epochs on JAX, four on PyTorch, four on TensorFlow,
moved each time with `to_backend`. Then it is saved, loaded on every backend, and the predictions are compared.

    make demo      or      triceras demo      or      python examples/switch_backends.py

Frameworks that aren't installed are left out. Writes digits.keras and loss.png into --output.
"""

import argparse
import itertools
import os
import pathlib
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

import triceras as keras
from triceras import layers
from triceras.core import registry

TRAINERS = ("jax", "torch", "tensorflow")
LEAST_ACCURACY = 0.97
LARGEST_DIFFERENCE = 1e-4
console = Console(highlight=False)


def main(arguments=None):
    """Run the job; returns 0 where it keeps its two promises, else 1."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    return run(parser.parse_args(arguments))


def add_arguments(parser):
    parser.add_argument("--epochs", type=int, default=4, help="epochs on each backend (4)")
    parser.add_argument("--seed", type=int, default=0, help="of the weights, the order and the split (0)")
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("demo_output"), help="folder for the files")


def run(options):
    trainers = installed_trainers()
    if not trainers:
        console.print("No backend that can train is installed.")
        return 1
    options.output.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(options.seed)
    train, test = load_digits(options.seed)

    keras.config.set_backend(trainers[0])
    model = build_model()
    legs = [train_on(name, model, train, options.epochs) for name in trainers]
    path = options.output / "digits.keras"
    model.save(path)
    results = {name: load_and_predict(name, path, test) for name in registry.installed()}

    show_training(legs)
    draw_curve(legs, options.output / "loss.png")
    console.print(f"\nSaved {path} and {options.output / 'loss.png'}. The model, loaded on every backend:")
    return show_predictions(results)


def installed_trainers():
    """Those of JAX, PyTorch and TensorFlow that are here; says which are not."""
    missing = [name for name in TRAINERS if name not in registry.installed()]
    for name in missing:
        command = escape(f'pip install "triceras[{name}]"')
        console.print(f"[yellow]{name} is not installed, so this run goes without it:[/] {command}", soft_wrap=True)
    return [name for name in TRAINERS if name not in missing]


def load_digits(seed):
    """1,797 images of 8 × 8 in [0, 1] and their labels: four fifths to learn from, a fifth to test on."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    order = np.random.default_rng(seed).permutation(len(digits.target))
    images, labels = digits.images[order, ..., None].astype("float32") / 16, digits.target[order].astype("int32")
    cut = len(labels) * 4 // 5
    return (images[:cut], labels[:cut]), (images[cut:], labels[cut:])


def build_model():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(3e-3), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def train_on(name, model, data, epochs):
    """Move the model to a backend and train on: the weights, Adam's moments and the metrics come along."""
    console.print(f"Training {epochs} epochs on [bold]{name}[/] …")
    seconds = []
    clock = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: seconds.append(-time.perf_counter()),
        on_epoch_end=lambda epoch, logs: seconds.append(seconds.pop() + time.perf_counter()),
    )
    model.to_backend(name)
    history = model.fit(*data, batch_size=32, epochs=epochs, verbose=0, callbacks=[clock]).history
    return {"backend": name, "loss": history["loss"], "accuracy": history["accuracy"], "seconds": seconds}


def load_and_predict(name, path, test):
    """Load the file on a backend; its predictions and its accuracy on images it has not seen."""
    images, labels = test
    with keras.use_backend(name):
        predictions = keras.models.load_model(path).predict(images, verbose=0)
    return predictions, float((predictions.argmax(-1) == labels).mean())


def show_training(legs):
    table = Table("backend", "epochs", "loss", "accuracy", "seconds an epoch")
    start = 1
    for leg in legs:
        last = start + len(leg["loss"]) - 1
        arrow = f"{leg['loss'][0]:.4f} → {leg['loss'][-1]:.4f}"
        warm = statistics.median(leg["seconds"][1:] or leg["seconds"])
        seconds = f"{warm:.2f} (first {leg['seconds'][0]:.2f})"
        row = f"{start}–{last}", arrow, f"{leg['accuracy'][-1]:.4f}", seconds
        table.add_row(leg["backend"], *row)
        start = last + 1
    console.print(table)


def show_predictions(results):
    """Print each backend's test accuracy and how far any two are apart; 0 where both are good enough, else 1."""
    table = Table("loaded on", "test accuracy")
    for name, (_, accuracy) in results.items():
        table.add_row(name, f"{accuracy:.4f}")
    console.print(table)
    pairs = itertools.combinations([predictions for predictions, _ in results.values()], 2)
    difference = max((float(np.abs(a - b).max()) for a, b in pairs), default=0.0)
    accuracy = min(accuracy for _, accuracy in results.values())
    good = accuracy >= LEAST_ACCURACY and difference <= LARGEST_DIFFERENCE
    console.print(f"Largest difference between the predictions of any two: [bold]{difference:.1e}[/]")
    console.print(
        f"[{'green' if good else 'red'}]{'As' if good else 'Not as'} promised:[/] "
        f"accuracy at least {LEAST_ACCURACY}, difference at most {LARGEST_DIFFERENCE:.0e}."
    )
    return 0 if good else 1


def draw_curve(legs, path):
    """One loss curve over all epochs, each backend's part in its own colour."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(xlabel="epoch", ylabel="training loss", yscale="log", title="One model, one loss curve")
    epoch, joint = 0, []
    for leg in legs:
        points = [*joint, *((epoch + i, loss) for i, loss in enumerate(leg["loss"], 1))]
        axes.plot(*zip(*points, strict=True), marker="o", markevery=slice(len(joint), None), label=leg["backend"])
        epoch, joint = points[-1][0], points[-1:]
    axes.legend()
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    raise SystemExit(main())
