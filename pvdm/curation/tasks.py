"""The tasks that a run of curation consists of: each reads a file and writes its result into the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pvdm.curation.clip_scoring import Row, score_chunk
from pvdm.curation.clip_step import ClipStep
from pvdm.curation.curation_plan import Plan
from pvdm.curation.scan.file_clips import note_clips, note_segment
from pvdm.curation.scan.file_scan import Segment
from pvdm.curation.scan.raw_files import RawFile, study_file


@dataclass(frozen=True)
class StudyTask:
    """Probes and hashes a file."""

    plan: Plan
    name: str
    seconds: float = 1.0

    def __call__(self) -> None:
        study_file(self.plan.ledger, self.plan.root, self.name)


@dataclass(frozen=True)
class SegmentTask:
    """Scans a segment of a file."""

    plan: Plan
    file: RawFile
    segment: Segment

    @property
    def name(self) -> str:
        return self.file.file

    @property
    def seconds(self) -> float:
        return self.file.duration * (self.segment.last - self.segment.first + 1) / self.file.info.frames

    def __call__(self) -> None:
        note_segment(self.plan, self.file, self.segment)


@dataclass(frozen=True)
class ClipsTask:
    """Divides a scanned file into clips and scores them."""

    plan: Plan
    file: RawFile

    @property
    def name(self) -> str:
        return self.file.file

    @property
    def seconds(self) -> float:
        return self.file.duration

    def __call__(self) -> None:
        note_clips(self.plan, self.file)


@dataclass(frozen=True)
class StepTask:
    """Scores some clips of a file by a step that looks at their frames."""

    plan: Plan
    step: ClipStep
    file: RawFile
    rows: Sequence[Row]

    @property
    def name(self) -> str:
        return self.file.file

    @property
    def seconds(self) -> float:
        frames = sum(row["last_frame"] - row["first_frame"] + 1 for row in self.rows)
        return self.file.duration * frames / self.file.info.frames

    def __call__(self) -> None:
        score_chunk(self.plan, self.step, self.file, self.rows)
