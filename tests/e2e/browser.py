"""Somebody at the pages of the site: cookies, forms and their tokens, and no scripts."""

import asyncio
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar
from typing import Any

from tests.e2e.workers import HTTP_TIMEOUT, Worker

PASSWORD = "k4-Lumen-31"


class Browser:
    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self._jar = CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self._jar)
        )

    async def come_in(self, name: str) -> None:
        """As a guest."""
        await self.submit("/", name=name)
        assert self.cookies.get("sessionid"), f"{name} did not come in"

    async def sign_up(self, username: str) -> None:
        await self.submit(
            "/accounts/signup/", username=username, password1=PASSWORD, password2=PASSWORD
        )
        assert self.cookies.get("sessionid"), f"{username} was not signed up"

    async def sign_in(self, username: str, password: str) -> None:
        await self.submit("/accounts/login/", login=username, password=password)
        assert self.cookies.get("sessionid"), f"{username} was not signed in"

    async def submit(self, path: str, **fields: str) -> str:
        """Look at the page, then send its form. Returns the page that follows."""
        return await asyncio.to_thread(self._submit, path, fields)

    @property
    def cookies(self) -> dict[str, str]:
        return {cookie.name: cookie.value or "" for cookie in self._jar}

    @property
    def headers(self) -> dict[str, str]:
        """What a page of the site sends with a socket."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return {"Cookie": cookies}

    def _submit(self, path: str, fields: dict[str, Any]) -> str:
        self._open(path)
        fields = {**fields, "csrfmiddlewaretoken": self.cookies["csrftoken"]}
        return self._open(path, urllib.parse.urlencode(fields).encode())

    def _open(self, path: str, data: bytes | None = None) -> str:
        with self._opener.open(self.worker.http + path, data, HTTP_TIMEOUT) as response:
            page: str = response.read().decode()
            return page
