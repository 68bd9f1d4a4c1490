"""Clean up after a test run that was killed: when the run's end of our pipe closes, stop its server.

Run as a process of its own, with the server's folder as its argument; a run that ends well has removed
the folder by then, and nothing is left to do.
"""

import contextlib
import os
import shutil
import signal
import sys
import time
from pathlib import Path

SECONDS = 20


def main(folder: Path) -> None:
    """Wait for the end of the run, then stop the server of its folder."""
    sys.stdin.buffer.read()
    with contextlib.suppress(FileNotFoundError, ProcessLookupError, IndexError):
        postmaster = int((folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        os.kill(postmaster, signal.SIGINT)
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            os.kill(postmaster, 0)
            time.sleep(0.05)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
