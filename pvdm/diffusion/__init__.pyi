from .condition import Condition
from .denoise import Denoise, Network, make_denoise
from .networks.joint_transformer import JointTransformer, TransformerConfig
from .networks.unet import TriplaneUNet, UNetConfig
from .noise import NoiseSource, VideoNoise
from .parameterization import (
    PARAMETERIZATIONS,
    NetworkOutput,
    Prediction,
    min_snr_weight,
    to_prediction,
    training_target,
    velocity,
)
from .process import diffusion_loss, posterior, q_sample
from .sampler_config import GRIDS, Grid, SamplerConfig
from .samplers import SAMPLERS, sample, sample_ddim, sample_ddpm, sample_dpmpp_2m, sample_unipc
from .schedule import DiffusionConfig, Level, NoiseSchedule, Parameterization
from .time_grids import TimeDistribution, time_grid

__all__ = [
    "GRIDS",
    "PARAMETERIZATIONS",
    "SAMPLERS",
    "Condition",
    "Denoise",
    "DiffusionConfig",
    "Grid",
    "JointTransformer",
    "Level",
    "Network",
    "NetworkOutput",
    "NoiseSchedule",
    "NoiseSource",
    "Parameterization",
    "Prediction",
    "SamplerConfig",
    "TimeDistribution",
    "TransformerConfig",
    "TriplaneUNet",
    "UNetConfig",
    "VideoNoise",
    "diffusion_loss",
    "make_denoise",
    "min_snr_weight",
    "posterior",
    "q_sample",
    "sample",
    "sample_ddim",
    "sample_ddpm",
    "sample_dpmpp_2m",
    "sample_unipc",
    "time_grid",
    "to_prediction",
    "training_target",
    "velocity",
]
