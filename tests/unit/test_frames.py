from typing import Annotated

import pytest
from msgspec import Meta

from realtime.close_codes import ErrorCode
from realtime.errors import FrameError
from realtime.frames import ClientFrame, Decoder, Ping


class Say(ClientFrame, tag="say"):
    text: Annotated[str, Meta(max_length=5)]
    client_id: str
    times: int = 1


decoder = Decoder([Say], unsupported=["shout"])


def refusal(text: str) -> FrameError:
    with pytest.raises(FrameError) as caught:
        decoder.decode(text)
    return caught.value


def test_a_frame_of_the_path_is_decoded_to_its_type() -> None:
    frame = decoder.decode('{"type":"say","text":"hi","client_id":"1","ref":"r"}')
    assert frame == Say(text="hi", client_id="1", ref="r")


def test_every_path_knows_ping() -> None:
    assert decoder.decode('{"type":"ping"}') == Ping()


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        '"say"',
        "{}",
        '{"type":1}',
        '{"type":["say"]}',
        '{"type":"say"}',
        '{"type":"say","text":1,"client_id":"1"}',
        '{"type":"say","text":"too long","client_id":"1"}',
        '{"type":"say","text":"hi","client_id":"1","unknown":1}',
        '{"type":"say","text":"hi","client_id":"1","times":1.5}',
        '{"type":"say","text":"hi","client_id":"1","times":true}',
        '{"type":"say","text":"hi","client_id":"1","text":"hi"}',
        '{"type":"ping","ref":5}',
        '{"type":"ping","ref":"' + "r" * 65 + '"}',
    ],
)
def test_a_malformed_frame_is_a_bad_frame_and_counts(text: str) -> None:
    error = refusal(text)
    assert error.code is ErrorCode.BAD_FRAME
    assert error.malformed


def test_an_unknown_type_is_named_so_and_counts() -> None:
    error = refusal('{"type":"sing","ref":"7"}')
    assert error.code is ErrorCode.UNKNOWN_TYPE
    assert error.malformed
    assert error.ref == "7"


def test_what_is_not_built_is_unsupported_and_does_not_count() -> None:
    error = refusal('{"type":"shout"}')
    assert error.code is ErrorCode.UNSUPPORTED
    assert not error.malformed


def test_an_error_repeats_ref_and_client_id() -> None:
    error = refusal('{"type":"say","client_id":"c","ref":"r"}')
    assert (error.ref, error.client_id) == ("r", "c")


def test_an_error_never_repeats_what_the_contract_does_not_allow_there() -> None:
    error = refusal('{"type":"say","client_id":["c"],"ref":"' + "r" * 65 + '"}')
    assert (error.ref, error.client_id) == (None, None)
