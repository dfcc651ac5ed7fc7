"""Every route of the API for every role, for tokens that lack a scope, and for nobody; from the table of routes."""

import re

import pytest
from starlette.routing import Route

from factories.served import Company
from keepwell.access.roles import ROLES, Capability
from keepwell.access.tokens import SCOPES
from keepwell.surfaces.api.app import PATH, api_routes, create_api
from keepwell.surfaces.api.door import ApiRoute

PLACES = {
    "name": "revenue",
    "customer_id": "C001",
    "state": "tier",
    "job_id": "job_none",
    "hook_id": "hook_none",
    "webhook_id": "sub_none",
    "view_id": "vew_none",
    "target_id": "tgt_none",
    "period": "2026-05",
    "objective_id": "obj_none",
    "round_id": "rnd_none",
    "appraisal_id": "apr_none",
    "entry_id": "dev_none",
    "schedule_id": "sched_none",
    "message_id": "msg_none",
    "channel_id": "chn_none",
    "alert_id": "alr_none",
    "item": "csat",
}
PARAMETERS = {"/readings": {"kpi": "revenue"}, "/search": {"q": "c"}}
TABLE = list(api_routes())
BY_TOKEN = [r for r in TABLE if r.scope]
CALLERS = [r for r in ROLES if Capability.USE_API in ROLES[r].may]


def _path(route: ApiRoute) -> str:
    return PATH + re.sub(r"{(\w+)}", lambda found: PLACES[found.group(1)], route.path)


def test_api_answers_nothing_but_its_table(company: Company) -> None:
    api = create_api(company.app.state.site)
    served = {(m, r.path) for r in api.routes if isinstance(r, Route) for m in r.methods or () if m != "HEAD"}
    assert served == {(r.method, r.path) for r in TABLE} | {("GET", "/openapi.json")}


def test_routes_that_ask_for_a_signature_are_few_and_known() -> None:
    assert {(r.method, r.path) for r in TABLE if not r.scope} == {("POST", "/hooks/{hook_id}")}


def test_nobody_and_wrong_tokens_are_refused_everywhere(company: Company) -> None:
    for token in (None, "kw.tok_x.y", "nonsense", "kw.."):
        with company.program(token) as program:
            for route in TABLE:
                answer = program.request(route.method, _path(route), params=PARAMETERS.get(route.path, {}))
                assert answer.status_code == 401, route
                assert answer.headers["content-type"] == "application/problem+json"
                assert answer.headers["www-authenticate"] == ("Bearer" if route.scope else "Signature")


@pytest.mark.parametrize("who", CALLERS)
def test_routes_answer_those_who_may_and_nobody_else(company: Company, who: str) -> None:
    with company.program(company.token(who)) as program:
        for route in (r for r in BY_TOKEN if r.method == "GET"):
            may = all(c in ROLES[who].may for c in (*route.needs, SCOPES[str(route.scope)]))
            status = program.get(_path(route), params=PARAMETERS.get(route.path, {})).status_code
            assert status in ({200, 400, 404, 409} if may else {403}), (who, route, status)


@pytest.mark.parametrize("scope", SCOPES)
def test_a_token_does_what_its_scopes_allow_and_no_more(company: Company, scope: str) -> None:
    who = next((r for r in CALLERS if SCOPES[scope] in ROLES[r].may), None)
    if who is None:
        # who speaks with customers does so in a browser: no role may read names by the API
        assert scope == "personal:read"
        return
    with company.program(company.token(who, scope)) as program:
        for route in BY_TOKEN:
            status = program.request(route.method, _path(route), params=PARAMETERS.get(route.path, {}), json=[]).status_code
            assert (status == 403) or route.scope == scope, (route, status)


def test_a_role_without_the_api_has_no_tokens(company: Company) -> None:
    with pytest.raises(Exception, match="may not use the API"):
        company.token("executive", "kpis:read")
