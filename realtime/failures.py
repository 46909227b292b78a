"""What the client is told of an exception; what it is not told is logged."""

from typing import Any

from realtime.close_codes import CloseCode, ErrorCode
from realtime.conf import conf
from realtime.database import DATABASE_AWAY
from realtime.errors import FrameError, Refused

RETRY_AFTER = conf.RETRY_AFTER  # seconds, when the database is away


def in_frame(error: Exception, logger: Any) -> FrameError:
    """While a frame was acted upon: the socket stays open."""
    if isinstance(error, FrameError):
        return error
    if isinstance(error, DATABASE_AWAY):
        logger.warning("database_away", error=str(error))
        return FrameError(
            ErrorCode.UNAVAILABLE,
            "The database does not answer; try again.",
            retry_after=RETRY_AFTER,
        )
    logger.error("handler_failed", exc_info=error)
    return FrameError(ErrorCode.INTERNAL, "Something went wrong here; it has been logged.")


def in_entry(error: Exception, logger: Any) -> Refused:
    """Before the welcome: the client is to come back."""
    failure = in_frame(error, logger)
    return Refused(
        CloseCode.RESTARTING,
        failure.code,
        failure.message,
        retry_after=failure.retry_after or RETRY_AFTER,
    )
