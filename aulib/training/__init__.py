"""The two-stage recipe of the paper (§3.2) on cached features.

Stage 1 freezes all convolutional layers and trains the head. Stage 2 starts from stage 1's best model and trains the
last convolutional block with the head. "Best" is the highest selection score, the mean of macro F1 and accuracy on the
validation people. Which people the paper selected on, and for how long each stage ran, it does not say."""

from aulib.training._augment import Augmentation
from aulib.training._devices import device
from aulib.training._predict import predict, prediction_table
from aulib.training._recipe import cache_features, train_two_stage
from aulib.training._run import Run, open_run

__all__ = [
    "Augmentation",
    "Run",
    "cache_features",
    "device",
    "open_run",
    "predict",
    "prediction_table",
    "train_two_stage",
]
