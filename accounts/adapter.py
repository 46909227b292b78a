"""What allauth asks us."""

from allauth.account.adapter import DefaultAccountAdapter

from accounts.names import clean_name


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # untyped in allauth
    def clean_username(self, username: str, shallow: bool = False) -> str:  # noqa: FBT001, FBT002
        """A username is shown as a name, so it keeps the rules of names."""
        cleaned: str = super().clean_username(clean_name(username), shallow=shallow)
        return cleaned
