"""A workspace: one folder that holds everything of one company. Backing it up is copying it."""

from dataclasses import dataclass
from pathlib import Path

from keepwell.core import settings as settings_file
from keepwell.core.errors import KeepwellError, WrongUseError
from keepwell.core.files import write_atomically
from keepwell.core.periods import Calendar
from keepwell.core.settings import Settings


@dataclass(frozen=True)
class Workspace:
    """The folder of a workspace and what it is set to."""

    folder: Path
    settings: Settings

    @property
    def lake_folder(self) -> Path:
        return self.folder / self.settings.lake

    @property
    def kpi_folder(self) -> Path:
        return self.folder / "kpis"

    @property
    def mapping_folder(self) -> Path:
        return self.folder / "mappings"

    @property
    def drafts_folder(self) -> Path:
        """Where uploads wait to be imported."""
        return self.folder / "drafts"

    @property
    def calendar(self) -> Calendar:
        s = self.settings
        return Calendar(timezone=s.timezone, week_start=s.week_start_weekday, fiscal_start=s.fiscal_start)


def open_workspace(folder: Path | str) -> Workspace:
    """The workspace in ``folder``; an error with a hint when there is none or its settings are wrong."""
    path = Path(folder).resolve()
    if not path.is_dir():
        raise WrongUseError(f"There is no folder {path}.", "Make a workspace there with `keepwell init DIR`.")
    return Workspace(path, settings_file.read(path))


def create_workspace(folder: Path | str, settings: Settings) -> Workspace:
    """A new workspace in ``folder``, which may exist but may hold no other workspace."""
    path = Path(folder).resolve()
    if (path / settings_file.FILE_NAME).exists():
        raise KeepwellError(
            f"{path} is a workspace already.", f"Change its settings in {settings_file.FILE_NAME}, or choose another folder."
        )
    if path.exists() and not path.is_dir():
        raise KeepwellError(f"{path} is a file.", "Choose a folder.")
    workspace = Workspace(path, settings)
    for part in (workspace.lake_folder, workspace.kpi_folder, workspace.mapping_folder):
        part.mkdir(parents=True, exist_ok=True)
    # last, so that a workspace whose making was cut short is not taken for one
    write_atomically(path / settings_file.FILE_NAME, settings_file.to_toml(settings))
    return workspace
