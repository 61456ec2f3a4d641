"""What the fake vendor programs share: a log of how they were called, scripts read line by line, ways to fail.

The environment variable FAKE_LOG names a file that gets one JSON object a call; FAKE_FAILURE is one of FAILURES.
"""

import json
import os
import shutil
import sys
import time
from pathlib import Path

REPORTS = Path(__file__).with_name("reports")
FAILURES = ("licence", "step", "killed", "hangs", "silent", "partial", "difference", "old")
LICENCE = "ERROR: [Common 17-345] A valid license was not found for feature 'Synthesis' and/or device 'xcvu13p'."


def start(banner: str, old_banner: str) -> list[str]:
    """Log the call; answer a question for the version; else the script's lines, of which a failure leaves fewer."""
    arguments = sys.argv[1:]
    with open(os.environ["FAKE_LOG"], "a") as log:
        log.write(json.dumps({"argv": [Path(sys.argv[0]).name, *arguments], "cwd": str(Path.cwd())}) + "\n")
    failure = os.environ.get("FAKE_FAILURE")
    if arguments in (["-version"], ["--version"]):
        print(old_banner if failure == "old" else banner)
        sys.exit(0)
    print(banner)
    if failure == "licence":
        print(LICENCE)
        sys.exit(1)
    if failure == "step":
        print("INFO: starting\nERROR: [HLS 200-70] Compilation errors found\nERROR: later")
        sys.exit(1)
    if failure == "killed":
        os.kill(os.getpid(), 9)
    if failure == "hangs":
        time.sleep(60)
    script = next(word for word in arguments if word.endswith(".tcl"))
    lines = [line.strip() for line in Path(script).read_text().splitlines()]
    return [] if failure == "silent" else [line for line in lines if line and not line.startswith("#")]


def need(path: str) -> None:
    """End with an error unless the script's file is there."""
    if not Path(path.strip("{}")).exists():
        print(f"ERROR: [Common 17-55] file {path} not found")
        sys.exit(1)


def report(name: str, path: str) -> None:
    """Write one of the reports, or half of it."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(REPORTS / name, path)
    if os.environ.get("FAKE_FAILURE") == "partial":
        text = Path(path).read_text()
        Path(path).write_text(text[: len(text) // 2])
