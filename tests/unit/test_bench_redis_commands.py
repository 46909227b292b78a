"""What is said of the Redis commands that a message costs."""

from typing import Any

import pytest

from benchmarks.figures.redis_commands import judged


def counted(*rounds: dict[str, float]) -> dict[str, Any]:
    return {"rounds": list(rounds), "messages": 25 * len(rounds)}


def verdicts(small: dict[str, Any], large: dict[str, Any]) -> list[str]:
    return [one.verdict for one in judged({10: small, 10_000: large}, runs=3).figures]


ONE = {"publish": 1.0}


def test_one_publish_in_both_rooms_meets_the_aim() -> None:
    assert verdicts(counted(ONE), counted(ONE)) == ["aim met", "aim met", "pass"]


def test_two_commands_are_no_pass_of_the_aim() -> None:
    two = {"publish": 1.0, "get": 1.0}

    assert verdicts(counted(two), counted(two)) == ["aim not met", "aim not met", "pass"]


def test_one_command_that_is_no_publish_does_not_meet_the_aim() -> None:
    other = {"get": 1.0}

    assert verdicts(counted(other), counted(ONE)) == ["aim not met", "aim met", "pass"]


def test_more_commands_in_the_larger_room_are_a_miss() -> None:
    many = {"publish": 40.0}

    assert verdicts(counted(ONE), counted(many)) == ["aim met", "aim not met", "MISS"]


@pytest.mark.parametrize("odd", [{"publish": 1.6}, {"publish": 0.2}])
def test_a_lease_that_falls_into_one_round_changes_no_median(odd: dict[str, float]) -> None:
    outcome = judged({10: counted(ONE, odd, ONE), 10_000: counted(odd, ONE, ONE)}, runs=3)

    assert outcome.figures[0].measured == "1"
    assert outcome.table
    assert outcome.table.rows == [["10", "75", "1", "1"], ["10,000", "75", "1", "1"]]
