"""A notice in words: what is told of a KPI, of the numbers that were found and no others."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from babel.numbers import format_percent

from keepwell.core.settings import Settings
from keepwell.metrics.kpi import Kpi
from keepwell.performance.alerts.condition import When
from keepwell.performance.alerts.service import Notice
from keepwell.surfaces.figures import BABEL_LOCALES, amount_of_change, figure
from keepwell.surfaces.words import words_of


def notice_title(found: Notice, kpi: Kpi | None, settings: Settings) -> str:
    """What it is about, in the language of the settings."""
    word, data = words_of(settings.locale), found.data
    title = kpi.title[settings.locale] if kpi else found.kpi
    match found.when:
        case When.TARGET:
            name = f"notice_target_{data['state']}"
        case When.ANOMALY:
            name = "notice_above" if data["is_above"] else "notice_below"
        case _:
            tone = {True: "better", False: "worse", None: "moved"}[data["is_better"]]
            name = f"notice_{tone}"
    return word(name).format(title=title, period=found.period or data.get("by", ""))


def notice_text(found: Notice, kpi: Kpi | None, settings: Settings) -> str:
    """The numbers behind it, in a sentence. Of a KPI that is gone from the catalogue nothing is told but its name."""
    if kpi is None:
        return words_of(settings.locale)("notice_gone")
    given = _Figures(kpi, settings, found.data)
    match found.when:
        case When.TARGET:
            return given.of_target()
        case When.ANOMALY:
            return given.of_anomaly()
        case _:
            return given.of_change()


class _Figures:
    """The numbers of a notice as people read them."""

    def __init__(self, kpi: Kpi, settings: Settings, data: Mapping[str, Any]) -> None:
        self.kpi, self.settings, self.data, self.word = kpi, settings, data, words_of(settings.locale)

    def of_change(self) -> str:
        data = self.data
        change = self._change(abs(data["change"]))
        said = self.word("notice_rose" if data["change"] > 0 else "notice_fell").format(
            before=self._figure("before"), value=self._figure("value"), change=change
        )
        if data["low"] is None or data["high"] is None:
            return said
        return said + self.word("notice_interval").format(low=self._signed(data["low"]), high=self._signed(data["high"]))

    def of_target(self) -> str:
        data = self.data
        said = self.word("notice_aim").format(aim=self._figure("aim"), by=data["by"], state=self.word(f"target_{data['state']}"))
        if data["value"] is not None:
            said += self.word("notice_aim_now").format(value=self._figure("value"))
        if data["probability"] is not None:
            likely = format_percent(data["probability"], format="#,##0 %", locale=BABEL_LOCALES[self.settings.locale])
            said += self.word("notice_aim_likely").format(likely=likely)
        return said

    def of_anomaly(self) -> str:
        return self.word(f"notice_expected_{self.data['way']}").format(
            value=self._figure("value"), expected=self._figure("expected"), low=self._figure("low"), high=self._figure("high")
        )

    def _figure(self, name: str) -> str:
        return figure(Decimal(str(self.data[name])), self.kpi.unit, self.settings)

    def _change(self, value: float) -> str:
        return amount_of_change(Decimal(str(value)), self.kpi.unit, self.settings)

    def _signed(self, value: float) -> str:
        sign = "−" if value < 0 else "+"
        return f"{sign}{self._change(abs(value))}"
