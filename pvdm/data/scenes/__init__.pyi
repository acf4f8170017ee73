from .rendered_scene import CameraTrack, RenderedScene, scene
from .scene_events import Event
from .scene_facts import DIRECTIONS, BodyFacts, Direction
from .scene_videos import ScenePath, scene_of
from .world import MOTIONS, Body, World

__all__ = [
    "DIRECTIONS",
    "MOTIONS",
    "Body",
    "BodyFacts",
    "CameraTrack",
    "Direction",
    "Event",
    "RenderedScene",
    "ScenePath",
    "World",
    "scene",
    "scene_of",
]
