"""Diffusion of flat latents: noise process, predictions, conditions, the denoiser's contract, samplers."""

from pvdm.diffusion.condition import Condition
from pvdm.diffusion.denoise import Denoise, Network, make_denoise
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
from pvdm.diffusion.samplers import SAMPLERS, SamplerConfig, sample_ddim, sample_ddpm, sample_dpmpp_2m
from pvdm.diffusion.schedule import DiffusionConfig, NoiseSchedule, Parameterization, time_grid
from pvdm.diffusion.unet import TriplaneUNet, UNetConfig

__all__ = [
    "SAMPLERS",
    "Condition",
    "Denoise",
    "DiffusionConfig",
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
    "time_grid",
    "to_prediction",
    "training_target",
    "velocity",
]
