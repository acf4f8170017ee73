from .generator import VideoGenerator
from .long_video.anchor import Anchor
from .long_video.parallel_clips import ParallelVideo
from .tasks.interpolation import Interpolation
from .tasks.repair import Repair
from .tasks.upscaling import Upscaling

__all__ = ["Anchor", "Interpolation", "ParallelVideo", "Repair", "Upscaling", "VideoGenerator"]
