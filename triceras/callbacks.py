"""Callbacks: what can hook into `fit`, `evaluate` and `predict`."""

from triceras.training.callbacks.backup_and_restore import BackupAndRestore
from triceras.training.callbacks.callback import Callback
from triceras.training.callbacks.callback_list import CallbackList
from triceras.training.callbacks.csv_logger import CSVLogger
from triceras.training.callbacks.early_stopping import EarlyStopping
from triceras.training.callbacks.history import History
from triceras.training.callbacks.learning_rate import LearningRateScheduler, ReduceLROnPlateau
from triceras.training.callbacks.model_checkpoint import ModelCheckpoint
from triceras.training.callbacks.monitor import MonitorCallback
from triceras.training.callbacks.progbar_logger import ProgbarLogger
from triceras.training.callbacks.small import LambdaCallback, RemoteMonitor, TerminateOnNaN
from triceras.training.callbacks.swap_ema_weights import SwapEMAWeights

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "MonitorCallback",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "RemoteMonitor",
    "SwapEMAWeights",
    "TerminateOnNaN",
]
