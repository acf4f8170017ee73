"""`pvdm evaluate`: measures videos or a model by named protocols."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from pvdm.commands.terminal.progress_bars import Bars
from pvdm.commands.terminal.shared_options import add_device, add_precision, add_sampler, device_of, natural, positive
from pvdm.data import Layout, Part
from pvdm.errors import InputError
from pvdm.evaluation.protocol import Protocol
from pvdm.evaluation.protocols import PROTOCOLS, protocols_named
from pvdm.files.atomic_write import check_output_file, replacing
from pvdm.runtime.processes import Processes, device_of_rank, processes, together

if TYPE_CHECKING:
    from pvdm.evaluation.measurement import Measurement

CHANGES = ("frames", "stride", "real_stride", "size", "num_real", "num_fake", "seeds", "part")
NEEDED = {"fake": "--fake", "protocol": "--protocol", "output": "--output"}
WHAT = "folder of videos or of folders of frames, data set, exported model or checkpoint (.ckpt)"
logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--list", action="store_true", help="list the protocols and what they fix, and exit")
    parser.add_argument("--real", metavar="PATH", help=f"{WHAT}; not needed by metrics without a reference")
    parser.add_argument("--fake", metavar="PATH", help=f"videos or model to evaluate: {WHAT}, which is sampled")
    parser.add_argument(
        "--protocol", nargs="+", metavar="NAME", help="such as pvdm/fvd16, or a family such as pvdm; see --list"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="JSON file of the results")
    parser.add_argument("--overwrite", action="store_true", help="replace existing output")
    parser.add_argument(
        "--picture", type=Path, metavar="FILE", help="picture of the nearest training clips (.jpg or .png)"
    )
    parser.add_argument(
        "--reconstruct", action="store_true", help="evaluate the reconstructions of the real clips by the model --fake"
    )
    parser.add_argument("--allow-few", action="store_true", help="allow too few clips; the result is marked")
    parser.add_argument("--batch-size", type=positive, default=4, help="clips read, sampled and evaluated at once")
    add_device(parser)
    add_precision(parser, "precision of a model; features are always float32")
    _add_data(parser.add_argument_group("data sets"))
    _add_weights(parser.add_argument_group("weights"))
    _add_changes(parser.add_argument_group("changes", "changes to the protocol, which make the result custom"))
    group = add_sampler(parser, unset=True)
    group.add_argument("--later-steps", type=positive, help="steps of the clips after the first; by default --steps")
    group.add_argument("--every-class", action="store_true", help="sample all classes of the model in turn")


def _add_data(group: argparse._ArgumentGroup) -> None:
    layouts = get_args(Layout)
    group.add_argument(
        "--held-out",
        type=Path,
        metavar="PATH",
        help="real clips outside the training data, which nearest/16f needs to detect copies; by default the test part",
    )
    group.add_argument("--real-layout", choices=layouts, help="layout of the real folder; detected by default")
    group.add_argument("--fake-layout", choices=layouts, help="layout of the evaluated folder; detected by default")
    group.add_argument("--part", choices=get_args(Part), help="part of the real data, instead of the protocol's")
    group.add_argument(
        "--fake-part", choices=get_args(Part), help="part of the evaluated data; by default that of the real data"
    )
    group.add_argument("--split", type=positive, choices=(1, 2, 3), default=1, help="split of UCF101")
    group.add_argument(
        "--loop",
        action="store_true",
        help="the real videos are cycles: their clips start anywhere, have any length, and wrap round to the first "
        "frame (data.loop of pvdm fit)",
    )


def _add_weights(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--detector",
        "--detector-path",
        dest="detector",
        action="append",
        metavar="[NAME=]FILE",
        help="weights of the protocol's network, such as i3d_pretrained_400.pt; by default downloaded where there is "
        "an address. For protocols with several networks, give one for each, after its name",
    )
    group.add_argument(
        "--lpips-weights", type=Path, metavar="FILE", help="weights of VGG-16 for LPIPS (vgg16-397923af.pth)"
    )
    group.add_argument("--st-rred", action="store_true", help="also measure ST-RRED of reconstructions, which is slow")


def _add_changes(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--frames", type=positive, help="frames of a clip")
    group.add_argument("--stride", type=positive, help="frame stride in generated videos: 3 takes every third frame")
    group.add_argument("--real-stride", type=positive, help="frame stride in real videos")
    group.add_argument("--size", type=_or("native"), help="height and width in pixels, or native for no scaling")
    group.add_argument(
        "--num-real",
        type=_or("all"),
        help="number of real clips, or all; some protocols accept fewer where there are fewer",
    )
    group.add_argument(
        "--num-fake", type=_or("all"), help="number of generated clips, or all: as many as real ones; likewise"
    )
    group.add_argument("--seeds", type=natural, nargs="+", help="seeds of the repetitions")


def _or(word: str) -> Callable[[str], int | str]:
    """A number of at least 1, or this word."""

    def positive_or_word(text: str) -> int | str:
        try:
            return word if text == word else positive(text)
        except InputError as error:
            raise InputError(error.problem, f"{error.remedy}, or {word}") from error

    return positive_or_word


def run(options: argparse.Namespace) -> None:
    if options.list:
        sys.stdout.write(protocol_table() + "\n")
        return
    check_options(options)
    protocols = chosen(options)
    from pvdm.commands.terminal.evaluation_options import Plan

    device = device_of_rank(device_of(options.device))
    with processes() as shared:
        _speak_alone(shared)
        plan = together(shared, lambda: Plan(options, device, shared))
        progress = Bars() if shared.is_main else None
        measurements = together(shared, lambda: [plan.prepare(protocol, progress) for protocol in protocols])
        results = [measurement.run() for measurement in measurements]
        if shared.is_main:
            _write(options, measurements, results, device)


def check_options(options: argparse.Namespace) -> None:
    """InputError for missing options and outputs that cannot be written, before anything is loaded."""
    missing = [flag for name, flag in NEEDED.items() if not getattr(options, name)]
    if missing:
        raise InputError(f"{' and '.join(missing)} must be given", "see pvdm evaluate --help")
    read = [options.real, options.fake, options.lpips_weights, *(options.detector or [])]
    check_output_file(options.output, overwrite=options.overwrite, inputs=read)
    if options.picture:
        check_output_file(options.picture, overwrite=options.overwrite, inputs=read)
        if options.picture.suffix.lower() not in (".jpg", ".jpeg", ".png"):
            raise InputError(f"--picture is {options.picture}", "give a name that ends in .jpg or .png")
        if options.picture.resolve() == options.output.resolve():
            raise InputError(f"--output and --picture are both {options.picture}", "give each a name of its own")


def chosen(options: argparse.Namespace) -> list[Protocol]:
    """The named protocols, each once, with the changes of the options."""
    named = [protocol for name in options.protocol for protocol in protocols_named(name)]
    given = {name: getattr(options, name) for name in CHANGES if getattr(options, name) is not None}
    if len(set(given.get("seeds", []))) < len(given.get("seeds", [])):
        raise InputError("a seed is given twice", "give each seed once")
    changes = {name: None if value in ("native", "all") else value for name, value in given.items()}
    found = [protocol.with_changes(**changes) for protocol in {protocol.name: protocol for protocol in named}.values()]
    if options.picture and not any(protocol.kind == "nearest" for protocol in found):
        raise InputError("--picture shows the nearest training clips", "name a protocol that finds them (nearest/16f)")
    _check_detectors(options, found)
    return found


def _check_detectors(options: argparse.Namespace, found: Sequence[Protocol]) -> None:
    """InputError for a file of a network that no protocol uses."""
    if not options.detector:
        return
    from pvdm.evaluation.features.detectors import DETECTORS

    wanted = {protocol.detector for protocol in found if protocol.detector and DETECTORS[protocol.detector].file}
    for given in options.detector:
        name = given.split("=", 1)[0]
        if not wanted or (name in DETECTORS and name not in wanted):
            raise InputError(f"--detector {given} is for none of these protocols' networks", "leave it out, see --list")


def protocol_table() -> str:
    """A table of what each protocol fixes."""
    rows = [("protocol", "kind", "frames", "stride", "pixels", "real clips", "from", "generated", "network", "seeds")]
    rows += [_row(protocol) for protocol in PROTOCOLS.values()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _row(protocol: Protocol) -> tuple[str, ...]:
    from pvdm.evaluation.metrics.metric_registry import METRICS

    strides = [str(protocol.stride)] + (
        [f"real {protocol.real_stride}"] if protocol.real_stride != protocol.stride else []
    )
    parts = [protocol.part, *(f"{layout} {part}" for layout, part in protocol.parts.items())]
    most = {name: "up to " if name in protocol.fits else "" for name in ("num_real", "num_fake")}
    real = "all" if protocol.num_real is None else f"{most['num_real']}{protocol.num_real} {protocol.real_choice}"
    has_real = METRICS[protocol.kind].uses_real
    return (
        protocol.name,
        "VIIDEO" if protocol.kind == "naturalness" else protocol.kind,
        str(protocol.frames),
        ", ".join(strides),
        "native" if protocol.size is None else f"{protocol.size} {protocol.resize}",
        f"{real}, {protocol.real_start} start" if has_real else "-",
        ", ".join(parts) if has_real else "-",
        "as many" if protocol.num_fake is None else f"{most['num_fake']}{protocol.num_fake}",
        protocol.detector or "-",
        str(len(protocol.seeds)),
    )


def _speak_alone(shared: Processes) -> None:
    """Only the first of several processes logs progress."""
    if not shared.is_main:
        logging.getLogger("pvdm").setLevel(logging.ERROR)


def _write(options: argparse.Namespace, measured: Sequence[Measurement], results: list[dict[str, Any]], device) -> None:
    """Writes the file and the picture, and prints the table."""
    from pvdm.evaluation.result_table import table
    from pvdm.evaluation.results import document, write_document

    if options.picture:
        _draw(options, measured, results)
    write_document(options.output, document(results, device=device), overwrite=options.overwrite)
    encoding = sys.stdout.encoding or "utf-8"  # a terminal that has no arrows shows question marks
    sys.stdout.write(table(results).encode(encoding, "replace").decode(encoding) + "\n")


def _draw(options: argparse.Namespace, measured: Sequence[Measurement], results: list[dict[str, Any]]) -> None:
    """The nearest pairs of the first seed of the first such protocol."""
    from pvdm.evaluation.metrics.nearest import read_pairs
    from pvdm.evaluation.pairs_picture import pairs_picture

    measurement, result = next(pair for pair in zip(measured, results, strict=True) if pair[1]["kind"] == "nearest")
    seed, (real, fake) = next(iter(measurement.pairs.items()))
    picture = pairs_picture(read_pairs(real, fake, result["details"][str(seed)]["pairs"]), columns=2)
    with replacing(options.picture, overwrite=options.overwrite) as temporary:
        picture.save(temporary)
