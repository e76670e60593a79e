"""Models: graphs of layers that can be trained, saved and moved between backends."""

from triceras.models.clone import clone_model
from triceras.models.functional import Functional
from triceras.models.model import Model, model_from_json
from triceras.models.sequential import Sequential
from triceras.saving import load_model, save_model

__all__ = ["Functional", "Model", "Sequential", "clone_model", "load_model", "model_from_json", "save_model"]
