"""Adapts a small model of people to one more person, by two actions, and asks for two actions it never saw of them.

    python measure_person.py CLIPS FOLDER

CLIPS has the folders Bend, JumpingJack, WaveOneHand and WaveTwoHands, with a video PERSON_ACTION_*.mp4 in each for
each of eight people. FOLDER takes the clips, the runs and figures.json. Half an hour of a CPU.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from pvdm import VideoGenerator
from pvdm.cli import main as pvdm
from pvdm.diffusion import SamplerConfig
from pvdm.video import read_video

PERSON, SHOWN = "p8", ("Bend", "JumpingJack")
"""The person of the adapter, and the actions that it is trained on."""

ACTIONS = ("Bend", "JumpingJack", "WaveOneHand", "WaveTwoHands")
COUNT, STRIDE = 64, 4


class Reader(nn.Module):
    """Clips (b, 3, 16, 64, 64) uint8 -> logits of their person by color, and of their action by where things change."""

    def __init__(self, people: list[str]) -> None:
        super().__init__()
        self.people = people
        self.person = nn.Sequential(nn.BatchNorm1d(192), nn.Linear(192, len(people)))
        layers = (nn.BatchNorm1d(1024), nn.Linear(1024, 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, len(ACTIONS)))
        self.action = nn.Sequential(*layers)

    def forward(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        clips = clips.float() / 255
        color = functional.adaptive_avg_pool2d(clips.mean(2), 8).flatten(1)
        change = functional.adaptive_avg_pool3d(clips.mean(1).diff(dim=1).abs(), (4, 16, 16)).sqrt().flatten(1)
        return self.person(color), self.action(change)

    @torch.no_grad()
    def read(self, clips: Tensor) -> tuple[list[str], list[str]]:
        """The person and the action of each clip."""
        people, actions = self.eval()(clips)
        named = [self.people[number] for number in people.argmax(1).tolist()]
        return named, [ACTIONS[number] for number in actions.argmax(1).tolist()]


def clips_of(files: list[Path]) -> tuple[Tensor, list[str], list[str]]:
    """Clips of 16 frames of videos, a few frames apart, with the person and the action of each."""
    clips, people, actions = [], [], []
    for file in files:
        video = read_video(file, size=(64, 64))
        own = [video[:, start : start + 16] for start in range(0, video.shape[1] - 15, STRIDE)]
        clips += own
        people += [file.name.split("_")[0]] * len(own)
        actions += [file.parent.name] * len(own)
    return torch.stack(clips), people, actions


def train_reader(root: Path) -> tuple[Reader, dict[str, float]]:
    """A reader of people, from every other clip, and of actions, from the other people alone, with its own accuracy."""
    torch.manual_seed(0)
    clips, people, actions = clips_of(sorted(root.rglob("p*.mp4")))
    reader = Reader(sorted(set(people)))
    persons = torch.tensor([reader.people.index(name) for name in people])
    classes = torch.tensor([ACTIONS.index(name) for name in actions])
    others = torch.tensor([name != PERSON for name in people])
    known = torch.arange(len(clips)) % 2 == 0
    optimizer = torch.optim.AdamW(reader.parameters(), 2e-3, weight_decay=0.1)
    for _ in range(1500):
        chosen = torch.randint(len(clips), (64,))
        by_person, by_action = reader(clips[chosen])
        loss = functional.cross_entropy(by_person[known[chosen]], persons[chosen][known[chosen]])
        loss = loss + functional.cross_entropy(by_action[others[chosen]], classes[chosen][others[chosen]])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    found, done = reader.read(clips)
    right = torch.tensor([a == b for a, b in zip(found, people, strict=True)])
    acted = torch.tensor([a == b for a, b in zip(done, actions, strict=True)])
    return reader, {"person": right[~known].float().mean().item(), "action": acted[~others].float().mean().item()}


def linked(files: list[Path], folder: Path) -> Path:
    """A folder of classes with these files."""
    for file in files:
        (folder / file.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(file, folder / file.parent.name / file.name)
    return folder


def train(root: Path, folder: Path) -> tuple[Path, Path]:
    """The model of the other people, and the adapter of the person: their paths."""
    files = sorted(root.rglob("p*.mp4"))
    others = linked([file for file in files if not file.name.startswith(PERSON)], folder / "others")
    own = [file for file in files if file.name.startswith(PERSON) and file.parent.name in SHOWN]
    recipe = "docs/benchmarks/conditions/weizmann.yaml"
    if pvdm(["stages", recipe, "--output", str(folder / "model"), "--set", f"data.path={others}"]):
        sys.exit(2)
    model = folder / "model" / "diffusion" / "checkpoints" / "last.ckpt"
    keys = {"path": linked(own, folder / "own"), "layout": "classes"}
    keys |= {"height": 64, "width": 64, "workers": 0, "horizontal_flip": "false", "random_crop": "false"}
    keys |= {"validation_fraction": 0.3}
    options = {f"data.{name}": value for name, value in keys.items()}
    options |= {"model.init_from": model, "model.optimizer.warmup_steps": 20, "trainer.max_steps": 300}
    options |= {"trainer.val_check_interval": 150, "trainer.default_root_dir": folder / "adapter"}
    if pvdm(["fit", "-c", "configs/adapter.yaml", *(f"--{name}={value}" for name, value in options.items())]):
        sys.exit(2)
    return model, folder / "adapter" / "adapter.safetensors"


def main() -> None:
    root, folder = Path(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    reader, right = train_reader(root)
    print("reader", right)
    model, adapter = train(root, folder)
    figures: dict[str, object] = {"reader": right, "bytes": adapter.stat().st_size, "clips": COUNT}
    labels = [ACTIONS[number % len(ACTIONS)] for number in range(COUNT)]
    new = [label not in SHOWN for label in labels]
    for weight in (0.0, 0.5, 1.0):
        generator = VideoGenerator.load(model)
        generator.load_adapter(adapter, weight)
        made = generator.sample(COUNT, seed=0, labels=labels, sampler=SamplerConfig(steps=20, label_guidance=1.0))
        people, actions = reader.read(made)
        for what, kept in (("actions of the adapter", False), ("actions it has not seen", True)):
            chosen = [i for i in range(COUNT) if new[i] == kept]
            figures[f"weight {weight:g}, {what}"] = {
                "person": sum(people[i] == PERSON for i in chosen) / len(chosen),
                "action": sum(actions[i] == labels[i] for i in chosen) / len(chosen),
                "both": sum(people[i] == PERSON and actions[i] == labels[i] for i in chosen) / len(chosen),
            }
        torch.save(made, folder / f"made_{weight:g}.pt")
    (folder / "figures.json").write_text(json.dumps(figures, indent=1) + "\n")
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
