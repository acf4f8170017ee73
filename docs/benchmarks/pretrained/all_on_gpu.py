"""Trains all packaged models at once on one GPU, within one time limit and without a network; see README.md here.

  all_on_gpu.py CLIPS OUTPUT [--seconds 530]

OUTPUT gets a tar file of each model, rewritten at each of its checkpoints, samples, the logs, and summary.json. Wheels
in the folder wheels/ of the clone are installed first (docs/benchmarks/gpu.sh --lacking).
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import carry  # noqa: E402  (a script beside the package)

SAMPLED = {"sprites-64": ("walk", "spellcast", "slash", "thrust")}
"""Models that are sampled at the end, and the classes of their samples."""

FOR_SAMPLES, FOR_LOGS = 30.0, 12.0
"""Seconds at the end for sampling, and for packing the logs."""

KEPT = ("*.log", "updates.json", "*/config.yaml", "*/events.out.*")

logger = logging.getLogger("gpu")


def main() -> int:
    """The exit status: 0 if every model was trained to the end."""
    options, start = _options(), time.monotonic()
    logging.basicConfig(format="%(message)s", stream=sys.stdout)
    logger.setLevel(logging.INFO)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that jobs are stopped, too
    end = start + options.seconds
    options.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pretrained-", dir=options.work) as work:
        carry.install(Path(work, "site"))
        os.environ["PYTHONSAFEPATH"] = "1"  # the installed package, not the clone's folder of the same name
        raw = Path(work, "clips")
        _python(HERE / "prepare.py", options.clips, raw, "--unpack", "--processes", os.cpu_count() or 1)
        logger.info("clips after %.0f s", time.monotonic() - start)
        jobs = {name: _begin(name, raw, Path(work, name), end, options) for name in options.models}
        try:
            return _watch(jobs, Path(work), end, options)
        finally:
            for process in jobs.values():
                process.terminate()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, help="folder of the clips (prepare.py)")
    parser.add_argument("output", type=Path)
    parser.add_argument("--seconds", type=float, default=530, help="limit of everything")
    parser.add_argument("--models", nargs="+", default=["autoencoder-64", "sprites-64"])
    parser.add_argument("--recipes", type=Path, default=HERE, help="folder of MODEL-gpu.yaml")
    parser.add_argument("--device", default="cuda", choices=("cpu", "cuda"))
    parser.add_argument("--work", type=Path, help="folder for the runs, best in memory (/dev/shm)")
    return parser.parse_args()


def _begin(name: str, clips: Path, work: Path, end: float, options: argparse.Namespace) -> subprocess.Popen[bytes]:
    """Starts to train a model, so that it ends in time."""
    seconds = end - time.monotonic() - FOR_LOGS - (FOR_SAMPLES if name in SAMPLED else 0)
    recipe, archive = options.recipes / f"{name}-gpu.yaml", options.output.resolve() / f"{name}.tar"
    words = [HERE / "train.py", recipe, clips, work, "--seconds", f"{seconds:.0f}"]
    words += ["--device", options.device, "--archive", archive]
    return subprocess.Popen([sys.executable, *map(str, words)], cwd=ROOT)


def _watch(jobs: dict[str, subprocess.Popen[bytes]], work: Path, end: float, options: argparse.Namespace) -> int:
    """Waits for the jobs, samples the models that are done, and packs the logs."""
    todo = set(jobs)
    while todo and time.monotonic() < end - FOR_LOGS:
        time.sleep(0.5)
        for name in [name for name in todo if jobs[name].poll() is not None]:
            todo.remove(name)
            logger.info("%s ended with status %d", name, jobs[name].returncode)
            if name in SAMPLED and (work / name / "model").is_dir():
                _sample(name, work / name / "model", options)
    summary = {name: _summary(work / name) | {"status": jobs[name].poll()} for name in jobs}
    (options.output / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    with tarfile.open(options.output / "logs.tar.gz", "w:gz") as archive:
        for path in sorted({path for name in jobs for pattern in KEPT for path in (work / name).glob(pattern)}):
            archive.add(path, path.relative_to(work))
    logger.info("%s", json.dumps(summary, indent=1))
    return 0 if all(process.poll() == 0 for process in jobs.values()) else 1


def _sample(name: str, model: Path, options: argparse.Namespace) -> None:
    """Sixteen samples as a video and as one picture."""
    for suffix in ("mp4", "png"):
        output = options.output / f"{name}.{suffix}"
        labels = [word for label in SAMPLED[name] for word in ("--label", label)]
        words = ["sample", model, "--num-videos", 16, "--grid", "4x4", *labels]
        _python("-m", "pvdm.cli", *words, "--device", options.device, "--overwrite", "--output", output)
        output.with_name(f"{output.name}.json").unlink(missing_ok=True)  # few files may come back from such a machine


def _summary(run: Path) -> dict[str, Any]:
    """The last value of every scalar of each stage."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = {}
    for stage in sorted({path.parent for path in run.glob("*/events.out.*")}):
        events = EventAccumulator(str(stage))
        events.Reload()
        last = {name: events.Scalars(name)[-1] for name in events.Tags()["scalars"]}
        steps = max((event.step for event in last.values()), default=0)
        found[stage.name] = {"updates": steps, **{name: round(event.value, 4) for name, event in last.items()}}
    return found


def _python(*words: object) -> None:
    """Runs Python on these arguments; a failure is logged, no more."""
    done = subprocess.run([sys.executable, *map(str, words)], cwd=ROOT, check=False)
    if done.returncode:
        logger.error("status %d of %s", done.returncode, " ".join(map(str, words)))


if __name__ == "__main__":
    sys.exit(main())
