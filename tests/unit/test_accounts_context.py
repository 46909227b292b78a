import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.template import engines

from accounts.actions import create_guest, rename
from accounts.forms import GuestForm

pytestmark = pytest.mark.django_db


def rendered(source, user, rf):
    request = rf.get("/")
    request.user = user
    return engines["django"].from_string(source).render({}, request)


def test_a_page_knows_who_looks_at_it(rf):
    user = get_user_model().objects.create_user("ada")
    rename(user=user, name="Ada & Co")
    assert rendered("{{ you.id }} {{ you.name }}", user, rf) == f"{user.pk} Ada &amp; Co"


def test_a_page_can_hand_it_to_its_script(rf):
    guest = create_guest(name="Ada")
    assert '"guest": true' in rendered("{{ you|json_script:'you' }}", guest, rf)


def test_nobody_is_nobody(rf):
    assert rendered("{% if you %}someone{% else %}nobody{% endif %}", AnonymousUser(), rf) == (
        "nobody"
    )


def test_asking_costs_one_query_and_not_asking_none(rf, django_assert_num_queries):
    get_user_model().objects.create_user("ada")
    with django_assert_num_queries(0):
        rendered("hello", get_user_model()(pk=1), rf)
    user = get_user_model().objects.get()
    with django_assert_num_queries(1):
        rendered("{{ you.name }}{{ you.name }}{% if you.guest %}guest{% endif %}", user, rf)


def test_the_guests_form_gives_the_trimmed_name():
    form = GuestForm({"name": " Ada "})
    assert form.is_valid()
    assert form.cleaned_data == {"name": "Ada"}


@pytest.mark.parametrize("name", ["", " ", "a" * 51, "\u202eAda", "a\0b"])
def test_the_guests_form_says_what_is_wrong_with_a_name(name):
    assert list(GuestForm({"name": name}).errors) == ["name"]
