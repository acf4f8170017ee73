from .adapters.adapter_training import AdapterTraining
from .autoencoder_training import AutoencoderTraining
from .callbacks.averaging import AveragedWeights
from .callbacks.early_stopping import EarlyStopping
from .callbacks.generalization_gap import GeneralizationGap
from .callbacks.prediction import WriteVideos
from .callbacks.throughput import Throughput
from .callbacks.video_log import VideoLog
from .consistency_training import ConsistencyTraining
from .data import ClipData, LatentData, VideoData, data_module
from .diffusion_training import DiffusionTraining
from .gan.adversary import AdversaryConfig
from .optimization import OptimizerConfig
from .run.sharding import ShardedStrategy

__all__ = [
    "AdapterTraining",
    "AdversaryConfig",
    "AutoencoderTraining",
    "AveragedWeights",
    "ClipData",
    "ConsistencyTraining",
    "DiffusionTraining",
    "EarlyStopping",
    "GeneralizationGap",
    "LatentData",
    "OptimizerConfig",
    "ShardedStrategy",
    "Throughput",
    "VideoData",
    "VideoLog",
    "WriteVideos",
    "data_module",
]
