from .condition import Condition
from .consistency import Jump, clean_of_step, draw_jump, jumps, moved, pseudo_huber
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
from .samplers import SAMPLERS, sample, sample_consistency, sample_ddim, sample_ddpm, sample_dpmpp_2m, sample_unipc
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
    "Jump",
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
    "clean_of_step",
    "diffusion_loss",
    "draw_jump",
    "jumps",
    "make_denoise",
    "min_snr_weight",
    "moved",
    "posterior",
    "pseudo_huber",
    "q_sample",
    "sample",
    "sample_consistency",
    "sample_ddim",
    "sample_ddpm",
    "sample_dpmpp_2m",
    "sample_unipc",
    "time_grid",
    "to_prediction",
    "training_target",
    "velocity",
]
