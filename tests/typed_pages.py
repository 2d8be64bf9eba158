"""Have pyright read the Python of the documents: ``python -m tests.typed_pages``, which ``make check`` runs.

Embedders paste it, and many of them write with Pylance. It is no test, as it takes as long as a hundred of them.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
from typing import Final

from tests.markdown import ROOT, blocks

#: Blocks that are read as one, as each goes on where the one before it ends.
_JOINED: Final = ("docs/how-to/write-an-adapter.md",)
#: Blocks that are not read, and why.
_LEFT: Final = {
    "docs/how-to/embed.md In Django 1": "Django has no types",
    "docs/tutorial.md Do it from Python 1": "it shows an error that type checkers find",
}


def pieces() -> dict[str, str]:
    """Return the Python of the documents by page and block."""
    pages = ["README.md", *(path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "docs").rglob("*.md")))]
    found = {
        f"{page} {name}": block.text
        for page in pages
        for name, block in blocks(page).items()
        if block.language == "python"
    }
    for page in _JOINED:
        names = [name for name in found if name.startswith(page)]
        found[page] = "\n\n".join(found.pop(name) for name in names)
    return {name: text for name, text in found.items() if name not in _LEFT}


def main() -> int:
    """Return pyright's exit code."""
    with tempfile.TemporaryDirectory(dir=ROOT, prefix=".pages-") as made:
        folder = pathlib.Path(made)
        for name, text in pieces().items():
            (folder / f"{name.replace('/', '-').replace(' ', '-')}.py").write_text(text)
        read = {"include": [made], "exclude": [], "typeCheckingMode": "standard", "extraPaths": [str(ROOT)]}
        project = folder / "pages.json"
        project.write_text(json.dumps(read))
        command = [str(pathlib.Path(sys.prefix) / "bin" / "basedpyright"), "--project", str(project)]
        return subprocess.run([*command, "--pythonpath", sys.executable], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
