"""Writes docs/cli.md from the parsers: every command and option with its default and help."""

from __future__ import annotations

import re
from argparse import SUPPRESS, Action, ArgumentParser
from collections.abc import Iterable, Iterator
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pytorch_lightning.cli import LightningArgumentParser

from pvdm.cli_parser import COMMANDS, TRAINING, example, parsers
from pvdm.training import AdapterTraining, AutoencoderTraining, DiffusionTraining

PAGE = Path(__file__).parents[1] / "docs" / "cli.md"
STAGES = {"Stage 1": AutoencoderTraining, "Stage 2": DiffusionTraining, "Adapters": AdapterTraining}
HEADINGS = {
    "data": "Data",
    "averaging": "Weight averaging",
    "adversary_guard": "Automatic stop of the GAN phase",
    "predictions": "Output of `predict`",
    "videos": "Videos in TensorBoard",
    "early_stopping": "Early stopping",
    "gap": "Over- and underfitting",
    "evaluation": "Protocols of `test`",
    "energy": "Energy of the training",
}
"""Our groups of training options by their prefix, the first before those of the stages."""
LIGHTNING = {
    "config": "YAML file; may be repeated, and later files override earlier ones",
    "print_config": "print the resulting configuration and exit",
    "seed_everything": "seed of the run",
    "ckpt_path": "checkpoint to resume or to use; by default the run's `checkpoints/last.ckpt`, if there is one",
    "trainer.default_root_dir": "folder of the run: checkpoints, logs, `config.yaml`",
    "trainer.max_steps": "updates after which training ends; -1 sets no limit",
    "trainer.accelerator": "`cpu`, `cuda`, `mps`, ...",
    "trainer.devices": "number of devices of this machine, or a list of their indices",
    "trainer.num_nodes": "number of machines",
    "trainer.strategy": "`ddp`, or a class such as `pvdm.training.ShardedStrategy`",
    "trainer.precision": "`32-true`, `bf16-mixed`, or `auto`: bfloat16 where the processor has instructions for it",
    "trainer.accumulate_grad_batches": "batches per update of stage 2 (stage 1 has `--model.accumulate`)",
    "trainer.gradient_clip_val": "largest norm of the gradient of stage 2 (stage 1 has `--model.clip_norm`)",
    "trainer.val_check_interval": "batches from one validation to the next, or a fraction of an epoch",
    "trainer.check_val_every_n_epoch": "`null` counts `val_check_interval` across epochs",
    "trainer.limit_val_batches": "batches of a validation, or a fraction of them",
    "trainer.log_every_n_steps": "updates from one log entry to the next",
    "trainer.enable_progress_bar": "show a progress bar",
    "trainer.fast_dev_run": "run this many batches as a test, without checkpoints and logs",
    "checkpoint.monitor": "metric by which `best.ckpt` is chosen",
    "checkpoint.mode": "whether a lower or a higher value is better",
    "checkpoint.save_top_k": "number of best checkpoints that are kept",
}
"""The options of Lightning that are most used, with what they mean here. Others vary with its version."""
MANUAL = {
    "trainer": "https://lightning.ai/docs/pytorch/stable/common/trainer.html#trainer-flags",
    "checkpoint": "https://lightning.ai/docs/pytorch/stable/api/lightning.pytorch.callbacks.ModelCheckpoint.html",
}


def page() -> str:
    """The whole document."""
    by_name = dict(parsers())
    lines = [*_head(), *_training(by_name["fit"])]
    for name, parser in by_name.items():
        lines += [] if name in TRAINING else _command(name, parser)
    return "\n".join(lines).rstrip() + "\n"


def _head() -> Iterator[str]:
    yield from ("# Command line", "")
    yield "Every command with its options; `pvdm COMMAND --help` prints the same."
    yield "`make docs` writes this page from the parsers: do not edit it."
    yield from ("", "| command | what it does |", "|---|---|")
    for name, verb in {**TRAINING, **COMMANDS}.items():
        anchor = "training" if name in TRAINING else f"pvdm-{name}"
        yield f"| [`{name}`](#{anchor}) | {_markdown(verb.summary)} |"
    yield from (
        "",
        "`pvdm --version` prints the version. `--debug`, with any command, shows the traceback of an error.",
    )
    yield ""


def _training(fit: ArgumentParser) -> Iterator[str]:
    """Lightning's verbs, which share their options."""
    actions, linked = {action.dest: action for action in _shown(fit)}, _links(fit)
    yield from ("## Training", "")
    yield f"{', '.join(f'`pvdm {name}`' for name in TRAINING)} take the same options,"
    yield "on the command line or in a config. An option `--data.height` is the key `height` of `data` there."
    yield from ("", "```sh", *(example(name).removeprefix("Example: ") for name in TRAINING), "```", "")
    manual = f"[Trainer]({MANUAL['trainer']}) and [ModelCheckpoint]({MANUAL['checkpoint']})"
    yield from ("### Lightning's options", "", "The most used ones. `pvdm fit --help` lists all of them; see also")
    yield from (f"Lightning's {manual}.", "", *_head_of_table())
    yield from (_row(actions[name], _default(actions[name]), meaning) for name, meaning in LIGHTNING.items())
    yield ""
    for prefix, heading in HEADINGS.items():
        group = [action for name, action in actions.items() if name.startswith(f"{prefix}.")]
        yield from (f"### {heading}", "", *_table(_rows(group, linked)))
        if prefix == "data":
            for stage, kind in STAGES.items():
                yield from (
                    f"### {stage}",
                    "",
                    f"With `model.class_path: pvdm.training.{kind.__name__}`, as in the configs:",
                )
                yield from ("", *_table(_rows(_of_class(kind, "model"), linked)))


