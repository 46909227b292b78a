"""What autobahn would copy to each connection, kept once; when clients are to come back."""

from types import SimpleNamespace
from typing import Any

import pytest

from realtime.limits import HANDSHAKES, Bucket
from realtime.server.protocol import WebSocketProtocol
from realtime.server.server import return_within


def test_the_options_of_the_factory_are_those_of_its_connections_and_of_no_others() -> None:
    names = WebSocketProtocol.CONFIG_ATTRS
    one = WebSocketProtocol.with_options_of(SimpleNamespace(**dict.fromkeys(names, 1)))
    two = WebSocketProtocol.with_options_of(SimpleNamespace(**dict.fromkeys(names, 2)))
    for kind, value in ((one, 1), (two, 2)):
        protocol = kind()
        assert {getattr(protocol, name) for name in names} == {value}
        assert not set(vars(protocol)) & set(names)
        assert protocol.CONFIG_ATTRS == ()
    assert WebSocketProtocol.CONFIG_ATTRS == names != ()


def test_an_option_that_is_a_function_is_called_as_the_factory_would() -> None:
    options = dict.fromkeys(WebSocketProtocol.CONFIG_ATTRS)
    options["perMessageCompressionAccept"] = lambda offers: offers
    kind = WebSocketProtocol.with_options_of(SimpleNamespace(**options))
    assert kind().perMessageCompressionAccept(["an offer"]) == ["an offer"]


@pytest.mark.parametrize(("sockets", "latest"), [(0, 0.5), (200, 1.0), (1000, 3.0), (9000, 5.0)])
def test_a_few_come_back_at_once_and_a_crowd_spread_out(sockets: int, latest: float) -> None:
    assert return_within(sockets) == (0.5, latest)


@pytest.mark.parametrize(
    ("limit", "neighbours", "latest"),
    [
        (100, 200, 1.5),
        (100, 400, 3.5),
        (100, 1000, 9.5),
        (20, 200, 9.5),
        (100, 10, 1.0),
        (0, 10**6, 1.0),
    ],
)
def test_those_of_one_address_come_back_no_faster_than_their_handshakes_are_taken(
    settings: Any, limit: float, neighbours: int, latest: float
) -> None:
    settings.LIMIT_HANDSHAKES_PER_SECOND = limit
    assert return_within(200, neighbours) == (0.5, latest)


@pytest.mark.parametrize("count", [100, 200, 300, 1000])
def test_whoever_comes_when_they_were_told_is_not_refused_for_the_pace_of_their_address(
    settings: Any, count: int
) -> None:
    settings.LIMIT_HANDSHAKES_PER_SECOND = 100
    soonest, latest = return_within(count, count)
    rate = HANDSHAKES.rate
    assert rate
    now = soonest
    bucket = Bucket(rate, lambda: now)
    for number in range(count):
        now = soonest + (latest - soonest) * number / count
        assert not bucket.take(), number
