"""What the engine counts, for Prometheus or whoever asks.

Counted per frame that comes in, per answer and per flush, never per delivery. What can be looked up
when it is asked for (connections, groups, what waits for the layer and for sockets) is in
realtime.collector. Packets per flush are the coalescing ratio.
"""

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)

frames_in = Counter("realtime_frames_in", "Frames that clients sent")
bytes_in = Counter("realtime_bytes_in", "Bytes of the frames that clients sent")
packets = Counter("realtime_packets", "Packets that groups were to write")
writes = Counter("realtime_writes", "Writes to the sockets of groups")
frames_out = Counter("realtime_frames_out", "Frames written to sockets")
bytes_out = Counter("realtime_bytes_out", "Bytes of the frames written to sockets")
flush_seconds = Histogram(
    "realtime_flush_seconds", "Writing what waits to all sockets of a group", buckets=_SECONDS
)
messages = Counter("realtime_messages", "Messages that were posted and stored")
post_seconds = Histogram(
    "realtime_post_seconds", "A post from its arrival to its commit", buckets=_SECONDS
)
post_batches = Counter("realtime_post_batches", "Transactions that stored posts")
slow_closes = Counter("realtime_slow_closes", "Sockets closed because they were read too slowly")
heals = Counter("realtime_heals", "Reads of a log for what the layer lost")
# Asked for when they are read: whoever has the queue gives the function.
inbound_queue = Gauge("realtime_inbound_queue", "Frames that wait for their consumers")
post_queue = Gauge("realtime_post_queue", "Posts that wait for a transaction")
publish_failures = Counter("realtime_publish_failures", "Packets that the layer did not take")


def answered(*, frames: int, size: int) -> None:
    """What was written to one socket alone; `size` in bytes."""
    frames_out.inc(frames)
    bytes_out.inc(size)
