"""Puts an exported model into the package: its files in half precision, its card, and its entry in the manifest.

  package.py NAME MODEL FIGURES    NAME as in cards.yaml; MODEL: the exported folder; FIGURES: a JSON file

FIGURES holds "compute", a sentence, "figures", by name, which `pvdm models` lists, and "commands", which measured them.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from pvdm.files.weights import sha256_of
from pvdm.generation import VideoGenerator
from pvdm.generation import model_files as files
from pvdm.generation import packaged_models as packaged
from pvdm.generation.model_card import plain

CARDS = Path(__file__).with_name("cards.yaml")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("model", type=Path)
    parser.add_argument("figures", type=Path)
    options = parser.parse_args(arguments)
    card = yaml.safe_load(CARDS.read_text(encoding="utf-8"))[options.name]
    measured = json.loads(options.figures.read_text(encoding="utf-8"))
    target = packaged.FOLDER / options.name
    generator = VideoGenerator.from_pretrained(options.model)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, "model")
        generator.save_pretrained(made, half_precision=True, model_card_kwargs={"license": card["license"]})
        text = (made / files.CARD).read_text(encoding="utf-8")
        (made / files.CARD).write_text(full_card(text, options.name, card, measured), encoding="utf-8")
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(made, target)
    _list(options.name, card, measured["figures"])


def full_card(text: str, name: str, card: Mapping[str, Any], measured: Mapping[str, Any]) -> str:
    """The exported card with the sources and licenses of the data, the compute, the figures and the limits."""
    rows = "\n".join(f"| {' | '.join(map(plain, row))} |" for row in card["sources"])
    sources = f"| data | source | license |\n|---|---|---|\n{rows}"
    figures = "\n".join(f"| {plain(figure)} | {plain(value)} |" for figure, value in measured["figures"].items())
    commands = "\n".join(measured.get("commands", ()))
    text = text.replace("`MODEL` is this folder or, on the Hugging Face Hub, its `owner/name`.", "It comes with pvdm.")
    text = text.replace("MODEL", f"{packaged.OWNER}/{name}")
    text = _with_section(text, "Sources", sources, before="Use")
    text = _with_section(text, "Compute", measured["compute"], before="Use")
    text = _with_section(text, "Evaluation", f"| | |\n|---|---|\n{figures}\n\n```sh\n{commands}\n```")
    limits = "\n".join(f"* {limit}" for limit in card["limits"])
    return re.sub(r"(\n## Limits\n\n(?:\*.*\n)+)", lambda found: f"{found[1]}{limits}\n", text)


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
