from collections.abc import Callable
from functools import wraps

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from orders import access, actions, queries
from orders.errors import AlreadyShipped, OrderNotFound
from orders.forms import NewOrder, Shipment

View = Callable[..., HttpResponse]


def for_staff(view: View) -> View:
    """Strangers are asked to sign in; others who may not are refused."""

    @wraps(view)
    def checked(request: HttpRequest, *args: str, **kwargs: str) -> HttpResponse:
        if not access.may_manage_orders(request.user):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return login_required(checked)


@require_safe
@for_staff
def order_list(request: HttpRequest) -> HttpResponse:
    context = {"orders": queries.newest_orders(), "people": queries.customers()}
    return render(request, "orders/list.html", context)


@require_POST
@for_staff
def create(request: HttpRequest) -> HttpResponse:
    form = NewOrder(request.POST)
    if form.is_valid():
        order = actions.create(**form.cleaned_data)
        messages.success(request, f"Order {order.reference} is in.")
    else:
        _tell_errors(request, form)
    return redirect("orders:list")


@require_POST
@for_staff
def ship(request: HttpRequest, order_id: str) -> HttpResponse:
    form = Shipment(request.POST)
    if form.is_valid():
        _ship(request, order_id, form.cleaned_data["tracking_number"])
    else:
        _tell_errors(request, form)
    return redirect("orders:list")


def _ship(request: HttpRequest, order_id: str, tracking_number: str) -> None:
    try:
        order = actions.ship(order_id=order_id, tracking_number=tracking_number)
    except OrderNotFound as error:
        raise Http404 from error
    except AlreadyShipped:
        messages.error(request, "This order was shipped before.")
    else:
        messages.success(request, f"Order {order.reference} was shipped.")


def _tell_errors(request: HttpRequest, form: forms.BaseForm) -> None:
    for field, errors in form.errors.items():
        messages.error(request, f"{form.fields[field].label}: {' '.join(map(str, errors))}")
