from django import forms

from accounts.names import MAX_NAME, clean_name


class RoomForm(forms.Form):
    name = forms.CharField(max_length=MAX_NAME)
    topic = forms.CharField(max_length=250, required=False)
    open_to_guests = forms.BooleanField(required=False, label="Guests may come in")

    def clean_name(self) -> str:
        return clean_name(self.cleaned_data["name"])
