"""Both stages as LightningModules, their data and their callbacks."""

from pvdm.training.adversary import AdversaryConfig
from pvdm.training.autoencoder import AutoencoderTraining
from pvdm.training.averaging import AveragedWeights
from pvdm.training.data import VideoData
from pvdm.training.diffusion import DiffusionTraining
from pvdm.training.early_stopping import EarlyStopping
from pvdm.training.optimization import OptimizerConfig
from pvdm.training.prediction import WriteVideos
from pvdm.training.sharding import ShardedStrategy
from pvdm.training.throughput import Throughput
from pvdm.training.video_log import VideoLog

__all__ = [
    "AdversaryConfig",
    "AutoencoderTraining",
    "AveragedWeights",
    "DiffusionTraining",
    "EarlyStopping",
    "OptimizerConfig",
    "ShardedStrategy",
    "Throughput",
    "VideoData",
    "VideoLog",
    "WriteVideos",
]
