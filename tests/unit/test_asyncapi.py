"""The description of the sockets: whole, sound, and of the types that are used."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from jsonschema import Draft202012Validator

from chatsite.routing import websocket_urlpatterns
from realtime import limits
from realtime.asyncapi import consumer_of, frames_of
from realtime.close_codes import CloseCode
from realtime.consumer import SocketConsumer
from realtime.elsewhere import NotFoundConsumer
from realtime.frames import ClientFrame, ServerFrame
from realtime.limit_store import MemoryRates

APPS = {"accounts", "chat", "notifications", "ops", "orders", "realtime", "topics"}
KEY = re.compile(r"^[\w.\-]+$")


@pytest.fixture(scope="module")
def document() -> Any:
    return Client().get("/api/asyncapi.json").json()


def ours(base: type) -> Iterator[type]:
    """What is derived from it in our apps, without what others are derived from in turn."""
    for kind in base.__subclasses__():
        yield from ours(kind)
        if kind.__module__.split(".")[0] in APPS and not kind.__subclasses__():
            yield kind


def resolve(document: Any, reference: str) -> Any:
    assert reference.startswith("#/")
    for part in reference[2:].split("/"):
        document = document[part]
    return document


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from (value for key, value in node.items() if key == "$ref")
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from references(child)


def test_anyone_may_read_it_and_only_read() -> None:
    answer = Client().get("/api/asyncapi.json")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    assert Client().post("/api/asyncapi.json").status_code == 405


def test_no_frame_is_forgotten() -> None:
    described = {f for route in websocket_urlpatterns for f in frames_of(consumer_of(route))}
    assert set(ours(ServerFrame)) | set(ours(ClientFrame)) == described


def test_no_consumer_is_forgotten() -> None:
    consumers = {consumer_of(route) for route in websocket_urlpatterns}
    assert set(ours(SocketConsumer)) - {NotFoundConsumer} == consumers


def test_it_has_the_structure_of_asyncapi_3(document: Any) -> None:
    assert document["asyncapi"] == "3.0.0"
    assert document["info"].keys() >= {"title", "version"}
    for server in document["servers"].values():
        assert server.keys() >= {"host", "protocol"}
    for key, channel in document["channels"].items():
        assert KEY.match(key)
        assert channel["description"]
        assert set(re.findall(r"{(\w+)}", channel["address"])) == set(channel.get("parameters", {}))
        for name, message in channel["messages"].items():
            assert KEY.match(name)
            assert message.keys() >= {"contentType", "payload"}
    for operation in document["operations"].values():
        assert operation["action"] in {"send", "receive"}
        prefix = operation["channel"]["$ref"] + "/messages/"
        assert all(message["$ref"].startswith(prefix) for message in operation["messages"])
    for name, scheme in document["components"]["securitySchemes"].items():
        assert KEY.match(name)
        assert scheme["type"] in {"http", "httpApiKey"}


def test_every_message_is_sent_or_received(document: Any) -> None:
    used = {m["$ref"] for o in document["operations"].values() for m in o["messages"]}
    assert used == {
        f"#/channels/{channel}/messages/{name}"
        for channel, each in document["channels"].items()
        for name in each["messages"]
    }


def test_every_reference_leads_somewhere(document: Any) -> None:
    for reference in set(references(document)):
        assert resolve(document, reference)


def test_every_schema_is_one(document: Any) -> None:
    for name, schema in document["components"]["schemas"].items():
        assert KEY.match(name)
        Draft202012Validator.check_schema(schema)


def test_the_paths_of_the_contract_are_there(document: Any) -> None:
    assert {channel["address"] for channel in document["channels"].values()} == {
        "/ws/chat/{slug}/",
        "/ws/notifications/",
        "/ws/topics/",
        "/ws/ops/",
        "/ws/echo/",
    }
    assert "after" in document["channels"]["chat"]["bindings"]["ws"]["query"]["properties"]


def test_every_close_code_is_there(document: Any) -> None:
    told = {each["code"]: each["reconnect"] for each in document["x-close-codes"]}
    assert told == {int(code): code.reconnect for code in CloseCode}


def test_what_is_not_built_is_absent(document: Any) -> None:
    messages = document["channels"]["chat"]["messages"]
    assert not [name for name in messages if name.endswith((".edit", ".delete", ".react"))]
    schemas = document["components"]["schemas"]
    assert schemas["PostMessage"]["properties"].keys() == {"type", "ref", "text", "client_id"}
    assert "x-not-built" not in str(document)


def test_it_is_made_once_and_each_asker_gets_the_name_they_asked_by(
    document: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatsite.routing.document", None)  # made already, and not again
    told = Client().get("/api/asyncapi.json", headers={"Host": "localhost:1"}).json()
    assert told["servers"]["site"]["host"] == "localhost:1"
    assert told["channels"] == document["channels"]


def test_it_is_not_asked_for_any_faster_than_the_rest(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits.rates, "_here", MemoryRates())
    settings.LIMIT_API_PER_SECOND = 0.01
    answers = [Client().get("/api/asyncapi.json") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]


@pytest.mark.parametrize("header", [{"Authorization": "Bearer stale"}, {"X-API-Key": "none"}])
def test_it_is_for_whoever_asks(header: dict[str, str]) -> None:
    assert Client().get("/api/asyncapi.json", headers=header).status_code == 200
    assert Client().post("/api/asyncapi.json", headers=header).status_code == 405
