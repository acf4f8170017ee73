"""FVD and KVD: how far generated clips are from real ones in the features of a network."""

from __future__ import annotations

from pvdm.evaluation.clips import ClipSource
from pvdm.evaluation.distances import frechet_distance, kernel_distance
from pvdm.evaluation.floor import floor_of
from pvdm.evaluation.kinds.setting import Setting
from pvdm.evaluation.results import Figure, Outcome


def measure(real: ClipSource, fake: ClipSource, setting: Setting) -> Outcome:
    """`fvd` and `kvd`, Unterthiner et al. 2018 (arXiv 1812.01717), each above its floor."""
    wanted = setting.real_features(real)
    among_real = setting.real_halves(real, wanted, len(fake))
    found = setting.features(fake, "generated clips")
    distances = {"fvd": frechet_distance, "kvd": kernel_distance}
    return Outcome(
        {
            name: Figure(distance(found, wanted), "lower", floor=floor_of(distance, among_real))
            for name, distance in distances.items()
        }
    )