def _command(name: str, parser: ArgumentParser) -> Iterator[str]:
    summary = parser.description or ""
    yield from (f"{'###' if ' ' in name else '##'} pvdm {name}", "", _sentence(_markdown(summary)), "")
    if parser.epilog:
        yield from ("```sh", parser.epilog.removeprefix("Example: "), "```", "")
    titled: dict[str, list[Action]] = {}
    for group in parser._action_groups:
        title = "" if group.title in ("positional arguments", "options") else group.title or ""
        titled.setdefault(title, []).extend(action for action in group._group_actions if _is_shown(action))
    for title, actions in titled.items():
        if title:
            yield from (f"{_sentence(_markdown(title), end=':')}", "")
        if actions:
            yield from _table(_rows(actions, {}))


def _shown(parser: ArgumentParser) -> list[Action]:
    return [action for action in parser._actions if _is_shown(action)]


def _is_shown(action: Action) -> bool:
    """Whether it has a row: not help, not hidden, not the config of a group, not a link, not a choice of commands."""
    hidden = ("_HelpAction", "_ActionHelpClassPath", "_ActionConfigLoad", "ActionLink", "_SubParsersAction")
    return type(action).__name__ not in hidden and action.help != SUPPRESS


def _links(parser: ArgumentParser) -> dict[str, str]:
    """The options that take the value of another one."""
    actions = [action for group in parser._action_groups for action in group._group_actions]
    links = [action.option_strings[0] for action in actions if type(action).__name__ == "ActionLink"]
    pairs = [re.findall(r"[\w.]+(?=\)|$| -->)", link) for link in links]
    return {target.replace("init_args.", ""): source for source, target in pairs}


def _of_class(kind: type, prefix: str) -> list[Action]:
    """The options of a class's arguments."""
    parser = LightningArgumentParser()
    parser.add_class_arguments(kind, prefix)
    return [action for action in _shown(parser) if action.dest.startswith(f"{prefix}.")]


def _head_of_table() -> tuple[str, str]:
    return "| argument | default | meaning |", "|---|---|---|"


def _table(rows: Iterable[str]) -> Iterator[str]:
    yield from (*_head_of_table(), *rows, "")


def _rows(actions: Iterable[Action], linked: dict[str, str]) -> Iterator[str]:
    """A row for each option, and for those of a configuration that may be absent."""
    for action in actions:
        default = f"that of `--{linked[action.dest]}`" if action.dest in linked else _default(action)
        yield _row(action, default, _markdown(_help(action)))
        for part in get_args(getattr(action, "_typehint", None)):
            if is_dataclass(part):
                yield from _rows(_of_class(part, action.dest), linked)


def _row(action: Action, default: str, meaning: str) -> str:
    return f"| {_names(action)} | {default} | {meaning} |"


def _names(action: Action) -> str:
    names = [name for name in action.option_strings if not name.endswith("+")] or [action.metavar or action.dest]
    choices = action.choices or _literals(getattr(action, "_typehint", None))
    if choices:
        value = f" {{{','.join(map(str, choices))}}}"
    else:
        metavar = re.sub(r"[^ -~]", "", str(action.metavar or ""))  # jsonargparse puts a backspace into one
        value = f" {metavar}" if action.option_strings and _is_own(action) and metavar else ""
    return ", ".join(f"`{name}`" for name in names[:-1]) + (", " if names[:-1] else "") + f"`{names[-1]}{value}`"


def _is_own(action: Action) -> bool:
    return not hasattr(action, "_typehint")


def _literals(hint: Any) -> tuple[Any, ...]:
    """The values of a Literal, or of one among alternatives."""
    if get_origin(hint) is Literal:
        return get_args(hint)
    found = [value for part in get_args(hint) if get_origin(part) is Literal for value in get_args(part)]
    return tuple(found) if len(get_args(hint)) == 2 and type(None) in get_args(hint) else ()


def _default(action: Action) -> str:
    value = action.default
    if action.required and action.option_strings:
        return "required"
    if value in (None, SUPPRESS, "", []) or (value is False and _is_own(action)):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, (list, tuple)):
        return f"`[{', '.join(map(str, value))}]`"
    return f"`{value}`"


def _help(action: Action) -> str:
    text = action.help or ""
    return text if hasattr(action, "_typehint") else text % {**vars(action), "prog": "pvdm"}


def _sentence(text: str, *, end: str = ".") -> str:
    return text[:1].upper() + text[1:].rstrip(".:") + end


def _markdown(text: str) -> str:
    """Help as one cell; code stays code."""
    pieces = re.split(r"(`[^`]*`)", " ".join(text.replace("``", "`").split()))
    return "".join(piece if piece.startswith("`") else re.sub(r"([*<|])", r"\\\1", piece) for piece in pieces)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
