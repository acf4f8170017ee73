"""FVD and KVD: how far generated clips are from real ones in the features of a network."""

from __future__ import annotations

from pvdm.evaluation.clips import ClipSource
from pvdm.evaluation.distances import frechet_distance, kernel_distance
from pvdm.evaluation.kinds.setting import Setting
from pvdm.evaluation.results import Figure, Outcome


def measure(real: ClipSource, fake: ClipSource, setting: Setting) -> Outcome:
    """`fvd` and `kvd`, Unterthiner et al. 2018 (arXiv 1812.01717)."""
    wanted, found = setting.real_features(real), setting.features(fake, "generated clips")
    return Outcome(
        {
            "fvd": Figure(frechet_distance(found, wanted), "lower"),
            "kvd": Figure(kernel_distance(found, wanted), "lower"),
        }
    )
