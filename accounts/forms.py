from django import forms

from accounts.names import MAX_NAME, clean_name


class GuestForm(forms.Form):
    """The name under which a guest comes in."""

    name = forms.CharField(max_length=MAX_NAME, label="Your name")

    def clean_name(self) -> str:
        return clean_name(self.cleaned_data["name"])
