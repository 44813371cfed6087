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


PROMPTED = re.compile(r"^\S+> .*$", re.MULTILINE)

# One process for all commands: each would import for a second.
RUNNER = """
import contextlib, io, json, shlex, sys
from harness.cli import main
outputs = []

class Typed:  # shows what is typed where it is read
    def isatty(self):
        return False

    def __iter__(self):
        for line in lines:
            print(line)
            yield line.partition("> ")[2]

for command, lines in json.load(sys.__stdin__):
    name, *words = shlex.split(command)
    assert name == "snoopbench", command
    out = io.StringIO()
    sys.stdin = Typed()
    with contextlib.redirect_stdout(out):
        status = main(words)
    assert status == 0, (command, status)
    outputs.append(out.getvalue())
json.dump(outputs, sys.__stdout__)
"""


def run(commands: list[tuple[str, list[str]]], folder: Path) -> list[str]:
    """What each command prints; with it come the lines typed at its prompt, which are shown where they are read."""
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


def commands(block: str) -> list[tuple[str, list[str]]]:
    """The commands of a console block, each with the lines typed at its prompt, `name> ` in front."""
    parts = block.removeprefix("$ ").split("\n$ ")
    return [(part.partition("\n")[0], [line[0] for line in PROMPTED.finditer(part)]) for part in parts]


def rewritten(text: str, folder: Path) -> str:
    """The text with the output of every console command as it comes out in `folder`."""
    for name, page in PAGE.findall(text):
        (folder / name).write_text(page)

    outputs = iter(run([command for block in CONSOLE.findall(text) for command in commands(block)], folder))

    def block(match: re.Match[str]) -> str:
        parts = (f"$ {command}\n{next(outputs)}" for command, _ in commands(match[1]))
        return "```console\n" + "\n\n".join(parts) + "\n```"

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
