"""A page and its downloads, registered together: whatever table a page shows can be taken along by those who may export."""

from collections.abc import Callable
from typing import Protocol

from starlette.responses import Response

from keepwell.access.roles import Capability
from keepwell.surfaces.web.refusals import NotFoundError
from keepwell.surfaces.web.route import Needs, Routes, capabilities_of
from keepwell.surfaces.web.tables import KINDS, Sheet, download
from keepwell.surfaces.web.visit import Here, Visit


class Shows(Protocol):
    """What a page shows: its title, and the tables in it."""

    @property
    def title(self) -> str: ...

    @property
    def sheets(self) -> tuple[Sheet, ...]: ...


class PageRoutes(Routes):
    """Routes with pages among them."""

    def page(self, path: str, needs: Needs, template: str) -> Callable[[Callable[[Visit], Shows]], Callable[[Visit], Shows]]:
        """The function makes what the template shows; the tables in it are downloads of ``<path>/download/<table>.<csv or xlsx>``."""

        def register(build: Callable[[Visit], Shows]) -> Callable[[Visit], Shows]:
            def show(visit: Here) -> Response:
                found = build(visit)
                return visit.html(template, page=found, title=found.title)

            def take(visit: Here, table: str, kind: str) -> Response:
                return taken(visit, build(visit), table, kind)

            self.get(path, needs)(show)
            self.get(f"{path.rstrip('/')}/download/{{table}}.{{kind}}", (*capabilities_of(needs), Capability.EXPORT))(take)
            return build

        return register


def taken(visit: Visit, page: Shows, table: str, kind: str) -> Response:
    """A table of the page as a file; the audit tells who took what."""
    sheet = next((s for s in page.sheets if s.name == table), None)
    if sheet is None or kind not in KINDS:
        raise NotFoundError(visit.say("shell.no_table"))
    visit.note("exported", "table", table, address=_told(visit), rows=float(len(sheet)), file=kind)
    return download(sheet, kind, f"keepwell-{table}")


def _told(visit: Visit) -> str:
    # the address without what somebody looked for, which may be a name
    return visit.request.url.path
