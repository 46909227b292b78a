"""A gunicorn worker that is our server.

gunicorn binds, starts workers and starts them again, and drains them on SIGTERM;
realtime.supervisor replaces them on SIGHUP. The master never imports Django or daphne: daphne makes
its event loop on import, and that must not be shared by a fork.
"""

import os
import signal
import threading
import time
from typing import Any

from gunicorn.workers.base import Worker as GunicornWorker

BEAT_INTERVAL = 1.0
LOADING = 300.0  # seconds; whoever loads longer hangs


class Worker(GunicornWorker):  # type: ignore[misc]  # gunicorn is untyped
    serving = retired = False  # as the master knows it: accepts; was told to end

    def is_ready(self) -> bool:
        """Asked by the master."""
        return os.fstat(self.tmp.fileno()).st_size > 0

    def init_signals(self) -> None:
        """Nothing yet: the event loop takes them over in run()."""
        for number in self.SIGNALS:
            signal.signal(number, signal.SIG_DFL)

    def load_wsgi(self) -> None:
        """The master ends a worker that is silent for half a minute, and begins another: on a busy
        machine, where loading takes longer, again and again.
        """
        loaded = threading.Event()
        threading.Thread(target=self._beat_until, args=(loaded,), daemon=True).start()
        try:
            super().load_wsgi()
        finally:
            loaded.set()

    def _beat_until(self, loaded: threading.Event) -> None:
        end = time.monotonic() + LOADING
        while time.monotonic() < end and not loaded.wait(BEAT_INTERVAL):
            self.notify()

    def run(self) -> None:
        from daphne.server import twisted_loop

        from realtime import scrape
        from realtime.server import Server

        listening = [listener.sock for listener in self.sockets]
        server = Server.adopting(listening, self.wsgi, workers=self.cfg.workers)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            twisted_loop.add_signal_handler(number, server.stop)
        twisted_loop.run_until_complete(scrape.answer_others(os.environ[scrape.DIRECTORY]))
        twisted_loop.call_soon(self._ready)
        twisted_loop.call_soon(self._beat, twisted_loop, server)
        server.run()

    def _ready(self) -> None:
        """Tell the master that connections are accepted here: in the file, and so that it looks."""
        os.write(self.tmp.fileno(), b"ready")
        os.kill(self.ppid, signal.SIGCHLD)

    def _beat(self, loop: Any, server: Any) -> None:
        """Tell the master that the loop turns; end with the master, however it ended."""
        self.notify()
        if os.getppid() != self.ppid:
            self.log.warning("The master is gone: draining.")
            server.stop()
        else:
            loop.call_later(BEAT_INTERVAL, self._beat, loop, server)
