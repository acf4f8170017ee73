from .generator import VideoGenerator

__all__ = ["VideoGenerator"]
