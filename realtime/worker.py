"""A gunicorn worker that is our server.

gunicorn binds, starts workers and starts them again, replaces them on SIGHUP and drains them on
SIGTERM. Its master never imports Django or daphne: daphne makes its event loop on import, and that
must not be shared by a fork.
"""

import os
import signal
from typing import Any

from gunicorn.workers.base import Worker as GunicornWorker

BEAT_INTERVAL = 1.0


class Worker(GunicornWorker):  # type: ignore[misc]  # gunicorn is untyped
    def init_signals(self) -> None:
        """Nothing yet: the event loop takes them over in run()."""
        for number in self.SIGNALS:
            signal.signal(number, signal.SIG_DFL)

    def run(self) -> None:
        from daphne.server import twisted_loop

        from realtime.server import Server

        server = Server.adopting([listener.sock for listener in self.sockets], self.wsgi)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            twisted_loop.add_signal_handler(number, server.stop)
        twisted_loop.call_soon(self._beat, twisted_loop, server)
        server.run()

    def _beat(self, loop: Any, server: Any) -> None:
        """Tell the master that the loop turns; end with the master, however it ended."""
        self.notify()
        if os.getppid() != self.ppid:
            self.log.warning("The master is gone: draining.")
            server.stop()
        else:
            loop.call_later(BEAT_INTERVAL, self._beat, loop, server)
