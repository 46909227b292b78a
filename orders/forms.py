from django import forms
from django.contrib.auth import get_user_model

from orders.models import Order


class NewOrder(forms.ModelForm):  # type: ignore[type-arg]  # not generic when run
    user = forms.ModelChoiceField(
        queryset=get_user_model()._default_manager.filter(is_active=True), label="Customer"
    )

    class Meta:
        model = Order
        fields = ["user", "reference"]


class Shipment(forms.ModelForm):  # type: ignore[type-arg]  # not generic when run
    class Meta:
        model = Order
        fields = ["tracking_number"]
