"""As little as Python can do for a room: for each message one `send` to each socket.

No server: it takes only whole, short, masked text frames, and ends with the first that is none.
What it costs is the kernel's, and the loop's around it.
"""

import base64
import hashlib
import os
import re
import select
import socket

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
ANSWER = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"


def shake_hands(member: socket.socket) -> bool:
    """Whether it is a member now; who only looks whether the port is open is none."""
    asked = b""
    while b"\r\n\r\n" not in asked:
        if not (part := member.recv(65536)):
            return False
        asked += part
    (key,) = re.findall(rb"(?i)sec-websocket-key: *(\S+)", asked)
    accept = base64.b64encode(hashlib.sha1(key + MAGIC, usedforsecurity=False).digest())
    member.sendall(ANSWER + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
    return True


def texts(data: bytes) -> list[bytes]:
    found = []
    while data:
        length, mask = data[1] & 0x7F, data[2:6]
        if data[0] != 0x81 or length > 125:
            raise ValueError("not a whole, short text frame")
        payload = int.from_bytes(data[6 : 6 + length])
        key = int.from_bytes((mask * 32)[:length])
        found.append((payload ^ key).to_bytes(length))
        data = data[6 + length :]
    return found


def main() -> None:
    listening = socket.create_server(("127.0.0.1", int(os.environ["PORT"])), backlog=1024)
    poll, members = select.epoll(), {}
    poll.register(listening, select.EPOLLIN)
    while True:
        for number, _ in poll.poll():
            if number == listening.fileno():
                member, _ = listening.accept()
                member.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if shake_hands(member):
                    members[member.fileno()] = member
                    poll.register(member, select.EPOLLIN)
            elif data := members[number].recv(65536):
                for text in texts(data):
                    frame = bytes((0x81, len(text))) + text
                    for member in members.values():
                        member.send(frame)
            else:
                members.pop(number).close()


main()
