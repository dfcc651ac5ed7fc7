"""What a person may do, as sets of capabilities, and whose rows a person sees."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from keepwell.core.errors import unknown


class Capability(StrEnum):
    """One thing that not everybody may do."""

    SEE_KPIS = "see_kpis"
    SEE_CUSTOMERS = "see_customers"
    SEE_PERSONAL = "see_personal"  # names, addresses and words of persons, unmasked
    SEE_MODELS = "see_models"
    SEE_DATA = "see_data"  # imports, quality, runs, lineage
    SEE_AUDIT = "see_audit"
    EXPORT = "export"
    IMPORT = "import"
    REFRESH = "refresh"
    BUILD_AUDIENCES = "build_audiences"
    SET_TARGETS = "set_targets"
    APPRAISE = "appraise"  # open, approve and publish appraisals of everybody
    SCHEDULE = "schedule"  # refreshes and reports by the calendar, for oneself and others
    ACT = "act"  # tasks, cases, notes about a customer; overrides of health
    USE_API = "use_api"
    MANAGE_USERS = "manage_users"
    MANAGE_SETTINGS = "manage_settings"
    ERASE = "erase"


class Rows(StrEnum):
    """Whose customers a person sees."""

    ALL = "all"
    TEAM = "team"  # the own and those of everybody below, by managers and by regions
    OWN = "own"


@dataclass(frozen=True)
class Role:
    """A job. ``rows`` is what a new user of it sees, unless told otherwise."""

    title: tuple[str, str]  # English, Chinese
    may: frozenset[Capability]
    rows: Rows = Rows.ALL


_LOOK = {Capability.SEE_KPIS, Capability.SEE_CUSTOMERS, Capability.SEE_MODELS}
_WORK_WITH_PEOPLE = {*_LOOK, Capability.SEE_PERSONAL, Capability.EXPORT, Capability.ACT}
_WORK_WITH_DATA = {*_LOOK, Capability.SEE_DATA, Capability.EXPORT, Capability.USE_API}

ROLES: dict[str, Role] = {
    "executive": Role(("Executive", "管理层"), frozenset({*_LOOK, Capability.EXPORT, Capability.SET_TARGETS, Capability.APPRAISE, Capability.SCHEDULE})),
    "operations": Role(
        ("Operations", "客户运营"),
        frozenset({
            *_WORK_WITH_DATA, Capability.IMPORT, Capability.REFRESH, Capability.BUILD_AUDIENCES, Capability.SET_TARGETS, Capability.APPRAISE,
            Capability.SCHEDULE, Capability.ACT,
        }),
    ),
    "account_manager": Role(("Account manager", "客户经理"), frozenset(_WORK_WITH_PEOPLE), Rows.OWN),
    "service": Role(("Service", "客服"), frozenset(_WORK_WITH_PEOPLE)),
    "marketing": Role(("Marketing", "市场营销"), frozenset({*_LOOK, Capability.EXPORT, Capability.BUILD_AUDIENCES})),
    "analyst": Role(("Analyst", "数据分析师"), frozenset({*_WORK_WITH_DATA, Capability.BUILD_AUDIENCES})),
    "administrator": Role(
        ("Administrator", "系统管理员"),
        frozenset({
            Capability.SEE_KPIS, Capability.SEE_MODELS, Capability.SEE_DATA, Capability.SEE_AUDIT, Capability.IMPORT, Capability.REFRESH,
            Capability.USE_API, Capability.MANAGE_USERS, Capability.MANAGE_SETTINGS, Capability.SCHEDULE,
        }),
    ),
    "privacy_officer": Role(
        ("Privacy officer", "隐私专员"),
        frozenset({*_LOOK, Capability.SEE_PERSONAL, Capability.SEE_DATA, Capability.SEE_AUDIT, Capability.EXPORT, Capability.ERASE}),
    ),
}  # fmt: skip


def check_roles(names: Collection[str]) -> tuple[str, ...]:
    """The names, sorted, if each is a role; an unknown one answers with the nearest."""
    for name in names:
        if name not in ROLES:
            raise unknown("role", name, ROLES)
    return tuple(sorted(set(names)))


def capabilities(roles: Collection[str]) -> frozenset[Capability]:
    """What a person with all these roles may do."""
    return frozenset().union(*(ROLES[r].may for r in roles if r in ROLES))


def widest_rows(roles: Collection[str]) -> Rows:
    """What a new person with these roles sees: as much as the widest of them."""
    order = [Rows.OWN, Rows.TEAM, Rows.ALL]
    return max((ROLES[r].rows for r in roles), key=order.index, default=Rows.OWN)
