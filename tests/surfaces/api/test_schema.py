"""Whatever the API's schema allows, and much that it does not, is answered without a fault of ours."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error

from factories.served import Company
from keepwell.surfaces.api.app import PATH, api_routes
from keepwell.surfaces.api.limits import Limits

EXAMPLES = 12  # of each operation
OPERATIONS = [(r.path, r.method) for r in api_routes()]


@pytest.fixture(scope="session")
def schema(company: Company) -> Any:
    """The schema as the application tells it; no limit of requests stands in the way."""
    api: Any = next(r.app for r in company.app.routes if getattr(r, "path", None) == PATH)  # type: ignore[attr-defined]  # of a mount
    api.state.limits = Limits(1_000_000, lambda: 0.0)
    return schemathesis.openapi.from_asgi(f"{PATH}/openapi.json", company.app)


@pytest.fixture(scope="session")
def token(company: Company) -> str:
    return company.token("operations")


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_nothing_that_is_sent_breaks_it(schema: Any, token: str, path: str, method: str) -> None:
    @given(case=schema[path][method].as_strategy())
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    def ask(case: "schemathesis.Case[Any]") -> None:
        answer = case.call(headers={"Authorization": f"Bearer {token}"})
        case.validate_response(answer, checks=[not_a_server_error])

    ask()
