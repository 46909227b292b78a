from typing import Any

import msgspec
import pytest
from rest_framework.test import APIClient

from accounts import api_keys
from tests.cast import Cast
from topics import actions, backend
from topics.errors import TopicsAway
from topics.store import MemoryTopics


@pytest.fixture(autouse=True)
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryTopics:
    store = MemoryTopics()
    monkeypatch.setattr(backend, "_store", lambda _: store)
    return store


def as_user(user: Any, auth: Any = None) -> APIClient:
    client = APIClient()
    client.force_authenticate(user, token=auth)
    return client


def publish(user: Any, topic: str = "prices", *, auth: Any = None, **body: Any) -> Any:
    return as_user(user, auth).post(f"/api/topics/{topic}/", body or {"data": {"eur": 1}})


def test_a_publication_is_answered_with_its_offset(cast: Cast) -> None:
    for offset in (1, 2):
        answer = publish(cast.owner)
        assert (answer.status_code, answer.json()) == (200, {"offset": offset})
    assert publish(cast.owner, "other").json() == {"offset": 1}


@pytest.mark.parametrize("data", [None, 0, False, "", [], {}, "é😀", [[{"a": [1.5, None]}]]])
def test_any_json_is_published_as_it_is(cast: Cast, store: MemoryTopics, data: Any) -> None:
    assert publish(cast.owner, data=data).status_code == 200
    (topic,) = store._topics.values()
    assert msgspec.json.decode(topic.payloads[0])["data"] == data


def test_a_guest_publishes_too(cast: Cast, store: MemoryTopics) -> None:
    assert publish(cast.guest).status_code == 200
    (topic,) = store._topics.values()
    assert msgspec.json.decode(topic.payloads[0])["from"]["guest"] is True


def test_who_is_not_signed_in_gets_401(store: MemoryTopics) -> None:
    answer = APIClient().post("/api/topics/prices/", {"data": 1})
    assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")
    assert not store._topics


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_a_wrong_method_gets_405(cast: Cast, method: str) -> None:
    answer = getattr(as_user(cast.owner), method)("/api/topics/prices/")
    assert answer.status_code == 405


@pytest.mark.parametrize("topic", ["a b", "é", "x" * 101, "a%0A", "a,b", "a{}"])
def test_a_bad_name_is_told_by_its_field(cast: Cast, topic: str) -> None:
    answer = publish(cast.owner, topic)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_frame")
    assert "topic" in answer.json()["fields"]


def test_without_data_nothing_is_published(cast: Cast, store: MemoryTopics) -> None:
    answer = publish(cast.owner, date=1)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_frame")
    assert "data" in answer.json()["fields"]
    assert not store._topics


def test_data_is_at_most_16_kib_of_json(cast: Cast) -> None:
    assert publish(cast.owner, data="x" * (16 * 1024 - 2)).status_code == 200
    answer = publish(cast.owner, data="x" * (16 * 1024 - 1))
    assert (answer.status_code, answer.json()["code"]) == (400, "too_long")


def test_json_that_the_sockets_refuse_is_refused_here(cast: Cast) -> None:
    for body in ('{"data": NaN}', '{"data": 1, "data": 2}', '{"data": "\\u0000"}', "[1]"):
        answer = as_user(cast.owner).post(
            "/api/topics/prices/", data=body, content_type="application/json"
        )
        assert answer.status_code == 400, body


def test_only_staff_and_api_keys_publish_in_a_persons_own_topic(cast: Cast) -> None:
    topic = f"user:{cast.owner.pk}:inbox"
    for user in (cast.owner, cast.stranger, cast.guest):
        answer = publish(user, topic)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
        assert topic in answer.json()["message"]
    assert publish(cast.staff, topic).status_code == 200
    for scopes, status in ((["topics:publish"], 200), (["topics:subscribe"], 403)):
        key = api_keys.issue(user=cast.stranger, name="test", scopes=scopes)
        assert publish(cast.stranger, topic, auth=key).status_code == status


def test_while_the_store_is_away_the_answer_is_503(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> int:
        raise TopicsAway

    monkeypatch.setattr(actions, "publish", refuse)
    answer = publish(cast.owner)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.json()["retry_after"] == 2.0
    assert answer.headers["Retry-After"] == "2"


def test_the_schema_describes_it(db: None) -> None:
    schema = APIClient().get("/api/schema/?format=json").json()
    call = schema["paths"]["/api/topics/{topic}/"]["post"]
    assert call["operationId"] == "topics_publish"
    assert [parameter["name"] for parameter in call["parameters"]] == ["topic"]
    assert call["responses"].keys() >= {"200", "400", "403", "503"}
