from .clips import Clip, ClipSource
from .detectors import DETECTORS, Detector, load_detector
from .distances import frechet_distance, inception_score, kernel_distance
from .i3d import I3D
from .measurement import evaluate, prepare
from .protocol import CUSTOM, Protocol
from .protocols import PROTOCOLS, protocols_named
from .sources import open_source, source_of

__all__ = [
    "CUSTOM",
    "DETECTORS",
    "I3D",
    "PROTOCOLS",
    "Clip",
    "ClipSource",
    "Detector",
    "Protocol",
    "evaluate",
    "frechet_distance",
    "inception_score",
    "kernel_distance",
    "load_detector",
    "open_source",
    "prepare",
    "protocols_named",
    "source_of",
]
