"""What it costs to look before letting in: decoding, handshakes, frames. Prints JSON."""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from statistics import median
from typing import Any
from unittest import mock

import django

FRAME_BYTES = 200
ROUNDS, TIMES = 25, 2000
TIMEOUT = 10
# What one person does in a room without storing anything, each with the type of its answer.
FRAMES = [
    ({"type": "ping"}, "pong"),
    ({"type": "event", "name": "move", "data": {"x": 1}}, "sent"),
    ({"type": "typing"}, ""),
]


def main() -> None:
    django.setup()
    result = {
        "decode_us": decode_us(),
        "handshakes": handshakes(),
        "frames": asyncio.run(frames(sys.argv[1])),
    }
    sys.stdout.write(json.dumps(result))


def decode_us() -> float:
    """Microseconds for a message of FRAME_BYTES, the median of the rounds."""
    from chat.frames import decoder

    frame = {"type": "message", "client_id": "c" * 32, "ref": "1", "text": "é\n"}
    frame["text"] += "x" * (FRAME_BYTES - len(json.dumps(frame)))
    text = json.dumps(frame)
    assert len(text) == FRAME_BYTES
    rounds = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        for _ in range(TIMES):
            decoder.decode(text)
        rounds.append((time.process_time() - begun) / TIMES * 1e6)
    return median(rounds)


def handshakes() -> dict[str, int]:
    """Queries of each kind of credential."""
    from django.contrib.auth import get_user_model

    from accounts import sockets
    from accounts.handshake import Handshake

    user = get_user_model().objects.select_related("profile").earliest("pk")
    counted = {}
    for kind, (headers, query) in _shown(user).items():
        scope = {"headers": headers, "query_string": query.encode()}
        with queries() as asked:
            assert sockets.authenticate(Handshake.of(scope))
        counted[kind] = len(asked)
    return counted


def _shown(user: Any) -> dict[str, tuple[list[tuple[bytes, bytes]], str]]:
    from accounts import actions, api_keys, tokens

    key = api_keys.issue(user=user, name="benchmark", scopes=[])
    session = _session(user)
    bearer = f"Bearer {tokens.issue(user).access}".encode()
    cookie = [(b"origin", b"http://x"), (b"cookie", f"sessionid={session}".encode())]

    def ticket(**ground: Any) -> tuple[list[tuple[bytes, bytes]], str]:
        return [], "ticket=" + actions.issue_ticket(user=user, **ground)

    return {
        "access token": ([(b"authorization", bearer)], ""),
        "API key": ([(b"x-api-key", key.text.encode())], ""),
        "ticket": ticket(),
        "ticket of a session": ticket(session_key=session),
        "ticket of a token": ticket(family="benchmark"),
        "ticket of an API key": ticket(api_key=key),
        "session": (cookie, ""),
    }


def _session(user: Any) -> str:
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

    store = import_module(settings.SESSION_ENGINE).SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.create()
    return str(store.session_key)


async def frames(slug: str) -> dict[str, int]:
    """Queries of each frame that a member sends, between it and its answer."""
    from asgiref.sync import sync_to_async
    from channels.testing import WebsocketCommunicator

    from chat.consumers import RoomConsumer

    socket = WebsocketCommunicator(RoomConsumer.as_asgi(), f"/ws/chat/{slug}/")
    socket.scope["url_route"] = {"kwargs": {"slug": slug}}
    socket.scope["credential"] = await sync_to_async(_credential)()
    assert (await socket.connect(timeout=TIMEOUT))[0]
    await _until(socket, "welcome")
    counted = {}
    for frame, answer in FRAMES:
        rounds = []
        for _ in range(3):  # what the engine asks now and then by itself is in one of them at most
            with queries() as asked:
                await socket.send_json_to(frame)
                await _until(socket, answer or "pong", also_ping=not answer)
            rounds.append(len(asked))
        counted[str(frame["type"])] = min(rounds)
    await socket.disconnect(timeout=TIMEOUT)
    return counted


def _credential() -> Any:
    from django.contrib.auth import get_user_model

    from accounts.queries import person
    from realtime.credentials import Credential

    user = get_user_model().objects.select_related("profile").earliest("pk")
    return Credential(user=user, person=person(user), kind="benchmark")


async def _until(socket: Any, type_: str, *, also_ping: bool = False) -> None:
    """`also_ping`: for a frame that has no answer of its own, and is read before the ping is."""
    if also_ping:
        await socket.send_json_to({"type": "ping"})
    while (await socket.receive_json_from(timeout=TIMEOUT))["type"] != type_:
        pass


@contextmanager
def queries() -> Iterator[list[str]]:
    """Of all threads, without BEGIN and the like."""
    from django.db.backends.utils import CursorWrapper

    asked: list[str] = []
    execute = CursorWrapper.execute

    def noted(self: Any, sql: str, params: Any = None) -> Any:
        if sql.split()[0] not in {"BEGIN", "COMMIT", "SAVEPOINT", "RELEASE"}:
            asked.append(sql)
        return execute(self, sql, params)

    with mock.patch.object(CursorWrapper, "execute", noted):
        yield asked


if __name__ == "__main__":
    main()
