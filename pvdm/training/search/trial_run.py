"""The training of a trial, in a process of its own: `python -m pvdm.training.search.trial_run FOLDER OPTIONS`.

It is `pvdm fit OPTIONS` and writes its validations into FOLDER. It ends, saving as on SIGTERM, when its standard input
does: when the search stops it, or no longer exists.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from contextlib import nullcontext
from pathlib import Path

from filelock import FileLock

from pvdm.errors import REFUSALS, sentence
from pvdm.training.cli.command import main
from pvdm.training.search.trial_process import ERROR
from pvdm.training.search.validation_record import WriteValidations

LOCK = ".training.lock"
"""Its file in the folder: a training that takes over waits until the one before has saved."""


logger = logging.getLogger("pvdm")


def run(folder: Path, options: list[str]) -> int:
    """Trains -> the exit status: 0, or 2 for an error, whose sentence is logged; a signal raises `SystemExit`."""
    logging.basicConfig(format="%(message)s")
    logger.setLevel(logging.INFO)
    threading.Thread(target=_stop_with_input, daemon=True).start()
    is_first = "LOCAL_RANK" not in os.environ  # else a further process of the same training, which that has started
    try:
        with FileLock(folder / LOCK) if is_first else nullcontext():
            main(["fit", *options], shows_next=False, callbacks=[WriteValidations(folder)])
    except REFUSALS as error:
        if (text := sentence(error)) is None:
            raise
        logger.error("%s%s", ERROR, text)
        return 2
    return 0


def _stop_with_input() -> None:
    while os.read(0, 1):  # not sys.stdin, whose lock a thread must not hold when the interpreter ends
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]), sys.argv[2:]))
