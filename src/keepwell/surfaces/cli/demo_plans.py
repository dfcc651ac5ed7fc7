"""What the management of the demo set itself: an objective with targets, a decision, and what is to be done about it."""

from datetime import date

from keepwell.access.audit import Actor
from keepwell.access.users import users
from keepwell.core.settings import Locale
from keepwell.store.db import store_of
from keepwell.surfaces.meetings import Meetings, Written
from keepwell.surfaces.python import Workspace
from keepwell.surfaces.targets import Targets, Wanted

OBJECTIVE = ("Customers who come again", "让客户再次光临")
REASON = ("Agreed in the yearly plan.", "年度计划中确定。")
TARGETS = (("repeat_purchase_rate", "72%", "2027-03"), ("nps", "20", "2027-Q2"), ("first_response_time", "12h", "2027-03"))
# kind, the review in which it was said, what, the KPI that it should move, and by how much
SAID = (
    ("decision", "2026-09", ("Two more people for the chat in the evening", "晚间在线客服增加两人"), "first_response_time", "-2h"),
    ("action", "2026-10", ("Ask who left without buying again why", "回访未再次购买的客户，了解原因"), "repeat_purchase_rate", "+2%"),
)
DUE = date(2026, 12, 15)


def add_plans(workspace: Workspace) -> None:
    """Set them, as the executive's."""
    place = int(workspace.place.settings.locale is Locale.CHINESE)
    at, actor = workspace.clock.now(), Actor(None, "keepwell demo")
    with store_of(workspace.place) as store:
        with store.transaction(writes=False) as session:
            owner = next(u for u in users(session) if "executive" in u.roles)
        targets, meetings = Targets(workspace, store), Meetings(workspace, store)
        objective = targets.add_objective(at, actor, OBJECTIVE[place], owner.user_id)
        for kpi, value, by in TARGETS:
            targets.set(at, actor, Wanted(kpi, value, by, None, owner.user_id, REASON[place], objective.objective_id))
        for kind, period, text, kpi, effect in SAID:
            who, due = (owner.email, DUE) if kind == "action" else (None, None)
            meetings.add(at, actor, Written(kind, text[place], period, who, due, kpi, effect))
