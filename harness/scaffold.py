"""A page to start from: what `snoopbench new` writes."""

from __future__ import annotations

import keyword
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from harness import registry
from harness.errors import UserError

TEMPLATES = Path(__file__).parent / "templates"
Kind = Literal["attack", "defense", "dataset"]

_TRY = {
    "attack": "--defense none --attack ./{file} --dataset employees",
    "defense": "--defense ./{file} --attack difference --dataset employees",
    "dataset": "--defense none --attack guess --dataset ./{file}",
}


def new_page(kind: Kind, name: str, folder: Path) -> tuple[Path, str]:
    """Write a page of that name, and give its path and a command that tries it.

    Raises UserError for a name that no page can have, and where there is such a file already.
    """
    identifier = name.replace("-", "_")
    if not (identifier.isascii() and identifier.isidentifier()) or identifier.startswith("_"):
        raise UserError(f"{name!r} cannot name a page; take letters, digits and hyphens, with a letter first.")
    if keyword.iskeyword(identifier) or keyword.issoftkeyword(identifier):
        raise UserError(f"{name!r} is a word of Python's own; choose another name.")
    if any(identifier.replace("_", "-") in registry.names(kinds) for kinds in registry.KINDS):
        raise UserError(f"There is a plug-in called {identifier.replace('_', '-')} already; choose another name.")
    path = folder / f"{identifier}.py"
    text = (TEMPLATES / f"{kind}.txt").read_text(encoding="utf-8").replace("NAME", identifier)
    if not path.exists() and find_spec(identifier) is not None:
        raise UserError(f"The page would hide the Python module {identifier}; choose another name.")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UserError(f"There is a file {path.name} already, and it is left as it is.") from None
    except OSError as error:
        raise UserError(f"{path.name} cannot be written: {error.strerror}.") from error
    return path, f"snoopbench bench {_TRY[kind].format(file=path.name)} --trials 5"
