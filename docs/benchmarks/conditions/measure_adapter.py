"""Adapts the packaged characters to one face by a few clips, and counts how often that face is then drawn.

    python measure_adapter.py CLIPS READER.pt FOLDER

CLIPS and READER.pt are those of sprites_reader.py. FOLDER takes the clips, the run, figures.json and a picture.
"""

from __future__ import annotations

import csv
import json
import shutil
import sys
from pathlib import Path

import torch
from PIL import Image
from sprites_reader import load

from pvdm import VideoGenerator
from pvdm.cli import main as pvdm

MODEL = "pvdm/sprites-64"
FACE = {"body": "2", "hair": "7"}
"""Gray skin and red hair, as numbered in captions.csv."""

ACTIONS = ("walk", "slash", "thrust", "spellcast")
PROMPTS = {
    "wearing a white shirt, walking, facing left": "walk",
    "wearing a maroon shirt, raising both arms, facing the viewer": "spellcast",
}
COUNT, FRAME, SHOWN = 24, 6, 8


def face_clips(clips: Path, folder: Path) -> int:
    """Copies the training clips with the face, and returns their number."""
    with (clips / "captions.csv").open(encoding="utf-8") as table:
        rows = [row for row in csv.DictReader(table) if all(row[name] == value for name, value in FACE.items())]
    names = {Path(row["file"]).name for row in rows if row["file"].startswith("train/")}
    folder.mkdir(parents=True, exist_ok=True)
    found = [file for file in sorted((clips / "train").rglob("*.mp4")) if file.name in names]
    for file in found:
        shutil.copy(file, folder / file.name)
    return len(found)


def train(clips: Path, run: Path) -> None:
    """Two hundred updates, a minute and a half of a CPU."""
    keys = {"path": clips, "layout": "folder", "loop": "true", "height": 64, "width": 64, "workers": 0}
    keys |= {"horizontal_flip": "false", "random_crop": "false", "validation_fraction": 0.1}
    options = {f"data.{name}": value for name, value in keys.items()}
    options |= {"model.init_from": MODEL, "model.optimizer.warmup_steps": 20, "trainer.max_steps": 200}
    options |= {"trainer.val_check_interval": 100, "trainer.default_root_dir": run}
    if pvdm(["fit", "-c", "configs/adapter.yaml", *(f"--{name}={value}" for name, value in options.items())]):
        sys.exit(2)


def main() -> None:
    clips, reader, folder = Path(sys.argv[1]), load(sys.argv[2]), Path(sys.argv[3])
    figures: dict[str, object] = {"clips": face_clips(clips, folder / "clips")}
    train(folder / "clips", folder / "run")
    adapter, shown = folder / "run" / "adapter.safetensors", []
    figures["bytes"] = adapter.stat().st_size
    labels = [ACTIONS[number % len(ACTIONS)] for number in range(COUNT)]
    prompts = [list(PROMPTS)[number % len(PROMPTS)] for number in range(COUNT)]
    wanted = [PROMPTS[prompt] for prompt in prompts]
    for weight in (0.0, 0.5, 1.0):
        generator = VideoGenerator.load(MODEL)
        generator.load_adapter(adapter, weight)
        asked = {"classes": ({"labels": labels}, labels), "texts": ({"prompt": prompts}, wanted)}
        for what, (options, actions) in asked.items():
            made = generator.sample(COUNT, seed=0, **options)
            found = reader.read(made)
            figures[f"weight {weight:g}, {what}"] = {
                "face": sum(all(each[name] == value for name, value in FACE.items()) for each in found) / COUNT,
                "action": sum(each["class"] == action for each, action in zip(found, actions, strict=True)) / COUNT,
            }
            shown.append(torch.cat(list(made[:SHOWN, :, FRAME]), dim=2))
    (folder / "figures.json").write_text(json.dumps(figures, indent=1) + "\n")
    Image.fromarray(torch.cat(shown, dim=1).permute(1, 2, 0).numpy()).save(folder / "faces.png")
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
