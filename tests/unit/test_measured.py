import pytest

from tests.measured import Exceeded, assert_below


def test_what_was_promised_is_exceeded_by_as_much() -> None:
    assert_below(0.99, 1)
    with pytest.raises(Exceeded, match=r"1\.000, and 1\.000 is promised to Ann"):
        assert_below(1.0, 1, "to Ann")


def test_that_alone_is_tried_again(pytestconfig: pytest.Config) -> None:
    assert pytestconfig.getoption("only_rerun") == [f"^{Exceeded.__name__}"]
