from .autoencoder import Triplane
from .generation import VideoGenerator
from .video import read_video, save_video

__all__ = ["Triplane", "VideoGenerator", "read_video", "save_video"]
