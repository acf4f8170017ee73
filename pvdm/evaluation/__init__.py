"""Figures that can be trusted: feature networks, metrics, protocols, and what they are computed from."""

from pvdm.evaluation.clips import Clip, ClipSource
from pvdm.evaluation.processes import Processes, processes
from pvdm.evaluation.protocol import CUSTOM, Protocol

__all__ = ["CUSTOM", "Clip", "ClipSource", "Processes", "Protocol", "processes"]
