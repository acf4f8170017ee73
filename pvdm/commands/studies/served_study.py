"""A study that is served until it is stopped, and its result: for `pvdm study` and `pvdm curate`."""

from __future__ import annotations

import logging
from pathlib import Path

from pvdm.errors import InputError
from pvdm.runtime.signals import ended_by_signals

HOST, PORT = "127.0.0.1", 8642

logger = logging.getLogger(__name__)


def serve(folder: Path, *, host: str = HOST, port: int = PORT, voter: str | None = None, then: str) -> None:
    """Serves a study until Ctrl-C or SIGTERM; `then` is the command that shows its result."""
    from pvdm.studio.study.study_server import StudyServer

    with ended_by_signals(), StudyServer(folder, host=host, port=port, voter=voter) as server:
        people, owner = server.links
        logger.info("vote at %s\nlive result at %s\nstop with Ctrl+C; votes are kept", people, owner)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            logger.info("stopped; the result: %s", then)


def result_of(folder: Path, *, vote_by: str, everyone: bool = False, csv: Path | None = None) -> str:
    """The result of a study as Markdown, and its votes in a CSV file; InputError without votes."""
    from pvdm.evaluation.preferences.study_results import result_table, study_result, votes_csv
    from pvdm.evaluation.preferences.study_store import StudyStore
    from pvdm.files.atomic_write import replacing

    with StudyStore(folder) as store:
        settings, votes = store.settings, store.votes()
    if not votes:
        raise InputError(f"{folder} has no votes yet", f"vote first: {vote_by}")
    if csv:
        with replacing(csv, overwrite=True) as temporary:
            temporary.write_text(votes_csv(votes), encoding="utf-8", newline="")
    return result_table(study_result(settings, votes, everyone=everyone))
