"""README's pages run as they stand, and its output is real. `python -m tests.test_readme` writes the output anew."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"
CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)
PAGE = re.compile(r"<!-- file: (\S+) -->\n```python\n(.*?)```", re.DOTALL)


def run(command: str, folder: Path) -> str:
    words = shlex.split(command)
    assert words[0] == "snoopbench"
    environment = os.environ | {"COLUMNS": "100", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "-m", "harness.cli", *words[1:]], cwd=folder, capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    return "\n".join(lines).strip("\n")


def rewritten(text: str, folder: Path) -> str:
    """The text with the output of every console command as it comes out in `folder`."""
    for name, page in PAGE.findall(text):
        (folder / name).write_text(page)

    def block(match: re.Match[str]) -> str:
        commands = [line[2:] for line in match[1].splitlines() if line.startswith("$ ")]
        return "```console\n" + "\n\n".join(f"$ {c}\n{run(c, folder)}" for c in commands) + "\n```"

    return CONSOLE.sub(block, text)


def timeless(text: str) -> str:
    return re.sub(r"^ time .*$", " time", text, flags=re.MULTILINE)


def test_the_output_in_the_readme_is_real(tmp_path: Path):
    text = README.read_text(encoding="utf-8")
    assert len(PAGE.findall(text)) == 3
    assert timeless(rewritten(text, tmp_path)) == timeless(text)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        README.write_text(rewritten(README.read_text(encoding="utf-8"), Path(scratch)), encoding="utf-8")
