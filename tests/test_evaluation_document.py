"""docs/evaluation.md agrees with the code: the table of protocols, their sources, networks and metrics."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pvdm.evaluation.features.detectors import DETECTORS
from pvdm.evaluation.protocol import Protocol
from pvdm.evaluation.protocols import PROTOCOLS, families, protocols_named

TEXT = (Path(__file__).parents[1] / "docs" / "evaluation.md").read_text(encoding="utf-8")
FLAT = " ".join(TEXT.split())
ROWS = [line for line in TEXT.splitlines() if re.match(r"\| `[\w-]+/\w+` \|", line)]
each = pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)


MEASURES = {"fvd": "FVD, KVD", "is": "IS", "naturalness": "VIIDEO"}
PACES = {1: "", 3: ", every third", 8: ", every eighth"}
CHOICES = {"first": "the first {}", "random": "{} at random", "all": "all"}
STARTS = {"random": "a random start", "middle": "their middle"}


def row(protocol: Protocol) -> str:
    """The row of a protocol in the table."""
    cells = [f"`{protocol.name}`", MEASURES.get(protocol.kind, protocol.kind), frames(protocol), pixels(protocol)]
    most = "up to " if "num_fake" in protocol.fits else ""
    cells += [real(protocol), "as many" if protocol.num_fake is None else f"{most}{protocol.num_fake:,}"]
    cells += ["-" if protocol.detector is None else f"`{protocol.detector}`", seeds(protocol)]
    return "| " + " | ".join(cells) + " |"


def frames(protocol: Protocol) -> str:
    only_real = "" if protocol.stride == protocol.real_stride else " of real ones"
    return f"{protocol.frames}{PACES[protocol.real_stride]}{only_real}"


def pixels(protocol: Protocol) -> str:
    if protocol.size is None:
        return "as they are"
    jpeg = f", JPEG {protocol.jpeg_quality}" if protocol.jpeg_quality else ""
    return f"{protocol.size}, {protocol.resize}{jpeg}"


def real(protocol: Protocol) -> str:
    """Part, choice, number and start of the real clips; an inception score uses none."""
    if protocol.kind == "is":
        return "none"
    either = " or any other" if "part" in protocol.free else ""
    parts = [f"{protocol.part} part{either}", *(f"of {layout} {part}" for layout, part in protocol.parts.items())]
    most = "up to " if "num_real" in protocol.fits else ""
    number = f"{most}{protocol.num_real:,}" if protocol.num_real else ""
    least = f" ({protocol.min_real:,} suffice)" if protocol.min_real and protocol.num_real else ""
    least += f" (at least {protocol.min_real:,})" if protocol.min_real and not protocol.num_real else ""
    return f"{', '.join(parts)}; {CHOICES[protocol.real_choice].format(number)}{least}; {STARTS[protocol.real_start]}"


def seeds(protocol: Protocol) -> str:
    first, last = protocol.seeds[0], protocol.seeds[-1]
    splits = f", {protocol.splits} splits" if protocol.splits > 1 else ""
    return f"{first}{splits}" if first == last else f"{first} to {last}"


def test_the_table_agrees_with_the_code():
    assert [row(protocol) for protocol in PROTOCOLS.values()] == ROWS


@each
def test_the_source_of_a_protocol_is_named(protocol):
    for address in re.findall(r"https://[\w./-]+\w", protocol.source):
        assert address in FLAT
    if protocol.source.startswith("https"):
        files = re.findall(r"[\w/]+\.py", protocol.source)
        assert any(file in FLAT or str(Path(file).parent) in FLAT for file in files) or not files


@pytest.mark.parametrize("family", families())
def test_a_family_has_its_paragraph(family):
    assert f"**{family}**" in TEXT or f"| `{family}` |" in TEXT


@pytest.mark.parametrize("name", [name for name, kind in DETECTORS.items() if kind.file])
def test_the_weights_of_a_network_have_their_address(name):
    file = DETECTORS[name].file
    (line,) = [line for line in TEXT.splitlines() if line.startswith(f"| `{name}` |")]
    assert f"`{file.name}`" in line
    assert (file.url or "given by path") in line or "address that cd-fvd uses" in line


def test_links_within_the_page_lead_somewhere():
    headings = {re.sub(r"[^\w -]", "", line.lstrip("# ").lower()).replace(" ", "-") for line in TEXT.splitlines()}
    assert set(re.findall(r"\]\(#([\w-]+)\)", TEXT)) <= headings
    assert len(re.findall(r"\]\(#", TEXT)) > 10


def test_the_protocols_of_the_commands_exist():
    given = re.findall(r"--protocol ((?:[\w/-]+ )+?)--", TEXT)
    names = [name for words in given for name in words.split()]
    assert len(names) > 10
    assert all(protocols_named(name) for name in names)


@pytest.mark.parametrize(
    "kind, figures",
    [
        ("coherence", ["warping_error", "second_differences", "motion", "occlusion"]),
        ("appearance-motion", ["appearance", "change", "order", "appearance_motion"]),
        ("nearest", ["diversity", "copied_share", "nearest_distance", "nearer_than_held_out"]),
    ],
)
def test_our_metrics_are_named(kind, figures):
    (line,) = [line for line in TEXT.splitlines() if line.startswith(f"| `{kind}` |")]
    assert all(f"`{figure}`" in line for figure in figures)
