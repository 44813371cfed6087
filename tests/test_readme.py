"""README's pages run as they stand, and its output is real. `python -m tests.test_readme` writes the output anew."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"
CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)
PAGE = re.compile(r"<!-- file: (\S+) -->\n```python\n(.*?)```", re.DOTALL)


# One process for all commands: each would import for a second.
RUNNER = """
import contextlib, io, json, shlex, sys
from harness.cli import main
outputs = []
for command in json.load(sys.stdin):
    name, *words = shlex.split(command)
    assert name == "snoopbench", command
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        status = main(words)
    assert status == 0, (command, status)
    outputs.append(out.getvalue())
json.dump(outputs, sys.__stdout__)
"""


def run(commands: list[str], folder: Path) -> list[str]:
    environment = os.environ | {"COLUMNS": "100", "PYTHONIOENCODING": "utf-8"}
    environment["PYTHONPATH"] = os.pathsep.join([str(README.parent), environment.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", RUNNER],
        input=json.dumps(commands),
        cwd=folder,
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    outputs = json.loads(done.stdout)
    return ["\n".join(line.rstrip() for line in output.splitlines()).strip("\n") for output in outputs]


def rewritten(text: str, folder: Path) -> str:
    """The text with the output of every console command as it comes out in `folder`."""
    for name, page in PAGE.findall(text):
        (folder / name).write_text(page)

    blocks = [[line[2:] for line in block.splitlines() if line.startswith("$ ")] for block in CONSOLE.findall(text)]
    outputs = iter(run([command for commands in blocks for command in commands], folder))

    def block(match: re.Match[str]) -> str:
        commands = [line[2:] for line in match[1].splitlines() if line.startswith("$ ")]
        return "```console\n" + "\n\n".join(f"$ {command}\n{next(outputs)}" for command in commands) + "\n```"

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
