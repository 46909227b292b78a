import pytest
from django.core.exceptions import ValidationError

from accounts.names import clean_name


@pytest.mark.parametrize(
    "name", ["Ada", "Ада", "李", "🦊", "O'Neill", "a" * 50, "<b>x</b>", "नमस्ते"]
)
def test_a_name_that_can_be_read_is_kept(name):
    assert clean_name(name) == name


def test_a_name_is_trimmed():
    assert clean_name("  Ada\n") == "Ada"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "   ",
        "a" * 51,
        "A\0da",
        "A\x1bda",
        "A\u202eda",
        "A\u2066da",
        "A\u2028da",
        "A\ud800da",
        "\u200b",
        "\u200d\u2060",
    ],
)
def test_a_name_that_hides_or_misleads_is_refused(name):
    with pytest.raises(ValidationError):
        clean_name(name)
