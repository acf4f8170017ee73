from .adversary import AdversaryConfig
from .autoencoder import AutoencoderTraining
from .averaging import AveragedWeights
from .data import VideoData
from .diffusion import DiffusionTraining
from .early_stopping import EarlyStopping
from .optimization import OptimizerConfig
from .prediction import WriteVideos
from .sharding import ShardedStrategy
from .throughput import Throughput
from .video_log import VideoLog

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
