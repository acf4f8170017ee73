"""Figures that can be trusted: feature networks, metrics, protocols, and what they are computed from."""

from pvdm.evaluation.clips import Clip, ClipSource
from pvdm.evaluation.detectors import DETECTORS, Detector, load_detector
from pvdm.evaluation.distances import frechet_distance, inception_score, kernel_distance
from pvdm.evaluation.i3d import I3D
from pvdm.evaluation.measurement import evaluate, prepare
from pvdm.evaluation.protocol import CUSTOM, Protocol
from pvdm.evaluation.protocols import PROTOCOLS, protocols_named
from pvdm.evaluation.sources import open_source, source_of

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
