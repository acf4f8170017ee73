"""Trained models at work: load, sample, extend, stream; conversion of released weights."""

from pvdm.generation.generator import VideoGenerator

__all__ = ["VideoGenerator"]
