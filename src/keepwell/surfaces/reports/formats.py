"""The formats that a report is written in."""

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING

from keepwell.core.settings import Locale

if TYPE_CHECKING:
    from keepwell.surfaces.reports.document import Document


class Kind(StrEnum):
    """What a report is written as: the end of a file's name."""

    PDF = "pdf"
    PPTX = "pptx"
    XLSX = "xlsx"


MEDIA_TYPES = {
    Kind.PDF: "application/pdf",
    Kind.PPTX: "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    Kind.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def written(kind: Kind, document: "Document") -> bytes:
    """The report as a file of that format."""
    return _writer(kind)(document)


def _writer(kind: Kind) -> "Callable[[Document], bytes]":
    # each format has its own library, and one is enough
    match kind:
        case Kind.PDF:
            from keepwell.surfaces.reports.pdf import pdf  # noqa: PLC0415 - loaded where it is asked for

            return pdf
        case Kind.PPTX:
            from keepwell.surfaces.reports.pptx import deck  # noqa: PLC0415 - loaded where it is asked for

            return deck
        case Kind.XLSX:
            from keepwell.surfaces.reports.xlsx import workbook  # noqa: PLC0415 - loaded where it is asked for

            return workbook


def file_name(report: str, period: str, language: Locale, kind: Kind) -> str:
    """What the file of a report is called."""
    return f"{report}-{period}-{language}.{kind}"
