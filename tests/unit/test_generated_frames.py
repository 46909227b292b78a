"""Whatever comes, a decoder answers with a frame or with an error of the contract.

The handlers behind get theirs in tests/websocket/test_generated_frames.py.
"""

import time
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from chat.frames import decoder as chat
from notifications.frames import decoder as notifications
from ops.frames import decoder as ops
from realtime.close_codes import ErrorCode
from realtime.errors import FrameError
from realtime.frames import ClientFrame, Decoder, Error, encode, glimpse
from tests import odd
from tests.poison import POISON
from topics.frames import decoder as topics

DECODERS = {"chat": chat, "notifications": notifications, "ops": ops, "topics": topics}
FRAMES = 70_000  # of all decoders; the consumers get the rest of a hundred thousand
EXAMPLES = 1_750  # of each: a dozen frames come of one
SLOWEST = 0.25  # seconds of CPU, for any one
MALFORMED = {ErrorCode.BAD_FRAME, ErrorCode.UNKNOWN_TYPE}


def refusal(decoder: Decoder, text: str) -> FrameError | None:
    """What is refused can be told: its error is a frame that can be sent."""
    try:
        assert isinstance(decoder.decode(text), ClientFrame)
    except FrameError as error:
        told: Any = {
            name: value
            for name in ("ref", "client_id", "topic")
            if (value := getattr(error, name)) is not None
        }
        msgspec.json.decode(encode(Error(code=error.code, message=error.message, **told)))
        return error
    return None


def took(decoder: Decoder, text: str) -> float:
    begun = time.process_time()
    with suppress(FrameError):
        decoder.decode(text)
    glimpse(text)
    return time.process_time() - begun


@pytest.mark.parametrize("path", DECODERS)
@pytest.mark.parametrize("what", POISON)
def test_poison_is_refused_and_counts(what: str, path: str) -> None:
    error = refusal(DECODERS[path], POISON[what])
    assert error
    assert error.malformed
    assert error.code in MALFORMED


@pytest.mark.parametrize("path", DECODERS)
def test_each_of_tens_of_thousands_of_frames_is_read_or_refused_in_time(path: str) -> None:
    decoder = DECODERS[path]
    good: list[str] = []
    bad: list[str] = []

    @given(st.one_of(odd.frames(decoder)), odd.values, odd.places, odd.bits)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate, Phase.shrink],
    )
    def attempt(frame: dict[str, Any], value: Any, place: int, bit: str) -> None:
        assert refusal(decoder, odd.as_text(frame)) is None
        for text in odd.mutations(frame, value, place, bit):
            error = refusal(decoder, text)
            # Once more if need be: a collection of garbage may fall into the first.
            assert took(decoder, text) < SLOWEST or took(decoder, text) < SLOWEST
            assert error is None or error.malformed == (error.code in MALFORMED)
            (bad if error else good).append(text)

    attempt()
    assert len(good) + len(bad) >= FRAMES / len(DECODERS)
    assert len({*good, *bad}) > FRAMES / len(DECODERS) / 2
    assert len(good) > 1_000  # neither nonsense alone nor all too tame
