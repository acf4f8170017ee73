"""Trains a packaged model by a recipe, each stage within its budget of wall time; see README.md in this folder.

The first twelfth of a stage trains at a constant learning rate. It shows how many updates the budget allows, which is
written to OUTPUT/updates.json and fixes the schedule of the rest. The same command resumes what was stopped.
"""

from __future__ import annotations

import argparse
import json
import logging
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PVDM = [sys.executable, "-m", "pvdm.cli"]
CALIBRATION = 1 / 12
LEAST_CALIBRATION = 12.0
"""Seconds of training."""

RESERVE = 0.94
"""Share of the time left that updates get; the rest goes into validation and checkpoints."""

EXPORT = 15.0
"""Seconds for the export at the end."""

VALIDATIONS = 4
NEVER = 10**9
GRACE = 40.0
"""Seconds that a stopped run has to write its checkpoint."""

logger = logging.getLogger("train")


@dataclass(frozen=True)
class Job:
    """A recipe's stages and where they are run.

    Args:
        clips: Folder of the clips (prepare.py).
        output: Folder for the runs, their logs and the exported model.
        device: cpu or cuda.
        seconds: For all stages, which share them in proportion to their budgets.
        archive: A tar file of the exported model, rewritten at each checkpoint of the last stage; or None.
    """

    clips: Path
    output: Path
    device: str
    seconds: float
    archive: Path | None

    def run(self, stages: Iterable[Mapping[str, Any]]) -> None:
        """Runs the stages in order; the last one's model is exported to OUTPUT/model."""
        stages, end = list(stages), time.monotonic() + self.seconds
        for place, stage in enumerate(stages):
            start = time.monotonic()
            share = stage["budget"] / sum(later["budget"] for later in stages[place:])
            seconds = share * (end - start)
            if stage["name"] == "encode":
                self._call("encode", [*self._arguments(stage), "--device", self.device], self._log("encode"))
            else:
                self._fit(stage, seconds, exports=stage is stages[-1])
            logger.info("%s: %.0f of %.0f s", stage["name"], time.monotonic() - start, seconds)
        self._export(stages[-1]["name"])

    def _fit(self, stage: Mapping[str, Any], seconds: float, *, exports: bool) -> None:
        """Trains a stage: calibrates unless that was done, then trains for the number of updates found."""
        name, start, run, known = stage["name"], time.monotonic(), self.output / stage["name"], self._known()
        arguments = [*self._arguments(stage), "--trainer.default_root_dir", run, "--trainer.accelerator", self.device]
        arguments += ["--trainer.devices", 1, "--trainer.enable_progress_bar", "false"]
        if name not in known:
            trained = round(max(LEAST_CALIBRATION, CALIBRATION * seconds))
            limit = ["--trainer.max_time", f"00:{trained // 3600:02}:{trained // 60 % 60:02}:{trained % 60:02}"]
            self._call("fit", [*arguments, *_schedule(NEVER, NEVER), *limit], self._log(name), seconds=seconds)
            done, per_second = _progress(run, trained)
            elapsed = time.monotonic() - start
            left = seconds - elapsed - (elapsed - trained)  # it has to start again
            known[name] = done + max(1, int(RESERVE * left * per_second))
            (self.output / "updates.json").write_text(json.dumps(known) + "\n")
            logger.info("%s: %.1f updates per second, %d updates in all", name, per_second, known[name])
        updates = known[name]
        rest = [*arguments, *_schedule(updates, max(1, updates // VALIDATIONS))]
        left = max(LEAST_CALIBRATION, seconds - (time.monotonic() - start))
        self._call("fit", rest, self._log(name), seconds=left, exported=name if exports else None)

    def _call(
        self,
        verb: str,
        arguments: Iterable[object],
        log: Path,
        *,
        seconds: float | None = None,
        exported: str | None = None,
    ) -> None:
        """`pvdm VERB`, stopped after some seconds; SystemExit if it fails.

        exported: A stage whose model is exported whenever it has a new checkpoint.
        """
        end = None if seconds is None else time.monotonic() + seconds
        checkpoint, newest = self.output / (exported or "") / "checkpoints" / "last.ckpt", 0.0
        with log.open("a") as file:
            process = subprocess.Popen([*PVDM, verb, *map(str, arguments)], stdout=file, stderr=subprocess.STDOUT)
            try:
                while process.poll() is None and (end is None or time.monotonic() < end):
                    time.sleep(0.5)
                    if exported and checkpoint.is_file() and checkpoint.stat().st_mtime > newest:
                        newest = checkpoint.stat().st_mtime
                        self._export(exported)
            finally:
                was_stopped = process.poll() is None
                _end(process)
        if process.returncode not in ((0, 143, -signal.SIGTERM, -signal.SIGKILL) if was_stopped else (0,)):
            raise SystemExit(f"pvdm {verb} failed with status {process.returncode}; the end of {log}:\n{_tail(log)}")

    def _export(self, stage: str) -> None:
        """Writes OUTPUT/model in half precision, and the archive."""
        checkpoint = self.output / stage / "checkpoints" / "last.ckpt"
        model = self.output / "model"
        command = [*PVDM, "export", checkpoint, "--half-precision", "--overwrite", "--output", model]
        done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
        if done.returncode:
            logger.warning("%s", done.stderr)
        elif self.archive:
            partial = self.archive.with_suffix(".partial")
            with tarfile.open(partial, "w") as archive:
                archive.add(model, "model")
            partial.replace(self.archive)

    def _arguments(self, stage: Mapping[str, Any]) -> list[object]:
        """The configs and overrides of a stage as options; `{clips}` and `{output}` are filled in."""
        arguments: list[object] = [part for config in stage["config"] for part in ("-c", config)]
        for key, value in stage["overrides"].items():
            text = value if isinstance(value, str) else json.dumps(value)
            text = text.replace("{clips}", str(self.clips)).replace("{output}", str(self.output))
            arguments += [f"--{key}", text]
        return arguments

    def _known(self) -> dict[str, int]:
        """The numbers of updates that earlier runs have found."""
        path = self.output / "updates.json"
        return json.loads(path.read_text()) if path.is_file() else {}

    def _log(self, stage: str) -> Path:
        self.output.mkdir(parents=True, exist_ok=True)
        return self.output / f"{stage}.log"


def _schedule(updates: int, interval: int) -> list[object]:
    """Options of the learning rate's schedule and of validation."""
    values = {
        "model.optimizer.cosine_steps": updates,
        "trainer.max_steps": updates,
        "trainer.val_check_interval": interval,
        "trainer.check_val_every_n_epoch": "null",
    }
    return [part for name, value in values.items() for part in (f"--{name}", value)]


def _progress(run: Path, trained: float) -> tuple[int, float]:
    """The updates of a run so far, and its updates per second, in the later half of its logs."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run))
    events.Reload()
    logged = events.Scalars("train/loss") if "train/loss" in events.Tags()["scalars"] else []
    points = [(event.wall_time, event.step) for event in logged]
    if not points:
        raise SystemExit(f"{run} has logged nothing within calibration: give more --seconds")
    (early, first), (late, last) = points[(len(points) - 1) // 2], points[-1]
    return last, (last - first) / (late - early) if late > early else last / trained


def _end(process: subprocess.Popen[bytes]) -> None:
    """Stops a process, which may write its checkpoint first."""
    process.terminate()
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-15:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path, help="a YAML file of this folder")
    parser.add_argument("clips", type=Path, help="folder of the clips")
    parser.add_argument("output", type=Path, help="folder for the runs and, as OUTPUT/model, the exported model")
    parser.add_argument("--seconds", type=float, help="for everything, instead of the recipe's budgets")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--archive", type=Path, help="tar file of the model, also of its checkpoints on the way")
    options = parser.parse_args()
    logging.basicConfig(format=f"{options.recipe.stem}: %(message)s", stream=sys.stdout)
    logger.setLevel(logging.INFO)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the training is stopped, too
    stages = yaml.safe_load(options.recipe.read_text(encoding="utf-8"))["stages"]
    seconds = options.seconds - EXPORT if options.seconds else sum(stage["budget"] for stage in stages)
    Job(options.clips, options.output, options.device, seconds, options.archive).run(stages)


if __name__ == "__main__":
    main()
