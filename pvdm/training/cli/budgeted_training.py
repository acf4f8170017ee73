"""Trains the stages of a recipe within budgets of computation, by `pvdm fit` in processes of their own."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pvdm.errors import InputError, one_line
from pvdm.files.atomic_write import replacing
from pvdm.training.cli.recipe import Recipe, RecipeStage

CALIBRATION, SHARE = 30.0, 0.1
"""Seconds of training that tell how many updates a budget allows; at most this share of the budget."""

NEVER = 10**9
LAST = Path("checkpoints", "last.ckpt")
RESULT = "stage.json"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class BudgetedRun:
    """One training of a recipe.

    Args:
        recipe: The stages.
        seed: Of the weights, the order of samples and the noise.
        budgets: Seconds of each stage.
        folder: Folder of the run, where each stage has its own.
        data: Arguments of `pvdm fit` that name the data, for all stages.
        device: cpu or cuda.
        earlier: Records of an earlier run's stages, by their names, whose updates and precision are taken.
    """

    recipe: Recipe
    seed: int
    budgets: Sequence[float]
    folder: Path
    data: Sequence[str]
    device: str = "cpu"
    earlier: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Of the run's folder."""
        return f"{self.recipe.name}-{self.seed}"

    @property
    def checkpoints(self) -> list[Path]:
        """The last checkpoint of each stage."""
        return [self.folder / stage.name / LAST for stage in self.recipe.stages]

    def arguments(self, stage: RecipeStage) -> list[str]:
        """The arguments of `pvdm fit` that do not depend on the number of updates."""
        own = {"data.workers": "0"} if self.device == "cpu" else {}
        own |= {
            "seed_everything": str(self.seed),
            "trainer.accelerator": self.device,
            "trainer.devices": "1",
            "trainer.enable_progress_bar": "false",
            "trainer.limit_val_batches": "0",  # validation is no part of the budget
            "trainer.logger": "false",
        }
        values = [argument for key, value in own.items() for argument in (f"--{key}", value)]
        latents = stage.latent_arguments(self.folder)
        return [*stage.arguments({"output": self.folder}), *self.data, *latents, *values, *self._precision(stage)]

    def train(self) -> list[dict[str, Any]]:
        """Trains all stages, or what is missing of them; returns their records.

        InputError if a stage fails, or if its budget is too small for one update.
        """
        return [self._trained(stage, budget) for stage, budget in zip(self.recipe.stages, self.budgets, strict=True)]

    def _trained(self, stage: RecipeStage, budget: float) -> dict[str, Any]:
        """The record of a stage: name, budget, calibration, updates, seconds, curve, precision."""
        file = self.folder / stage.name / RESULT
        record = _read(file) or {"name": stage.name, "budget": budget, "calibration": None}
        if stage.encode and "encoding" not in record:
            record["encoding"] = self._encoded(stage)
            _write(file, record)
        budget -= record.get("encoding", 0.0)
        if "updates" not in record:
            if stage.name in self.earlier:
                record["updates"] = self.earlier[stage.name]["updates"]
            else:
                record |= self._calibrated(stage, budget)
            _write(file, record)
        if "seconds" not in record:
            logger.info("%s, %s: %d updates in %g s", self.name, stage.name, record["updates"], budget)
            clock = self._fit(stage, stage.name, record["updates"])
            record |= {name: round(clock[name], 3) for name in ("startup", "seconds")} | {
                name: clock[name] for name in ("precision", "curve")
            }
            _write(file, record)
        return record

    def _calibrated(self, stage: RecipeStage, budget: float) -> dict[str, Any]:
        """The calibration and the updates that the budget allows."""
        seconds = max(0.0, min(CALIBRATION, SHARE * budget))
        clock = self._fit(stage, f"calibration-{stage.name}", NEVER, stop_after=seconds)
        del clock["curve"]
        updates = int((budget - clock["startup"]) / clock["update"])
        if updates < 1:
            what = "what encoding leaves of the budget," if stage.encode else "the budget of"
            raise InputError(
                f"{what} {budget:.3g} s is too small for one update of stage {stage.name} of {self.recipe.name}: "
                f"it starts in {clock['startup']:.3g} s, and an update takes {clock['update']:.3g} s",
                "give more as --budget",
            )
        return {"calibration": clock, "updates": updates}

    def _encoded(self, stage: RecipeStage) -> float:
        """Seconds of encoding the data, again from the beginning if it was interrupted."""
        begin = self._seconds()
        arguments = [*stage.arguments({"output": self.folder}), *self.data, "--output", str(stage.latents(self.folder))]
        arguments += self._precision(stage)
        more = ["--stride", str(stage.encode), "--device", self.device, "--overwrite"]
        workers = ["--data.workers", "0"] if self.device == "cpu" else []
        log = self.folder / stage.name / "log.txt"
        log.parent.mkdir(parents=True, exist_ok=True)
        self._call(["encode", *arguments, *more, *workers], log, stage)
        return round(self._seconds() - begin, 3)

    def _precision(self, stage: RecipeStage) -> list[str]:
        """The argument of the precision that an earlier run had."""
        found = self.earlier.get(stage.name, {}).get("precision")
        return [] if found is None else ["--trainer.precision", found]

    def _seconds(self) -> float:
        """CPU seconds of the processes that have ended; on a GPU, seconds."""
        return time.perf_counter() if self.device == "cuda" else sum(os.times()[2:4])

    def _fit(
        self, stage: RecipeStage, name: str, updates: int, *, stop_after: float | None = None
    ) -> dict[str, float | int]:
        """`pvdm fit` for this many updates, resumed if it was interrupted; what its clock says."""
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        clock = folder / "clock.json"
        callback = {
            "class_path": "pvdm.training.callbacks.compute_clock.ComputeClock",
            "init_args": {"file": str(clock), "stop_after": stop_after},
        }
        config = folder / "bench.yaml"
        config.write_text(yaml.safe_dump({"trainer": {"callbacks": [callback]}}), encoding="utf-8")
        arguments = [*self.arguments(stage), "-c", str(config), "--trainer.default_root_dir", str(folder)]
        arguments += ["--trainer.max_steps", str(updates), "--model.optimizer.cosine_steps", str(updates)]
        self._call(["fit", *arguments], folder / "log.txt", stage)
        found = _read(clock)
        if found is None:
            raise InputError(f"{self.name} has no record of stage {name}", f"delete {folder} and start again")
        return found

    def _call(self, arguments: Sequence[str], log: Path, stage: RecipeStage) -> None:
        """A command of ours; InputError with its last line if it fails."""
        threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"} if self.device == "cpu" else {}
        with log.open("a", encoding="utf-8") as file:
            call = [sys.executable, "-m", "pvdm.cli", *arguments]
            status = subprocess.run(call, stdout=file, stderr=subprocess.STDOUT, env={**os.environ, **threads})
        if status.returncode:
            said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["it said nothing"]
            raise InputError(f"stage {stage.name} of {self.name} failed: {one_line(said[-1])}", f"see {log}")


def _read(file: Path) -> dict[str, Any] | None:
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None


def _write(file: Path, content: Mapping[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file, overwrite=True) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
