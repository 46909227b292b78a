from typing import Annotated

import pytest
from msgspec import Meta

from realtime.close_codes import ErrorCode
from realtime.errors import FrameError
from realtime.frames import ClientFrame, Decoder, Ping, glimpse


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


def test_an_error_repeats_ref_client_id_and_topic() -> None:
    error = refusal('{"type":"say","client_id":"c","ref":"r","topic":"t"}')
    assert (error.ref, error.client_id, error.topic) == ("r", "c", "t")


def test_an_error_never_repeats_what_the_contract_does_not_allow_there() -> None:
    long = f'"ref":"{"r" * 65}","topic":"{"t" * 101}"'
    error = refusal('{"type":"say","client_id":["c"],' + long + "}")
    assert (error.ref, error.client_id, error.topic) == (None, None, None)


@pytest.mark.parametrize(
    "value",
    ["NaN", "-Infinity", "1e999", "9007199254740993", "9" * 5000, r'"\u0000"', r'"\ud800"',
     "[" * 8 + "]" * 8],
)  # fmt: skip
def test_an_error_of_what_is_not_strict_says_whose_it_is(value: str) -> None:
    error = refusal('{"type":"say","ref":"r","client_id":"c","topic":"t","text":' + value + "}")
    assert error.code is ErrorCode.BAD_FRAME
    assert (error.ref, error.client_id, error.topic) == ("r", "c", "t")
    assert glimpse('{"ref":"r","text":' + value + "}") == {"ref": "r"}


@pytest.mark.parametrize(
    "value", ["9" * 70, r'"\u0000"', r'"\ud800"', "NaN", "7", '{"a":1}', "null"]
)
def test_an_error_repeats_no_ref_that_is_none(value: str) -> None:
    assert refusal('{"type":"say","ref":' + value + ',"text":NaN}').ref is None


@pytest.mark.parametrize("text", ["", "{", "[" * 30_000, "[]", '"ref"', "null"])
def test_of_what_is_no_frame_nothing_is_repeated(text: str) -> None:
    assert refusal(text).ref is None
    assert glimpse(text) == {}
