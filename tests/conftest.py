"""Fixtures: one process runs every installed backend."""

import os
import re
import tempfile

os.environ["KERAS_HOME"] = tempfile.mkdtemp(prefix="keras_home_")  # what the user has set up doesn't matter here
os.environ.pop("KERAS_BACKEND", None)
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TRICERAS_TORCH_COMPILE", "0")  # no test starts a compiler unless it asks for one
# XLA spends most of a test's time in making code fast that runs once: without that it compiles in a third of the time.
# Eight virtual devices are there for the tests of distribution.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false --xla_force_host_platform_device_count=8",
)

import pytest

import triceras
from triceras.core import registry, seeds

INSTALLED = [name for name in ("numpy", "jax", "torch", "tensorflow") if name in registry.installed()]
TRAINABLE = [name for name in INSTALLED if name != "numpy"]


def pytest_xdist_make_scheduler(config, log):
    """One worker runs the tests of a file, or those of one family of layers in it, which ask real Keras together."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file, _, test = nodeid.partition("::")
            family = (
                re.search(r"\[(?:\w+-)?(\w+)-\w+\]", test) if file.endswith("layers/test_same_as_keras.py") else None
            )
            return file if family is None else f"{file} {family[1]}"

    return ByFile(config, log)


@pytest.fixture(params=INSTALLED)
def backend(request):
    """Each installed backend in turn, as the current one."""
    with triceras.use_backend(request.param):
        yield request.param


@pytest.fixture(params=TRAINABLE)
def trainable_backend(request):
    """Each installed backend that has gradients, as the current one."""
    with triceras.use_backend(request.param):
        yield request.param


@pytest.fixture(autouse=True)
def _fixed_seed():
    seeds.set_random_seed(1234)
