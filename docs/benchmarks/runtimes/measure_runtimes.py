"""Each runtime against PyTorch, in turn, on one thread of this CPU: parity, time, size, and what int8 costs:

python docs/benchmarks/runtimes/measure_runtimes.py OUTPUT pvdm/sprites-64
python docs/benchmarks/runtimes/measure_runtimes.py OUTPUT goldens --kinds onnx --clips 0 --rounds 3

`goldens` is the released architecture with the small weights of the tests. Times are those of the processor, medians
over the rounds, whose number is stored.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pvdm import VideoGenerator
from pvdm.diffusion import Condition
from pvdm.evaluation.results import versions
from pvdm.generation.runtimes.graph_export import RUNTIMES, export_graphs

ROOT = Path(__file__).parents[3]
KINDS = {
    "torch": None,
    "torch-export": ("torch-export", None),
    "onnx": ("onnx", None),
    "onnx int8": ("onnx", "int8"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--kinds", nargs="+", choices=[*KINDS][1:], default=[*KINDS][1:])
    parser.add_argument("--clips", type=int, default=8, help="0 compares the networks alone")
    parser.add_argument("--rounds", type=int, default=9, help="how often each part is timed")
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = json.loads(options.output.read_text(encoding="utf-8")) if options.output.is_file() else {"models": {}}
    found["versions"] = versions()
    with tempfile.TemporaryDirectory() as work:
        for name in options.models:
            source = goldens(Path(work)) if name == "goldens" else name
            model = VideoGenerator.load(source).eval()
            folder = Path(work) / "graphs" / Path(name).name
            found["models"][name] = measured(model, folder, options.kinds, options.clips, options.rounds)
            options.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def goldens(work: Path) -> Path:
    """The checkpoints of tests/generation/test_goldens.py, converted."""
    sys.path.insert(0, str(ROOT / "tests"))
    from reference import released_state_dict

    for name in ("autoencoder", "unet"):
        torch.save(released_state_dict(f"tiny_{name}"), work / f"{name}.pth")
    files = ["--autoencoder", work / "autoencoder.pth", "--diffusion", work / "unet.pth", "--output", work / "released"]
    subprocess.run([sys.executable, "-m", "pvdm", "convert", *map(str, files)], check=True)
    return work / "released"


@torch.no_grad()
def measured(model: VideoGenerator, work: Path, kinds: Sequence[str], count: int, rounds: int) -> dict[str, Any]:
    """The figures of each runtime."""
    runtimes, sizes = {"torch": model}, {}
    for kind in kinds:
        folder, (file_format, quantize) = work / kind.replace(" ", "-"), KINDS[kind]
        export_graphs(model, folder, file_format, quantize=quantize)
        runtimes[kind] = VideoGenerator.from_pretrained(folder, runtime=RUNTIMES[file_format])
        sizes[kind] = sum(path.stat().st_size for path in folder.iterdir())
    times, outputs = timed({kind: parts(runtime) for kind, runtime in runtimes.items()}, rounds)
    clips = model.sample(count, steps=4) if count else None
    return {
        kind: {
            "milliseconds": {part: round(1000 * statistics.median(each), 2) for part, each in times[kind].items()},
            "rounds": rounds,
            "megabytes": round(sizes.get(kind, 0) / 1e6, 1),
            "difference": {
                part: float((output - outputs["torch"][part]).abs().max()) for part, output in outputs[kind].items()
            },
            "psnr": psnr(runtimes[kind].sample(count, steps=4), clips) if count and kind != "torch" else None,
        }
        for kind in runtimes
    }


def timed(
    calls: Mapping[str, Mapping[str, Callable[[], Tensor]]], rounds: int
) -> tuple[dict[str, dict[str, list[float]]], dict[str, dict[str, Tensor]]]:
    """Seconds of the processor and outputs by runtime and part: the runtimes in turn, after a call without time."""
    times: dict[str, dict[str, list[float]]] = {kind: {part: [] for part in calls[kind]} for kind in calls}
    outputs = {kind: {part: function() for part, function in functions.items()} for kind, functions in calls.items()}
    for _ in range(rounds):
        for kind, functions in calls.items():
            for part, function in functions.items():
                start = time.process_time()
                function()
                times[kind][part].append(time.process_time() - start)
    return times, outputs


def parts(model: VideoGenerator) -> dict[str, Callable[[], Tensor]]:
    """Encoding and decoding of a clip, and the denoiser for one and for two clips with a context."""
    draw = torch.Generator().manual_seed(0)
    config, shape = model.autoencoder.config, model.autoencoder.config.latent_shape
    video = torch.rand(1, 3, config.frames, config.height, config.width, generator=draw) * 2 - 1
    z, context = (torch.randn(2, config.latent_channels, shape.positions, generator=draw) for _ in range(2))
    planes = model.autoencoder.encode(video)

    def denoise(batch: int) -> Tensor:
        return model.denoiser(z[:batch], torch.full((batch,), 500), Condition(context[:batch]))

    return {
        "encode": lambda: model.autoencoder.encode(video).flatten(),
        "decode": lambda: model.autoencoder.decode(planes),
        "denoise": lambda: denoise(1),
        "denoise of 2": lambda: denoise(2),
    }


def psnr(found: Tensor, expected: Tensor) -> float | None:
    """dB of uint8 clips; None if they are equal."""
    error = (found.float() - expected.float()).square().mean().item()
    return round(10 * torch.tensor(255.0**2 / error).log10().item(), 1) if error else None


if __name__ == "__main__":
    main()
