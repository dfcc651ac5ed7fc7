"""Values in the words of a language: amounts, moments, names of columns, and codes."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel.dates import format_datetime

from keepwell.core.settings import Locale, Settings
from keepwell.metrics.kpi import Unit
from keepwell.models.choices import BANDS
from keepwell.models.estimators import lifecycle, rfm
from keepwell.performance.health.definition import LABELS as HEALTH_BANDS
from keepwell.surfaces import figures
from keepwell.surfaces.codes import code_or_itself
from keepwell.surfaces.error_words import told_in
from keepwell.surfaces.sentences import signed
from keepwell.surfaces.web.words import Say, dictionary, say_in
from keepwell.surfaces.words import column_words

MANY = 100  # from here on decimals beyond two tell nothing
# columns whose codes are the models'
CODES: dict[str, Mapping[str, tuple[str, str]]] = {
    "lifecycle_stage": lifecycle.LABELS,
    "rfm_group": rfm.LABELS,
    "churn_band": BANDS,
    "health_band": HEALTH_BANDS,
}


class Wording(ABC):
    """Whoever speaks one language, and knows the workspace's currency and time zone."""

    @property
    @abstractmethod
    def locale(self) -> Locale:
        """The language."""

    @property
    @abstractmethod
    def settings(self) -> Settings:
        """The workspace's settings, in that language."""

    @property
    def say(self) -> Say:
        return say_in(self.locale)

    def told(self, text: str | None) -> str:
        """The text of an error, or of its hint, in this person's language; nothing where there is none."""
        return told_in(text, self.locale) if text else ""

    def moment(self, at: datetime) -> str:
        """An instant as people read it, in the workspace's time zone."""
        return format_datetime(at, "medium", tzinfo=ZoneInfo(self.settings.timezone), locale=figures.BABEL_LOCALES[self.locale])

    def label(self, column: str, code: str | None) -> str:
        """A code of a column, or of a dimension, in words: a stage, a group, a customer's kind, a status; what has none as it is."""
        if code is None:
            return ""
        found = CODES.get(column.rpartition(".")[2], {}).get(code)
        return found[1 if self.locale is Locale.CHINESE else 0] if found else code_or_itself(column, code, self.locale)

    def dimension(self, name: str) -> str:
        """A dimension in words: the label of the column that it reads, or the name itself."""
        return column_words(name.rpartition(".")[2], self.locale) or name

    def column(self, name: str, *first: str) -> str:
        """A column of data in words: as it is called in these entities, else in any."""
        return column_words(name, self.locale, first) or (self.say(f"column.{name}") if f"column.{name}" in dictionary() else name)

    def customer_column(self, name: str) -> str:
        """A column of a list of customers in words: their tier is that of their value, not that of a membership."""
        return self.column(name, "customers", "customer_scores")

    def figure(self, value: Decimal | float, unit: Unit) -> str:
        return figures.figure(value, unit, self.settings)

    def money(self, amount: Decimal | float) -> str:
        """An amount in the reporting currency."""
        return self.figure(amount, Unit.MONEY)

    def short_money(self, amount: Decimal | float) -> str:
        """The same where there is little room."""
        return figures.short_money(amount, self.settings)

    def points(self, share: float) -> str:
        """A difference of shares in percentage points, with its sign."""
        return signed(Decimal(str(share)), Unit.SHARE, self.settings)

    def cell(self, value: float | Decimal | str | datetime | None) -> str:
        """A value of a table as people read it."""
        if value is None:
            return ""
        if isinstance(value, bool):
            return self.say("status.yes" if value else "status.no")
        if isinstance(value, int):
            return f"{value:,}"
        if isinstance(value, float | Decimal):
            return f"{value:,.2f}" if abs(float(value)) >= MANY else f"{value:.4g}"
        return self.moment(value) if isinstance(value, datetime) else str(value)

    def word_or(self, name: str, otherwise: str) -> str:
        """The word of that name; what stands in for it where there is none, as for columns that people bring."""
        return self.say(name) if name in dictionary() else otherwise
