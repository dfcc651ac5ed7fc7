"""What every later subject is drawn upon: the rhythm of the months, the company, its customers."""

from dataclasses import dataclass

from keepwell.demo.company import Company
from keepwell.demo.people import People
from keepwell.demo.season import Season
from keepwell.demo.timeline import Timeline


@dataclass(frozen=True)
class Scene:
    """The season, the company and the people."""

    season: Season
    company: Company
    people: People

    @property
    def timeline(self) -> Timeline:
        return self.season.timeline
