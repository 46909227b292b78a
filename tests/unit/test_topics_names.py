import re

import pytest

from topics.names import TOPIC_PATTERN, owner_of, topic_group

GOOD = ["a", "prices.eur", "user:5:inbox", "A-Z_0.9:", "x" * 100, ":"]
BAD = ["", "x" * 101, "a b", "a/b", "é", "a\n", "\na", "a\0", "a{b}", "*", "a,b"]


def test_a_topic_is_named_with_a_few_safe_characters() -> None:
    assert all(re.search(TOPIC_PATTERN, name) for name in GOOD)
    assert not any(re.search(TOPIC_PATTERN, name) for name in BAD)


@pytest.mark.parametrize(
    ("topic", "owner"),
    [
        ("user:5:inbox", "5"),
        ("user:5:a:b", "5"),
        ("user:5:", "5"),
        ("user:5", "5"),
        ("user:", ""),
        ("user::5", ""),
        ("user", None),
        ("users:5:x", None),
        ("User:5:x", None),
        ("a:user:5", None),
    ],
)
def test_whose_a_topic_is_stands_in_its_name(topic: str, owner: str | None) -> None:
    assert owner_of(topic) == owner


@pytest.mark.parametrize("topic", GOOD)
def test_a_group_has_a_name_that_every_layer_takes(topic: str) -> None:
    assert re.fullmatch(r"topic\.[a-z0-9]{1,90}", topic_group(topic))


def test_topics_that_differ_have_groups_that_differ() -> None:
    assert len({topic_group(topic) for topic in ["a", "A", "a:", "a.", "a-", "a_"]}) == 6
