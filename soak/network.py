"""A network namespace for one worker, joined to the machine by a wire that can be cut."""

import asyncio
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from types import TracebackType
from typing import Self

from soak.services import program

_cells = count()


class Cell:
    """Needs root. `inside` is its address, `outside` is the machine's as seen from it."""

    def __init__(self) -> None:
        # What was taken down may still be on its way out: another name for each.
        self.name = f"soak{os.getpid()}-{next(_cells)}"
        number = (os.getpid() + next(_cells)) % 250 + 1
        self.outside, self.inside = f"10.213.{number}.1", f"10.213.{number}.2"
        self._ip = program("ip")

    def __enter__(self) -> Self:
        self._call("netns", "add", self.name)
        try:
            self._call(
                *("link", "add", self._wire, "type", "veth"),
                *("peer", "name", "eth0", "netns", self.name),
            )
            self._call("addr", "add", f"{self.outside}/30", "dev", self._wire)
            self._call("link", "set", self._wire, "up")
            self._within("addr", "add", f"{self.inside}/30", "dev", "eth0")
            self._within("link", "set", "eth0", "up")
            self._within("link", "set", "lo", "up")
        except BaseException:
            self._call("netns", "del", self.name)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._call("netns", "del", self.name)  # the wire goes with it

    @property
    def command(self) -> list[str]:
        """What goes before a command that is to run inside."""
        return [self._ip, "netns", "exec", self.name]

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Both ways."""
        self._call("link", "set", self._wire, "down")
        try:
            yield
        finally:
            self._call("link", "set", self._wire, "up")

    @contextmanager
    def deaf(self) -> Iterator[None]:
        """What is sent into it is lost; what it sends arrives."""
        self._call("route", "add", "blackhole", f"{self.inside}/32")
        try:
            yield
        finally:
            self._call("route", "del", "blackhole", f"{self.inside}/32")

    @contextmanager
    def forwarding(self, ports: list[int]) -> Iterator[None]:
        """These ports of loopback can be reached from inside, at `outside`."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()
        try:
            for port in ports:
                asyncio.run_coroutine_threadsafe(self._forward(port), loop).result(10)
            yield
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(10)

    async def _forward(self, port: int) -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                there, back = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                writer.close()
                return
            await asyncio.gather(_pump(reader, back), _pump(there, writer))

        await asyncio.start_server(serve, self.outside, port)

    @property
    def _wire(self) -> str:
        return f"s{self.name.removeprefix('soak')}"  # the kernel takes 15 characters

    def _within(self, *arguments: str) -> None:
        self._call("-n", self.name, *arguments)

    def _call(self, *arguments: str) -> None:
        subprocess.run(  # noqa: S603 - commands of this class only
            [self._ip, *arguments], check=True, capture_output=True, timeout=10
        )


def try_cell() -> None:
    """Raises what stands in the way of one."""
    with Cell():
        pass


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        return
    finally:
        writer.close()
