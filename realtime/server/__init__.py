"""daphne, with a transport that writes at once, bounds on what comes in, and a quiet end.

Nothing here is needed for correctness: under plain daphne, or any other ASGI server, the consumers
send through ASGI. It is for speed, and for the limits that only the transport can hold.
"""

from realtime.server.server import Server

__all__ = ["Server"]
