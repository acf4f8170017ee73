from .rendered_scene import CameraTrack, RenderedScene, scene
from .scene_events import Event
from .world import MOTIONS, Body, World

__all__ = [
    "MOTIONS",
    "Body",
    "CameraTrack",
    "Event",
    "RenderedScene",
    "World",
    "scene",
]
