from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.views import SpectacularAPIView

from chatsite import errors
from chatsite.api_docs import ApiDocs
from chatsite.metrics import metrics
from chatsite.routing import AsyncApiView

# One door for passwords, so that its limit is the only one. The stubs know it as a method.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

api: list[URLPattern | URLResolver] = [
    path("", include("accounts.urls")),
    path("", include("chat.api_urls")),
    path("", include("notifications.api_urls")),
    path("", include("orders.api_urls")),
    path("", include("topics.api_urls")),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("asyncapi.json", AsyncApiView.as_view(), name="asyncapi"),
    path("docs/", ApiDocs.as_view(url_name="schema"), name="docs"),
]

# What the protocol names beside these; not in the schema.
NOT_BUILT = [
    "rooms/<slug:slug>/messages/<int:seq>/",
    "rooms/<slug:slug>/uploads/",
    "search/",
]

urlpatterns = [
    path("", include("chat.urls")),
    path("notifications/", include("notifications.urls")),
    path("orders/", include("orders.urls")),
    path("ops/", include("ops.urls")),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("metrics", metrics, name="metrics"),
    path("api/", include(api)),
    *(path(f"api/{route}", csrf_exempt(errors.unsupported)) for route in NOT_BUILT),
    re_path(r"^api/", csrf_exempt(errors.not_found)),  # JSON, with DEBUG on too
]

handler400 = "chatsite.errors.bad_request"
handler403 = "chatsite.errors.permission_denied"
handler404 = "chatsite.errors.not_found"
handler500 = "chatsite.errors.server_error"
