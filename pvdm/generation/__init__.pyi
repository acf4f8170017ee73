from .generator import VideoGenerator
from .tasks.interpolation import Interpolation

__all__ = ["Interpolation", "VideoGenerator"]
