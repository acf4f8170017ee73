from .clips.protocol_clips import open_source, source_of
from .clips.source import Clip, ClipSource
from .features.detectors import DETECTORS, Detector, load_detector
from .features.i3d import I3D
from .measurement import evaluate, prepare
from .metrics.frechet import frechet_distance, kernel_distance
from .metrics.inception import inception_score
from .protocol import CUSTOM, Protocol
from .protocols import PROTOCOLS, protocols_named

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
