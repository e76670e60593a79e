"""What tests of torch's compiler share."""

import pytest

import triceras
from triceras.core import registry


@pytest.fixture
def captured(monkeypatch, tmp_path):
    """torch as the backend; functions are captured at their second call, and never given to a compiler."""
    monkeypatch.setenv("TRICERAS_TORCH_COMPILE", "eager")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with triceras.use_backend("torch"):
        yield registry.get("torch")
