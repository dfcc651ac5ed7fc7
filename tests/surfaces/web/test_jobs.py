"""Jobs on the pages and by the API: started, found again, cancelled, by those who may; nobody is at work here."""

import re

import httpx
import pytest

from factories.served import PASSWORD, Company
from factories.serving import served
from keepwell.access.roles import ROLES, Capability


def test_whoever_may_import_may_refresh_and_so_sees_the_jobs() -> None:
    assert [r for r, role in ROLES.items() if Capability.IMPORT in role.may] == [
        r for r, role in ROLES.items() if Capability.REFRESH in role.may
    ]


def test_a_refresh_is_started_found_again_and_cancelled(company: Company) -> None:
    company.cancel_jobs()
    with company.browser("operations") as browser:
        answer = browser.post("/data/refresh", form_token=browser.token(), as_of="2026-05-31")
        assert answer.status_code == 303
        path = answer.headers["location"]
        page = browser.get(path).text
        assert "Compute KPIs" in page
        assert "No worker is running" in page
        assert f'action="{path}/cancel"' in page
        assert path in browser.get("/data/jobs").text
        assert path in browser.get("/data/jobs-now").text
        assert browser.post(f"{path}/cancel", form_token=browser.token()).headers["location"] == path
        page = browser.get(path).text
        assert "It was cancelled" in page
        assert f'action="{path}/cancel"' not in page
        # whoever listens is told at once that it is over
        told = browser.get(f"{path}/events").text
        assert re.findall(r"^event: (\w+)$", told, re.MULTILINE) == ["job", "over"]
        assert path not in browser.get("/data/jobs-now").text
    with company.browser("administrator") as browser:
        audit = browser.get("/settings/audit").text
    job_id = path.rpartition("/")[2]
    assert re.search(rf"started</td><td>refresh</td><td>{job_id}", audit)
    assert re.search(rf"cancelled</td><td>job</td><td>{job_id}", audit)


def test_who_signs_out_hears_no_more_of_a_job_that_goes_on(company: Company) -> None:
    company.cancel_jobs()
    with served(company.app) as address, httpx.Client(base_url=address, timeout=30) as browser:

        def token() -> str:
            found = re.search(r'name="form_token" value="(\w+)"', browser.get("/sign-in", follow_redirects=True).text)
            assert found
            return found.group(1)

        browser.post("/sign-in", data={"email": "operations@example.com", "password": PASSWORD, "form_token": token()})
        path = browser.post("/data/refresh", data={"form_token": token()}).headers["location"]
        with browser.stream("GET", f"{path}/events") as told:
            lines = told.iter_lines()
            assert "event: job" in lines
            assert browser.post("/sign-out", data={"form_token": token()}).status_code == 303
            # nobody is at work, so the job never ends; a stream that goes on says every quarter of a minute that it is there
            for line in lines:
                assert line not in {"event: over", ": still here"}
        assert browser.get(f"{path}/events").headers["location"].startswith("/sign-in")
    company.cancel_jobs()


@pytest.mark.parametrize("day", ["soon", "2026-13-01"])
def test_a_day_that_is_none_is_refused(company: Company, day: str) -> None:
    with company.browser("operations") as browser:
        assert browser.post("/data/refresh", form_token=browser.token(), as_of=day).status_code == 400


def test_the_list_of_jobs_comes_in_pages(company: Company) -> None:
    with company.browser("operations") as browser:
        token = browser.token()
        started = [browser.post("/data/refresh", form_token=token).headers["location"] for _ in range(21)]
        first, second = browser.get("/data/jobs").text, browser.get("/data/jobs?page=2").text
        # those of one second have no order
        assert all((path in first) != (path in second) for path in started)
        assert "page=2" in first
        for path in started:
            browser.post(f"{path}/cancel", form_token=token)


def test_a_program_starts_a_refresh_once_under_its_key_and_cancels_it(company: Company) -> None:
    with company.program(company.token("operations")) as program:
        key = {"Idempotency-Key": "nightly-2026-06-30"}
        first = program.post("/api/v1/refreshes", json={"as_of": "2026-06-30"}, headers=key)
        again = program.post("/api/v1/refreshes", json={"as_of": "2026-06-30"}, headers=key)
        assert (first.status_code, again.status_code) == (202, 202)
        assert first.json()["job_id"] == again.json()["job_id"]
        assert program.post("/api/v1/refreshes", json={"as_of": "2026-06-29"}, headers=key).status_code == 409
        path = f"/api/v1/jobs/{first.json()['job_id']}"
        told = program.get(path).json()
        assert (told["kind"], told["state"], told["asked_by"], told["is_over"]) == ("refresh", "queued", "Operations", False)
        assert [s["name"] for s in told["steps"]][:2] == ["KPIs", "models"]
        listed = program.get("/api/v1/jobs", params={"limit": 1}).json()
        assert len(listed["data"]) == 1
        assert listed["total"] >= 1
        assert program.post(f"{path}/cancel").json()["state"] == "cancelled"
        assert program.post(f"{path}/cancel").status_code == 202
        assert program.get("/api/v1/jobs/job_none").status_code == 404
        assert program.post("/api/v1/refreshes", json={"as_of": "soon"}).status_code == 422
