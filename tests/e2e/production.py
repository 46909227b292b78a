"""`manage.py serve`: gunicorn's master, and the workers under it."""

import sys
from pathlib import Path

from tests.e2e.workers import Site, Worker


class Production(Worker):
    def __init__(
        self, site: Site, name: str, *, workers: int = 1, broken_if: Path | None = None
    ) -> None:
        """While the file `broken_if` is there, a new worker cannot load the site."""
        super().__init__(site, name)
        self._workers = workers
        self._broken_if = broken_if

    @property
    def command(self) -> list[str]:
        return [
            sys.executable, "manage.py", "serve", "--bind", f"127.0.0.1:{self.port}",
            "--workers", str(self._workers),
        ]  # fmt: skip

    @property
    def environment(self) -> dict[str, str]:
        if self._broken_if is None:
            return super().environment
        return {
            **super().environment,
            "DJANGO_SETTINGS_MODULE": "tests.e2e.breakable_settings",
            "BROKEN_IF": str(self._broken_if),
        }

    @property
    def master(self) -> int:
        assert self._process is not None
        return self._process.pid

    def worker_pids(self) -> set[int]:
        children = Path(f"/proc/{self.master}/task/{self.master}/children").read_text()
        return {int(pid) for pid in children.split()}
