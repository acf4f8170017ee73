from .generator import VideoGenerator
from .tasks.interpolation import Interpolation
from .tasks.repair import Repair

__all__ = ["Interpolation", "Repair", "VideoGenerator"]
