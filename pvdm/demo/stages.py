"""The steps of the demo, in order; a step whose files exist is skipped."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pvdm.demo.demo_folder import Demo
from pvdm.demo.demo_training import train_autoencoder, train_diffusion
from pvdm.demo.generated_videos import extend, reconstruct, sample
from pvdm.demo.packaged_model.directed_samples import show_directed
from pvdm.demo.packaged_model.packaged_samples import show_packaged
from pvdm.demo.plane_pictures import show_planes
from pvdm.demo.source_videos import prepare_clips

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Step:
    """A step of the demo.

    Args:
        name: Its key in the results.
        title: What it does, for the page.
        seconds: About how long it takes on two idle cores.
        files: What it writes, below the demo's folder.
        action: Does it, and returns what to record; JSON-able.
    """

    name: str
    title: str
    seconds: int
    files: Sequence[str]
    action: Callable[[Demo], dict[str, Any]]

    def is_done(self, demo: Demo) -> bool:
        """Whether its record and its files are there."""
        return self.name in demo.results.get("seconds", {}) and all(
            (demo.folder / file).exists() for file in self.files
        )


STEPS = (
    Step("packaged", "Sample from the packaged model", 10, ["media/stage.mp4", "media/denoising.mp4"], show_packaged),
    Step("directed", "Follow words, a picture and a motion", 15, [], show_directed),
    Step("clips", "Read the real clips", 5, ["clips"], lambda demo: prepare_clips(demo.clips, demo.settings)),
    Step("planes", "Project a clip onto its planes", 2, ["media/rebuilt.mp4"], show_planes),
    Step("autoencoder", "Fine-tune the autoencoder", 50, ["autoencoder"], train_autoencoder),
    Step("reconstructions", "Rebuild the real clips", 5, ["media/reconstructions"], reconstruct),
    Step("diffusion", "Train the diffusion model", 300, ["model"], train_diffusion),
    Step("samples", "Sample new clips", 10, ["media/samples.mp4"], sample),
    Step("long", "Generate long videos", 15, ["media/long.mp4", "media/continued.mp4"], extend),
)


def run(demo: Demo, on_change: Callable[[Demo], object] = lambda demo: None) -> None:
    """Runs the steps that are not done yet, and calls `on_change` before the first one and after each."""
    demo.read()
    demo.results["settings"] = asdict(demo.settings)
    for step in STEPS:
        if step.is_done(demo):
            logger.info("%s: already done", step.title)
            continue
        logger.info("%s ...", step.title)
        demo.results["running"] = {"name": step.name, "since": time.time()}
        demo.write()
        on_change(demo)
        _run(step, demo)
    demo.results.pop("running", None)
    demo.write()
    on_change(demo)


def _run(step: Step, demo: Demo) -> None:
    start = time.monotonic()
    demo.results |= step.action(demo)
    # This process may have run only the end of an interrupted training.
    seconds = max(time.monotonic() - start, demo.results.get("trained", {}).get(step.name) or 0)
    demo.results.setdefault("seconds", {})[step.name] = round(seconds, 1)
    demo.write()
