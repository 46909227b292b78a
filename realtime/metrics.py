"""What the engine counts, for Prometheus or whoever asks.

Counted per frame that comes in and per flush, never per delivery. What can be looked up when it is
asked for (connections, groups, queues) is in realtime.collector.
"""

from prometheus_client import Counter, Histogram

_SECONDS = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)

frames_in = Counter("realtime_frames_in", "Frames that clients sent")
bytes_in = Counter("realtime_bytes_in", "Characters in the frames that clients sent")
packets = Counter("realtime_packets", "Packets that groups were to write")
writes = Counter("realtime_writes", "Writes to the sockets of groups")
frames_out = Counter("realtime_frames_out", "Frames written to the sockets of groups")
bytes_out = Counter("realtime_bytes_out", "Bytes of the frames written to the sockets of groups")
flush_seconds = Histogram(
    "realtime_flush_seconds", "Writing what waits to all sockets of a group", buckets=_SECONDS
)
post_seconds = Histogram(
    "realtime_post_seconds", "A post from its arrival to its commit", buckets=_SECONDS
)
slow_closes = Counter("realtime_slow_closes", "Sockets closed because they were read too slowly")
heals = Counter("realtime_heals", "Reads of a log for what the layer lost")
publish_failures = Counter("realtime_publish_failures", "Packets that the layer did not take")
