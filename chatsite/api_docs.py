from typing import Any

from drf_spectacular.views import SpectacularSwaggerView
from rest_framework.response import Response


class ApiDocs(SpectacularSwaggerView):
    def finalize_response(self, *args: Any, **kwargs: Any) -> Response:
        """With the site's opener policy: the page loosens it for sign-in windows, and has none."""
        answer = super().finalize_response(*args, **kwargs)
        answer.headers.pop("Cross-Origin-Opener-Policy", None)
        return answer
