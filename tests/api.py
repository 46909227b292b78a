"""Asking the API for rooms as somebody, and what it answers."""

from typing import Any

from rest_framework.test import APIClient

ROOMS = "/api/rooms/"
EVENTS = "/api/rooms/open/events/"
MESSAGES = "/api/rooms/open/messages/"
BODIES = {"/api/rooms/{}/messages/": {"text": "hi", "client_id": "c"}}


def as_user(user: Any) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]
