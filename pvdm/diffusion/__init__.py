"""Diffusion of flat latents: noise process, predictions, conditions, the denoiser's contract, samplers."""

from pvdm.diffusion.condition import Condition
from pvdm.diffusion.denoise import Denoise, Network, make_denoise
from pvdm.diffusion.grids import GRIDS, Grid, time_grid
from pvdm.diffusion.multistep import sample_dpmpp_2m, sample_unipc
from pvdm.diffusion.noise import NoiseSource, VideoNoise
from pvdm.diffusion.process import (
    Prediction,
    diffusion_loss,
    min_snr_weight,
    posterior,
    q_sample,
    to_prediction,
    training_target,
    velocity,
)
from pvdm.diffusion.samplers import SAMPLERS, SamplerConfig, sample_ddim, sample_ddpm
from pvdm.diffusion.schedule import DiffusionConfig, Level, NoiseSchedule, Parameterization
from pvdm.diffusion.unet import TriplaneUNet, UNetConfig

__all__ = [
    "GRIDS",
    "SAMPLERS",
    "Condition",
    "Denoise",
    "DiffusionConfig",
    "Grid",
    "Level",
    "Network",
    "NoiseSchedule",
    "NoiseSource",
    "Parameterization",
    "Prediction",
    "SamplerConfig",
    "TriplaneUNet",
    "UNetConfig",
    "VideoNoise",
    "diffusion_loss",
    "make_denoise",
    "min_snr_weight",
    "posterior",
    "q_sample",
    "sample_ddim",
    "sample_ddpm",
    "sample_dpmpp_2m",
    "sample_unipc",
    "time_grid",
    "to_prediction",
    "training_target",
    "velocity",
]
