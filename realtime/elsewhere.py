"""The last route: a path that is no socket is closed with 4404, not a traceback and a 500."""

from realtime.close_codes import CloseCode, ErrorCode
from realtime.consumer import SocketConsumer
from realtime.errors import Refused
from realtime.frames import Decoder


class NotFoundConsumer(SocketConsumer):
    decoder = Decoder([])

    def authenticate(self) -> None:
        """Nobody is let in, so nobody is asked who they are. A bad credential is still one."""
        if self.scope.get("refused"):
            super().authenticate()

    async def enter(self) -> None:
        raise Refused(CloseCode.NOT_FOUND, ErrorCode.NOT_FOUND, "There is no such socket.")
