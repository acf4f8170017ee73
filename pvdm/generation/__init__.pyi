from .generator import VideoGenerator
from .tasks.interpolation import Interpolation
from .tasks.repair import Repair
from .tasks.upscaling import Upscaling

__all__ = ["Interpolation", "Repair", "Upscaling", "VideoGenerator"]
