from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from chatsite import errors
from chatsite.metrics import metrics

api: list[URLPattern | URLResolver] = [
    path("", include("accounts.urls")),
    path("", include("chat.api_urls")),
    path("", include("notifications.api_urls")),
    path("", include("orders.api_urls")),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
]

urlpatterns = [
    path("", include("chat.urls")),
    path("notifications/", include("notifications.urls")),
    path("orders/", include("orders.urls")),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("metrics", metrics, name="metrics"),
    path("api/", include(api)),
    re_path(r"^api/", csrf_exempt(errors.not_found)),  # JSON, with DEBUG on too
]

handler400 = "chatsite.errors.bad_request"
handler403 = "chatsite.errors.permission_denied"
handler404 = "chatsite.errors.not_found"
handler500 = "chatsite.errors.server_error"
