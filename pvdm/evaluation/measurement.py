"""One measurement by a protocol, from clips to a result that records everything it depends on."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from pvdm.autoencoder.perceptual import VGG, PerceptualDistance
from pvdm.errors import InputError
from pvdm.evaluation.clip_counts import Pairs, check_counts, check_possible, clip_counts
from pvdm.evaluation.clips.model_clips import ReconstructedClips, SampledClips
from pvdm.evaluation.clips.protocol_clips import Source
from pvdm.evaluation.clips.source import FirstClips
from pvdm.evaluation.clips.training_overlap import other_data
from pvdm.evaluation.clips.video_clips import VideoClips
from pvdm.evaluation.features.detectors import DETECTORS, load_detector
from pvdm.evaluation.metrics.metric_registry import METRICS
from pvdm.evaluation.metrics.metric_setup import MetricSetup
from pvdm.evaluation.protocol import Protocol
from pvdm.evaluation.results import over_seeds
from pvdm.runtime.processes import ALONE, Processes
from pvdm.runtime.progress_callback import NamedProgress

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Measurement:
    """A measurement that is ready to run, see `prepare`; `pairs` and `setups` are by the seed of the repetition."""

    protocol: Protocol
    pairs: Pairs
    counts: Mapping[str, int | None]
    few: bool
    setups: Mapping[int, MetricSetup]
    other_data: str | None = None

    def run(self) -> dict[str, Any]:
        """The result, see `evaluate`; all processes must call it."""
        start, measure = time.monotonic(), METRICS[self.protocol.kind].measure
        scores = {seed: measure(*pair, self.setups[seed]) for seed, pair in self.pairs.items()}
        (real, fake), setup = self.pairs[self.protocol.seeds[0]], self.setups[self.protocol.seeds[0]]
        return {
            "protocol": self.protocol.name,
            "based_on": self.protocol.based_on,
            "changed": plain(self.protocol.changed),
            "kind": self.protocol.kind,
            "metrics": over_seeds(scores),
            "settings": self.protocol.describe(),
            "counts": dict(self.counts),
            "few": self.few,
            "detector": setup.detector and setup.detector.describe(),
            "lpips": None if isinstance(setup.lpips, str) else setup.lpips.record,
            "real": real and real.describe(),
            "fake": fake.describe(),
            "other_data": self.other_data,
            "details": {str(seed): dict(of_seed.details) for seed, of_seed in scores.items() if of_seed.details},
            "batch_size": setup.batch_size,
            "processes": setup.processes.size,
            "seconds": round(time.monotonic() - start, 3),
        }


def evaluate(real: Source | None, fake: Source, protocol: Protocol, **options: Any) -> dict[str, Any]:
    """Measures by a protocol; arguments and errors are those of `prepare`.

    Returns:
        protocol, based_on, changed, kind, metrics (by name: value, spread over the seeds, by_seed, better, ...),
        settings, counts, few, detector, lpips, real, fake, other_data (a sentence if the model was trained on other
        data than the real clips), details (by seed), batch_size, processes, seconds; JSON-able.
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
    progress: NamedProgress | None = None,
) -> Measurement:
    """Checks all that can be checked before clips are read or sampled, and loads the networks.

    `InputError` for missing weights or real clips, and for fewer clips than required without `allow_few`.

    Args:
        real, fake: The clips of a repetition by its seed, see `pvdm.evaluation.clips.protocol_clips`.
        detector_path: Weights of the protocol's network; None downloads them if they have an address.
        lpips_weights: VGG weights, for reconstructions. Without them LPIPS is skipped if they cannot be downloaded or
            if the protocol needs no other download.
        st_rred: Whether to compute ST-RRED of reconstructions: about a second for 16 frames of 128x128.
        held_out: Real clips that the model was not trained on, for the nearest training clips.
        batch_size: Clips in memory at once.
        processes: Share the clips, each of which is measured once; all get the result.
        progress: Called with (label of the pass, clips done, clips in total).
    """
    pairs = open_pairs(real, fake, protocol)
    protocol = with_part_of(pairs, protocol)
    counts = clip_counts(pairs)
    few = check_counts(counts, _with_count_of(pairs, protocol), allow_few=allow_few)
    check_possible(counts, protocol, st_rred=st_rred)
    detector = load_detector(protocol.detector, detector_path, device=device) if protocol.detector else None
    lpips = _lpips(protocol, lpips_weights) if protocol.kind == "reconstruction" else ""
    options = {"batch_size": batch_size, "device": device, "processes": processes, "progress": progress}
    setup = MetricSetup(protocol, detector=detector, lpips=lpips, st_rred=st_rred, **options)
    setups = {seed: replace(setup, seed=seed, held_out=held_out and held_out(seed)) for seed in pairs}
    return Measurement(protocol, pairs, counts, few, setups, trained_elsewhere(pairs))


def open_pairs(real: Source | None, fake: Source, protocol: Protocol) -> Pairs:
    """The clips of all repetitions that differ; as many generated as real ones if the protocol sets no number.

    A seed that changes no clip is left out: samples in files are the same for every seed.
    """
    if real is None and METRICS[protocol.kind].needs_real:
        raise InputError(f"{protocol.title} compares with real clips", "give them as --real")
    real = real if METRICS[protocol.kind].uses_real else None
    pairs, keys = {}, []
    for seed in protocol.seeds:
        real_clips, fake_clips = real and real(seed), fake(seed)
        if protocol.num_fake is None and real_clips is not None and len(fake_clips) > len(real_clips):
            fake_clips = FirstClips(fake_clips, len(real_clips))
        if (key := (real_clips and real_clips.key(), fake_clips.key())) not in keys:
            pairs[seed] = (real_clips, fake_clips)
        keys.append(key)
    return pairs


def _with_count_of(pairs: Pairs, protocol: Protocol) -> Protocol:
    """The protocol without a number of generated clips if they are reconstructions, as many as there are real clips."""
    _, fake = next(iter(pairs.values()))
    return replace(protocol, num_fake=None) if isinstance(fake, ReconstructedClips) else protocol


def with_part_of(pairs: Pairs, protocol: Protocol) -> Protocol:
    """The protocol with the part that the real clips are from, hence `custom` if it prescribes another."""
    real, _ = next(iter(pairs.values()))
    record = real.describe() if real else {}
    part = record.get("part")
    return protocol if part in (None, protocol.part_of(record.get("layout"))) else protocol.with_changes(part=part)


def trained_elsewhere(pairs: Pairs) -> str | None:
    """Warns if the model was trained on other data than the real clips, and returns the sentence, or None."""
    real, fake = next(iter(pairs.values()))
    is_known = isinstance(fake, (SampledClips, ReconstructedClips)) and isinstance(real, VideoClips)
    note = other_data(fake.generator, real.videos) if is_known else None
    if note:
        logger.warning(note)
    return note


def _lpips(protocol: Protocol, weights: str | Path | None) -> PerceptualDistance | str:
    """LPIPS of frames, or why it is missing: weights that the user did not ask for must not stop the rest."""
    needs_download = protocol.detector is not None and DETECTORS[protocol.detector].file is not None
    if weights is None and not needs_download and not VGG.cached.is_file():
        return "LPIPS needs the weights of VGG, and this protocol does without downloads; give --lpips-weights"
    try:
        return PerceptualDistance(weights)
    except InputError as error:
        if weights is not None:
            raise
        return f"{error.problem}; give --lpips-weights"


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with tuples as lists, as JSON has them."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
