"""gunicorn's master, that replaces workers without a moment in which nobody accepts.

gunicorn's own ends the old workers while the new ones still load. Here, on SIGHUP, as many old ones
drain as new ones serve; a new one that fails to load ends nothing but itself. Only where none has
ever served does it end the site, and say so at once. Started by
`manage.py serve`; it loads neither Django nor daphne, whose event loop a fork must not carry.
"""

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from gunicorn.app.wsgiapp import WSGIApplication
from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer

from realtime import scrape

RETRY_DELAY = 5.0  # seconds from a worker that failed to load to the next


class Supervisor(Arbiter):  # type: ignore[misc]  # gunicorn is untyped
    """Its workers are those of realtime.worker."""

    def __init__(self, app: Any) -> None:
        super().__init__(app)
        self._outdated = 0  # workers of this age and below are to be replaced
        self._spawn_after = 0.0
        self._has_served = False
        self._directory = ""

    def start(self) -> None:
        # For the workers' sockets: the user's alone, whoever else is on the machine.
        self._directory = os.environ[scrape.DIRECTORY] = tempfile.mkdtemp(prefix="realtime-")
        super().start()

    def halt(self, *args: Any, **kwargs: Any) -> None:
        try:
            super().halt(*args, **kwargs)
        finally:
            shutil.rmtree(self._directory, ignore_errors=True)

    def reload(self) -> None:
        """SIGHUP. There is no configuration but the command line."""
        self.log.reopen_files()
        self._outdated = self.worker_age

    def handle_ttin(self) -> None:
        """`serve` decided how many workers there are: without Redis there must be no second."""
        self.log.warning("A signal was ignored: the number of workers is set by --workers.")

    handle_ttou = handle_usr2 = handle_ttin

    def manage_workers(self) -> None:
        """Start the workers that are missing; drain those that have been replaced, oldest first."""
        staying = [worker for worker in self.WORKERS.values() if not worker.retired]
        current = [worker for worker in staying if worker.age > self._outdated]
        if time.monotonic() >= self._spawn_after:
            for _ in range(self.num_workers - len(current)):
                self.spawn_worker()
        serving = sorted(filter(self._serves, staying), key=lambda worker: worker.age)
        for worker in serving[: max(0, len(serving) - self.num_workers)]:
            self.log.info("Worker %s has been replaced.", worker.pid)
            self.kill_worker(worker.pid, signal.SIGTERM)

    def kill_worker(self, pid: int, sig: int) -> None:
        worker = self.WORKERS[pid]
        if sig == signal.SIGTERM:
            if worker.retired:
                return
            worker.retired = True
            self.log.info("Worker %s is draining.", pid)
        super().kill_worker(pid, sig)

    def reap_workers(self) -> None:
        for pid, status in _ended_children():
            if worker := self.WORKERS.get(pid):
                self._serves(worker)
                del self.WORKERS[pid]
                worker.tmp.close()
                scrape.socket_of(self._directory, pid).unlink(missing_ok=True)
                self._ended(worker, os.waitstatus_to_exitcode(status))

    def _serves(self, worker: Any) -> bool:
        if not worker.serving and worker.is_ready():
            worker.serving = self._has_served = True
            self.log.info("Worker %s has started.", worker.pid)
        return bool(worker.serving)

    def _ended(self, worker: Any, code: int) -> None:
        """`code`: what it exited with, or minus the signal."""
        if worker.retired:
            self.log.info("Worker %s has ended.", worker.pid)
        elif worker.serving or (code < 0 and self._has_served):
            self.log.error("Worker %s died (%s): starting another.", worker.pid, _reason(code))
        else:
            self._failed(worker, code)

    def _failed(self, worker: Any, code: int) -> None:
        if not self._has_served:
            raise HaltServer(f"Worker {worker.pid} failed to load ({_reason(code)}).", code)
        staying = [each for each in self.WORKERS.values() if not each.retired]
        self.log.error(
            "Worker %s failed to load (%s): nothing is replaced, %d others serve on.",
            worker.pid,
            _reason(code),
            sum(each.serving for each in staying),
        )
        self._outdated = 0
        self._spawn_after = time.monotonic() + RETRY_DELAY
        for each in staying:
            if not self._serves(each):
                self.kill_worker(each.pid, signal.SIGTERM)


def _ended_children() -> Iterator[tuple[int, int]]:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        yield pid, status


def _reason(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name


class Application(WSGIApplication):  # type: ignore[misc]  # gunicorn is untyped
    def load_config(self) -> None:
        """The command line alone: neither GUNICORN_CMD_ARGS nor a gunicorn.conf.py is obeyed."""
        parser = self.cfg.parser()
        arguments = parser.parse_args()
        self.init(parser, arguments, arguments.args)
        self.chdir()
        for name, value in vars(arguments).items():
            if value is not None and name != "args":
                self.cfg.set(name, value)

    def run(self) -> None:
        Supervisor(self).run()


if __name__ == "__main__":
    try:
        Application("%(prog)s [OPTIONS] [APP_MODULE]", prog="gunicorn").run()
    except RuntimeError as error:
        sys.exit(f"Error: {error}")
