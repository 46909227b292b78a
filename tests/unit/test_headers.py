"""What every answer of a production site carries, and what none of them says."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.answers import CALLS, PAGES, SECRET

ROOT = Path(__file__).parents[2]
KEY = "for-these-tests-alone-0123456789-abcdefghijklmnop"
STATUSES = {
    "page 400": 400, "api 400": 400, "api 401": 401, "page 403": 403, "api 403": 403,
    "page 404": 404, "api 404": 404, "static file 404": 404, "api 405": 405, "api 413": 413,
    "page 429": 429, "api 429": 429, "page 500": 500, "api 500": 500,
    "redirect": 302, "plain http": 301, "signed in": 302, "api asked by format": 404,
    "api asked for a page": 406,
}  # fmt: skip
NAMES = [*PAGES, *CALLS, *(name for name in STATUSES if name not in {**PAGES, **CALLS})]


def answers_of(folder: Path) -> Any:
    environment = {
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "tests.unit.production",
        "SECRET_KEY": KEY,
        "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
        "LIMIT_LOGINS_PER_MINUTE": "1",
        "LOG_LEVEL": "CRITICAL",
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.answers"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return answers_of(tmp_path_factory.mktemp("production"))


def policy_of(answer: Any) -> dict[str, list[str]]:
    text = answer["headers"]["Content-Security-Policy"]
    return {part.split()[0]: part.split()[1:] for part in text.split(";")}


def test_each_kind_of_answer_is_what_it_is_meant_to_be(answers: Any) -> None:
    assert set(answers) == set(NAMES)
    found = {name: answer["status"] for name, answer in answers.items()}
    assert found == {name: STATUSES.get(name, 200) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_every_answer_carries_the_headers(answers: Any, name: str) -> None:
    headers = answers[name]["headers"]
    if name == "plain http":
        assert headers["Location"] == "https://localhost/"
        return
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    age, *rest = headers["Strict-Transport-Security"].split("; ")
    assert int(age.removeprefix("max-age=")) >= 31_536_000
    assert rest == [], "other names of the domain are not ours to speak for"


@pytest.mark.parametrize("name", [name for name in NAMES if name != "plain http"])
def test_every_answer_has_a_policy_that_allows_no_script_but_our_own(
    answers: Any, name: str
) -> None:
    policy = policy_of(answers[name])
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == ["'none'"]
    assert policy["form-action"] == ["'self'"]
    for directive in ("script-src", "style-src"):
        own, *nonce = policy[directive]
        assert own == "'self'"
        assert all(re.fullmatch(r"'nonce-[\w+/=-]{16,}'", source) for source in nonce)
    for sources in policy.values():
        assert not [source for source in sources if "unsafe" in source or "*" in source]
        assert not {"http:", "https:", "blob:"} & set(sources)


@pytest.mark.parametrize("name", PAGES)
def test_no_page_needs_more_than_the_policy_allows(answers: Any, name: str) -> None:
    page, policy = answers[name]["body"], policy_of(answers[name])
    for tag in re.findall(r"<(?:script|style)\b[^>]*>", page):
        nonce = re.search(r'nonce="([^"]+)"', tag)
        if nonce:
            assert f"'nonce-{nonce[1]}'" in policy["script-src"] + policy["style-src"]
        else:
            assert "src=" in tag or re.search(r'type="application/json"', tag), tag
    assert not re.search(r"<[^>]*\s(on\w+|style)=|href=\"javascript:", page)
    assert not re.search(r'(src|href)="(https?:)?//', re.sub(r"<a [^>]*>", "", page))


def test_cookies_are_for_https_and_this_site_alone(answers: Any) -> None:
    session = answers["signed in"]["cookies"]["sessionid"]
    assert (session["secure"], session["httponly"], session["samesite"]) == (True, True, "Lax")
    forms = answers["login"]["cookies"].get("csrftoken") or answers["room"]["cookies"]["csrftoken"]
    assert (forms["secure"], forms["samesite"]) == (True, "Lax")
    for answer in answers.values():
        for cookie in answer["cookies"].values():
            assert cookie["secure"]
            assert cookie["samesite"] in {"Lax", "Strict"}
            assert not cookie["domain"]


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("api ")])
def test_the_api_answers_in_json_whatever_is_asked_for(answers: Any, name: str) -> None:
    if name == "api docs":
        return
    assert answers[name]["headers"]["Content-Type"] == "application/json"
    assert set(json.loads(answers[name]["body"])) >= {"code", "message"}


@pytest.mark.parametrize("name", [name for name, status in STATUSES.items() if status >= 400])
def test_no_error_says_what_is_inside(answers: Any, name: str) -> None:
    said = json.dumps(answers[name])
    for inner in (
        SECRET, KEY, str(ROOT), "Traceback", "DJANGO", "Django", "settings", "sqlite", "python",
        "Exception", "RuntimeError", "urlconf", "DEBUG", "CSRF_", "daphne",
    ):  # fmt: skip
        assert inner not in said


def test_the_browsable_api_is_not_there_at_all(answers: Any) -> None:
    """Not with DEBUG on either: JSON is the only renderer, and nothing adds another."""
    from django.conf import settings

    assert settings.REST_FRAMEWORK["DEFAULT_RENDERER_CLASSES"] == [
        "rest_framework.renderers.JSONRenderer"
    ]
    assert "<html" not in answers["api asked for a page"]["body"]
