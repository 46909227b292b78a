"""What can be looked up in the hubs of this process, for Prometheus."""

from collections.abc import Iterator

from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from realtime.hub import hubs


class HubCollector(Collector):
    def collect(self) -> Iterator[GaugeMetricFamily]:
        here = hubs.all()
        for name, description, value in (
            ("connections", "Open sockets", sum(len(hub.sockets) for hub in here)),
            ("groups", "Groups that have sockets here", sum(hub.group_count for hub in here)),
            ("layer_queue", "Packets that wait for the layer", sum(hub.queued for hub in here)),
            ("outbox_bytes", "Bytes that wait for clients", sum(hub.backlog for hub in here)),
            ("layer_up", "1 while the layer is heard from", int(all(hub.up for hub in here))),
        ):
            yield GaugeMetricFamily(f"realtime_{name}", description, value=value)


def register() -> None:
    REGISTRY.register(HubCollector())
