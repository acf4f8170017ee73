"""Both stages as LightningModules, their data and their callbacks."""

from pvdm.training.autoencoder import AutoencoderTraining
from pvdm.training.averaging import AveragedWeights
from pvdm.training.data import VideoData
from pvdm.training.diffusion import DiffusionTraining
from pvdm.training.optimization import OptimizerConfig
from pvdm.training.prediction import WriteVideos

__all__ = [
    "AutoencoderTraining",
    "AveragedWeights",
    "DiffusionTraining",
    "OptimizerConfig",
    "VideoData",
    "WriteVideos",
]
