"""One measurement by a protocol, from clips to a result that says all it depends on."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from pvdm.autoencoder.perceptual import VGG, PerceptualDistance
from pvdm.errors import InputError
from pvdm.evaluation.clips.opening import ReconstructedClips, SampledClips, Source, VideoClips
from pvdm.evaluation.clips.source import Clip, ClipSource
from pvdm.evaluation.clips.training_overlap import other_data
from pvdm.evaluation.features.detectors import DETECTORS, load_detector
from pvdm.evaluation.metrics.naturalness import ST_RRED_SIZE
from pvdm.evaluation.metrics.registry import METRICS, NEED_REAL
from pvdm.evaluation.metrics.setup import MetricSetup, Progress
from pvdm.evaluation.protocol import Protocol
from pvdm.evaluation.results import over_seeds
from pvdm.runtime.processes import ALONE, Processes

logger = logging.getLogger(__name__)

Pairs = Mapping[int, tuple[ClipSource | None, ClipSource]]
"""Real and generated clips by seed."""


@dataclass(frozen=True)
class Measurement:
    """All that a measurement needs, so that what can be refused has been: see `prepare`."""

    protocol: Protocol
    pairs: Pairs
    counts: Mapping[str, int | None]
    few: bool
    settings: Mapping[int, MetricSetup]
    other_data: str | None = None

    def run(self) -> dict[str, Any]:
        """The result, see `evaluate`; all processes must call it."""
        began, kind = time.monotonic(), METRICS[self.protocol.kind]
        outcomes = {seed: kind(*pair, self.settings[seed]) for seed, pair in self.pairs.items()}
        (real, fake), setting = self.pairs[self.protocol.seeds[0]], self.settings[self.protocol.seeds[0]]
        return {
            "protocol": self.protocol.name,
            "based_on": self.protocol.based_on,
            "changed": plain(self.protocol.changed),
            "kind": self.protocol.kind,
            "metrics": over_seeds(outcomes),
            "settings": self.protocol.describe(),
            "counts": dict(self.counts),
            "few": self.few,
            "detector": setting.detector and setting.detector.describe(),
            "lpips": None if isinstance(setting.lpips, str) else setting.lpips.record,
            "real": real and real.describe(),
            "fake": fake.describe(),
            "other_data": self.other_data,
            "details": {str(seed): dict(outcome.details) for seed, outcome in outcomes.items() if outcome.details},
            "batch_size": setting.batch_size,
            "processes": setting.processes.size,
            "seconds": round(time.monotonic() - began, 3),
        }


def evaluate(real: Source | None, fake: Source, protocol: Protocol, **options: Any) -> dict[str, Any]:
    """What a protocol finds, JSON-able; arguments and errors are those of `prepare`.

    Returns:
        protocol, based_on, changed, kind, metrics (by name: value, spread over the seeds, by_seed, better, ...),
        settings, counts, few, detector, lpips, real, fake, other_data (a sentence if the model was trained on other
        data than it is compared with), details (by seed), batch_size, processes, seconds.
    """
    return prepare(real, fake, protocol, **options).run()


def prepare(
    real: Source | None,
    fake: Source,
    protocol: Protocol,
    *,
    detector_path: str | Path | None = None,
    lpips_weights: str | Path | None = None,
    st_rred: bool = False,
    held_out: Source | None = None,
    allow_few: bool = False,
    batch_size: int = 4,
    device: torch.device | str = "cpu",
    processes: Processes = ALONE,
    progress: Progress | None = None,
) -> Measurement:
    """A measurement that can begin; nothing is read or sampled yet.

    `InputError` for fewer clips than the protocol asks for without `allow_few`, for weights that are missing, and for
    no real clips where they are needed.

    Args:
        real, fake: Clips of a repetition by its seed, see `pvdm.evaluation.clips.opening`.
        detector_path: Weights of the protocol's network; None fetches them where there is an address.
        lpips_weights: VGG's, for reconstructions; without them LPIPS is left out where they cannot be fetched, and
            where the protocol is one without downloads.
        st_rred: Judge reconstructions by ST-RRED too: about a second for 16 frames of 128x128.
        held_out: Real clips that were not trained on, for the nearest training clips.
        batch_size: Clips in memory at once.
        processes: That share the clips, each of which is measured once; all get the result.
        progress: Told (what is done, clips done, clips in all).
    """
    pairs = opened(real, fake, protocol)
    protocol = with_part_of(pairs, protocol)
    counts = counted(pairs)
    reconstructs = isinstance(next(iter(pairs.values()))[1], ReconstructedClips)  # as many as real clips, then
    few = check_counts(counts, replace(protocol, num_fake=None) if reconstructs else protocol, allow_few=allow_few)
    check_possible(counts, protocol, st_rred=st_rred)
    common = {
        "detector": load_detector(protocol.detector, detector_path, device=device) if protocol.detector else None,
        "lpips": _lpips(protocol, lpips_weights) if protocol.kind == "reconstruction" else "",
        "st_rred": st_rred,
        "batch_size": batch_size,
        "device": device,
        "processes": processes,
        "progress": progress,
    }
    settings = {seed: MetricSetup(protocol, seed, held_out=held_out and held_out(seed), **common) for seed in pairs}
    return Measurement(protocol, pairs, counts, few, settings, trained_elsewhere(pairs))


def opened(real: Source | None, fake: Source, protocol: Protocol) -> Pairs:
    """The clips of all repetitions that differ; generated ones are as many as real ones if the protocol has no number.

    A seed that changes no clip repeats nothing: samples in files are the same ones each time.
    """
    if real is None and protocol.kind in NEED_REAL:
        raise InputError(f"{protocol.title} compares with real clips", "give them as --real")
    real = None if protocol.kind == "is" else real
    pairs, known = {}, []
    for seed in protocol.seeds:
        wanted, found = real and real(seed), fake(seed)
        if protocol.num_fake is None and wanted is not None and len(found) > len(wanted):
            found = FirstClips(found, len(wanted))
        if (key := (wanted and wanted.key(), found.key())) not in known:
            pairs[seed] = (wanted, found)
        known.append(key)
    return pairs


def with_part_of(pairs: Pairs, protocol: Protocol) -> Protocol:
    """The protocol with the part that the real clips are of, and so `custom` where it fixes another."""
    real, _ = next(iter(pairs.values()))
    said = real.describe() if real else {}
    part = said.get("part")
    return protocol if part in (None, protocol.part_of(said.get("layout"))) else protocol.with_changes(part=part)


class FirstClips(ClipSource):
    """The first clips of another source."""

    def __init__(self, source: ClipSource, num: int) -> None:
        self.source, self.num, self.classes = source, num, source.classes

    def __len__(self) -> int:
        return self.num

    def read(self, indices: Sequence[int], *, batch_size: int = 1) -> Iterator[Clip]:
        return self.source.read(indices, batch_size=batch_size)

    def describe(self) -> dict[str, Any]:
        return {**self.source.describe(), "first": self.num}

    def name(self, index: int) -> str:
        return self.source.name(index)

    def key(self) -> dict[str, Any]:
        return {**self.source.key(), "first": self.num}


def counted(pairs: Pairs) -> dict[str, int | None]:
    """Clips of the repetition that has the fewest, and what there was to choose from."""
    real, fake = min(pairs.values(), key=lambda pair: (len(pair[0]) if pair[0] else 0, len(pair[1])))
    said = real.describe() if real else {}
    return {
        "real": len(real) if real else None,
        "fake": len(fake),
        "real_available": said["videos"] - said["dropped_short"] if "videos" in said else None,
        "dropped_short": said.get("dropped_short"),
        "fake_dropped_short": fake.describe().get("dropped_short"),
    }


def trained_elsewhere(pairs: Pairs) -> str | None:
    """The sentence of `other_data`, where a model is compared with videos."""
    real, fake = next(iter(pairs.values()))
    is_known = isinstance(fake, (SampledClips, ReconstructedClips)) and isinstance(real, VideoClips)
    note = other_data(fake.generator, real.videos) if is_known else None
    if note:
        logger.warning(note)
    return note


def check_counts(counts: Mapping[str, int | None], protocol: Protocol, *, allow_few: bool) -> bool:
    """Whether there are fewer clips than the protocol asks for; InputError unless that or the protocol allows it."""
    needed = {
        "real": None if counts["real"] is None else protocol.needed_real,
        "fake": counts["real"] if protocol.num_fake is None else protocol.num_fake,
    }
    few = {side: number for side, number in needed.items() if number is not None and counts[side] < number}
    refused = [side for side in few if f"num_{side}" not in protocol.fits and not allow_few]
    if refused:
        raise InputError(" and ".join(_shortage(side, needed[side], counts, protocol) for side in refused) + _REMEDY)
    return bool(few)


def check_possible(counts: Mapping[str, int | None], protocol: Protocol, *, st_rred: bool) -> None:
    """InputError for what would fail at its end: too few clips for any number, or frames too small for ST-RRED."""
    least = {"is": protocol.splits, "coherence": 1, "naturalness": 1}.get(protocol.kind, 2)
    fewest = min(number for number in (counts["real"], counts["fake"]) if number is not None)
    if fewest < least:
        raise InputError(f"{protocol.title} cannot be computed of {fewest} clip(s)", f"give at least {least}")
    if st_rred and protocol.kind == "reconstruction" and protocol.size is not None and protocol.size < ST_RRED_SIZE:
        raise InputError(
            f"ST-RRED takes frames of {ST_RRED_SIZE}x{ST_RRED_SIZE} or more, and these are "
            f"{protocol.size}x{protocol.size}",
            "leave it out",
        )


_REMEDY = (
    "; give more, or change the numbers (--num-real, --num-fake: the result is then custom), "
    "or pass --allow-few, which marks the result"
)


def _shortage(side: str, needed: int, counts: Mapping[str, int | None], protocol: Protocol) -> str:
    word = "real" if side == "real" else "generated"
    dropped = counts["dropped_short" if side == "real" else "fake_dropped_short"]
    short = f" ({dropped} more are too short)" if dropped else ""
    return f"{protocol.title} takes {needed} {word} clips and there are {counts[side]}{short}"


def _lpips(protocol: Protocol, weights: str | Path | None) -> PerceptualDistance | str:
    """LPIPS of frames, or why there is none: what is not asked for must not stop the rest."""
    needs_download = protocol.detector is not None and DETECTORS[protocol.detector].file is not None
    if weights is None and not needs_download and not VGG.cached.is_file():
        return "LPIPS takes VGG's weights, and this protocol does without downloads; give --lpips-weights"
    try:
        return PerceptualDistance(weights)
    except InputError as error:
        if weights is not None:
            raise
        return f"{str(error).partition(';')[0]}; give --lpips-weights"


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """JSON has lists alone."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
