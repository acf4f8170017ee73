from .scene_agreement import Agreement, Claim, agreement, agreements, claims_of
from .scene_reader import BodyReading, read_bodies, read_scene

__all__ = [
    "Agreement",
    "BodyReading",
    "Claim",
    "agreement",
    "agreements",
    "claims_of",
    "read_bodies",
    "read_scene",
]
