"""Puts an exported model into the package: its files in half precision, its card, and its entry in the manifest.

  package.py NAME MODEL FIGURES    NAME as in cards.yaml; MODEL: the exported folder; FIGURES: a JSON file
  package.py NAME                  writes the card of the packaged model anew, from cards.yaml, and nothing else

FIGURES holds "compute", a sentence, "figures", by name, which `pvdm models` lists, and "commands", which measured them.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import yaml

from pvdm.files.weights import sha256_of
from pvdm.generation import VideoGenerator
from pvdm.generation import model_files as files
from pvdm.generation import packaged_models as packaged
from pvdm.generation.model_card import model_card, plain

CARDS = Path(__file__).with_name("cards.yaml")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("model", type=Path, nargs="?")
    parser.add_argument("figures", type=Path, nargs="?")
    options = parser.parse_args(arguments)
    if options.model and not options.figures:
        parser.error("MODEL needs FIGURES")
    card = yaml.safe_load(CARDS.read_text(encoding="utf-8"))[options.name]
    if not options.model:
        _renew_card(options.name, card)
        return
    measured = json.loads(options.figures.read_text(encoding="utf-8"))
    target = packaged.FOLDER / options.name
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, "model")
        VideoGenerator.from_pretrained(options.model).save_pretrained(made, half_precision=True)
        (made / files.CARD).write_text(full_card(made, options.name, card, measured), encoding="utf-8")
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(made, target)
    _list(options.name, card, measured["figures"])


def _renew_card(name: str, card: Mapping[str, Any]) -> None:
    """Writes the card of a packaged model; what was measured is taken from the manifest and from the card before."""
    model = packaged.find_packaged(f"{packaged.OWNER}/{name}")
    path = model.folder / files.CARD
    before = path.read_text(encoding="utf-8")
    commands = re.search(r"```sh\n(.*?)\n```", _section(before, "Evaluation"), flags=re.DOTALL)
    measured = {
        "compute": _section(before, "Compute"),
        "figures": model.figures,
        "commands": commands[1].splitlines() if commands else [],
    }
    path.write_text(full_card(model.folder, name, card, measured), encoding="utf-8")


def full_card(model: Path, name: str, card: Mapping[str, Any], measured: Mapping[str, Any]) -> str:
    """The card of an exported model with the data's sources, licenses and people, compute, figures and limits."""
    text = _plain_card(model, card)
    rows = "\n".join(f"| {' | '.join(map(plain, row))} |" for row in card["sources"])
    sources = f"| data | source | license |\n|---|---|---|\n{rows}"
    figures = "\n".join(f"| {plain(figure)} | {plain(value)} |" for figure, value in measured["figures"].items())
    commands = "\n".join(measured.get("commands", ()))
    text = text.replace("`MODEL` is this folder or, on the Hugging Face Hub, its `owner/name`.", "It comes with pvdm.")
    text = text.replace("MODEL", f"{packaged.OWNER}/{name}")
    text = re.sub(r"(?<=--prompt )'[^'\n]+'", shlex.quote(card.get("prompt", "")), text)
    text = _with_section(text, "Sources", sources, before="Use")
    text = _with_section(text, "Compute", measured["compute"], before="Use")
    text = _with_section(text, "Intended use", f"{card['use']}\n\n{_section(text, 'Intended use')}")
    text = _with_section(text, "Evaluation", f"| | |\n|---|---|\n{figures}\n\n```sh\n{commands}\n```")
    limits = "\n".join(f"* {limit}" for limit in card["limits"])
    return re.sub(r"(\n## Limits\n\n(?:\*.*\n)+)", lambda found: f"{found[1]}{limits}\n", text)


def _plain_card(model: Path, card: Mapping[str, Any]) -> str:
    """The card that every export has, with what cards.yaml says of the data."""
    config, networks = files.read_model_config(model), VideoGenerator.from_pretrained(model).named_children()
    said = {"name": card["data"], "source": "see Sources", "license": "see Sources", "people": card["people"]}
    return model_card(
        {**config, "data": {**(config["data"] or {}), "card": said}},
        parameters={part: sum(map(torch.numel, network.parameters())) for part, network in networks},
        license=card["license"],
    )


def _section(text: str, title: str) -> str:
    return text.partition(f"\n## {title}\n\n")[2].partition("\n\n## ")[0]


def _with_section(text: str, title: str, content: str, *, before: str | None = None) -> str:
    """The card with a section replaced, or added before another."""
    if before:
        return text.replace(f"\n## {before}\n", f"\n## {title}\n\n{content}\n\n## {before}\n", 1)
    return re.sub(rf"(\n## {title}\n\n).*?(?=\n\n## )", lambda found: found[1] + content, text, flags=re.DOTALL)


def _list(name: str, card: Mapping[str, Any], figures: Mapping[str, Any]) -> None:
    """Writes the model's entry of the manifest, with the digests of its files."""
    path = packaged.FOLDER / packaged.MANIFEST
    entries = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    digests = {file: sha256_of(packaged.FOLDER / name / file) for file in (files.CONFIG, files.WEIGHTS)}
    entry = {key: card[key] for key in ("makes", "license", "data")}
    entries[name] = {**entry, "figures": dict(figures), "sha256": digests}
    path.write_text(json.dumps(dict(sorted(entries.items())), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
