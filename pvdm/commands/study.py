"""`pvdm study`: asks people which of two videos is better, and rates what they come from."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from pvdm.cli_parser import CommandParser, finite
from pvdm.commands.studies.served_study import HOST, PORT, result_of, serve
from pvdm.commands.terminal.condition_options import add_prompt, add_scores
from pvdm.commands.terminal.shared_options import (
    add_device,
    add_precision,
    add_sampler,
    natural,
    positive,
    rate,
    size,
)
from pvdm.errors import InputError
from pvdm.runtime.signals import ended_by_signals

OUTPUT = Path("study")
QUESTIONS = {"quality": "Which video looks better?", "motion": "Which video moves more naturally?"}
MARK, SAMPLES = "study.json", "samples"
SECONDS = 10.0
NOT_THE_STUDY = {
    *("output", "overwrite", "results", "csv", "everyone", "host", "port", "device", "precision", "batch_size"),
    *("run", "parser", "arguments", "of_training", "debug"),
}
"""Options that do not say what a study is."""


def add_arguments(parser: CommandParser) -> None:
    parser.description += (
        "\nEach person sees pairs of one sample of two sources, not knowing which is which. The same command resumes a"
        "\nstudy, as does its folder alone; docs/study.md says what people see and how the result is computed."
    )
    parser.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="two or more folders of videos or models, which are sampled; or one study, which is resumed",
    )
    parser.add_argument("--output", type=Path, default=OUTPUT, help="folder of the study")
    parser.add_argument("--overwrite", action="store_true", help="replace existing output, votes included")
    parser.add_argument("--results", action="store_true", help="print the result of the study instead of serving it")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="with --results: write all votes to this file")
    parser.add_argument(
        "--everyone", action="store_true", help="with --results: also count people who failed the attention checks"
    )
    parser.add_argument(
        "--host", default=HOST, help="where to serve; people need a token unless it is this machine's own address"
    )
    parser.add_argument("--port", type=natural, default=PORT, help="port to serve at; 0 is any")
    _add_design(parser.add_argument_group("design", "what people see"))
    _add_sampling(parser)


def _add_design(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--question",
        action="append",
        metavar="[NAME=]TEXT",
        help=f"what is asked of each pair; may be repeated (default: {' '.join(QUESTIONS.values())})",
    )
    group.add_argument("--pairs", type=positive, default=100, help="most pairs for any two sources")
    group.add_argument("--per-person", type=positive, default=30, help="pairs that a person sees")
    group.add_argument("--checks", type=natural, default=3, help="attention checks of each person: a video and noise")
    group.add_argument("--repeats", type=natural, default=2, help="pairs that a person sees again, sides exchanged")
    group.add_argument("--seconds", type=_seconds, default=SECONDS, help="longest video shown, in seconds")
    group.add_argument("--size", type=size, metavar="HxW", help="size of all videos; by default that of the smallest")
    group.add_argument("--fps", type=rate, help="frame rate of folders of frames, frames per second")


def _add_sampling(parser: CommandParser) -> None:
    parser.add_argument("--seed", type=natural, default=0, help="seed of samples, sides and orders")
    parser.add_argument("--batch-size", type=positive, default=4, help="clips sampled at once")
    add_device(parser)
    add_precision(parser, "precision of models")
    add_prompt(parser)
    add_scores(parser)
    add_sampler(parser)


def run(options: argparse.Namespace) -> None:
    questions, folder = _questions(options.question), _study_of(options)
    if options.results:
        vote_by = f"pvdm study {folder}"
        sys.stdout.write(result_of(folder, vote_by=vote_by, everyone=options.everyone, csv=options.csv))
        return
    if options.csv or options.everyone:
        raise InputError("--csv and --everyone are for the result of a study", "add --results, or leave them out")
    if folder == options.output:
        with ended_by_signals():
            _make(options, questions)
    serve(folder, host=options.host, port=options.port, then=f"pvdm study {folder} --results")


def _seconds(text: str) -> float:
    number = finite(text)
    if number <= 0:
        raise InputError(f"{text} is not a duration", "give seconds above 0")
    return number


def _study_of(options: argparse.Namespace) -> Path:
    """The folder of the study: the only source if it is one, else the output."""
    from pvdm.evaluation.preferences.study_store import STORE

    path = Path(options.sources[0])
    folder = path.parent if path.name == STORE else path
    is_alone = len(options.sources) == 1
    return folder if is_alone and (options.results or (folder / STORE).is_file()) else options.output


def _questions(given: Sequence[str] | None) -> dict[str, str]:
    """Texts by name; a question without a name is its own."""
    if given is None:
        return QUESTIONS
    questions: dict[str, str] = {}
    for number, text in enumerate(given, 1):
        named = re.fullmatch(r"(?:([\w-]+)=)?\s*(\S.*)", text, flags=re.DOTALL)
        if not named:
            raise InputError(f"question {number} is empty", "give a text")
        name = named[1] or named[2]
        if name in questions:
            raise InputError(f"the question {name} is given twice", "give each once")
        questions[name] = named[2]
    return questions


def _named(sources: Sequence[str]) -> dict[str, str]:
    """The sources by the names of their folders, or by what is given if names repeat; InputError for less than two."""
    if len(sources) < 2:
        raise InputError(f"{sources[0]} is only one source, and no study", "give two or more folders or models")
    if len(set(sources)) < len(sources):
        raise InputError("a source is given twice", "give each once")
    names = [Path(source).resolve().name for source in sources]
    return dict(zip(names if len(set(names)) == len(names) else sources, sources, strict=True))


def _make(options: argparse.Namespace, questions: Mapping[str, str]) -> None:
    """Writes the study, unless this command has done so before."""
    sources, folder = _named(options.sources), options.output  # before PyTorch is imported
    from pvdm.benchmark.bench_folder import claim_folder
    from pvdm.evaluation.preferences.study_folder import PARTS
    from pvdm.evaluation.preferences.study_store import STORE
    from pvdm.files.atomic_write import remove, remove_empty

    key = {name: value for name, value in vars(options).items() if name not in NOT_THE_STUDY}
    key |= {"sources": sources, "question": questions}
    claim_folder(folder, MARK, key, overwrite=options.overwrite, parts=(*PARTS, SAMPLES), what="study")
    if (folder / STORE).is_file():
        return
    try:
        _write(options, sources, questions)
    except InputError:
        if not (folder / SAMPLES).exists():
            remove(folder / MARK)
            remove_empty([folder])
        raise
    remove(folder / SAMPLES)


def _write(options: argparse.Namespace, sources: Mapping[str, str], questions: Mapping[str, str]) -> None:
    """Samples models, and writes the study."""
    from tqdm import tqdm

    from pvdm.commands.studies.study_sources import study_samples
    from pvdm.evaluation.preferences.study_folder import write_study

    samples = tqdm(study_samples(options, sources, options.output / SAMPLES), desc="videos", unit="sample")
    counts = {"most": options.per_person, "checks": options.checks, "repeats": options.repeats}
    told = {"questions": questions, "seconds": options.seconds, "seed": options.seed}
    write_study(options.output, list(sources), samples, **told, **counts)
