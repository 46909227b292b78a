"""`/early/`: what Django answers without a thread, whose contexts leave garbage of their own."""

from collections.abc import Awaitable, Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.decorators import async_only_middleware


@async_only_middleware
def answer_early(
    get_response: Callable[[HttpRequest], Awaitable[HttpResponseBase]],
) -> Callable[[HttpRequest], Awaitable[HttpResponseBase]]:
    async def answer(request: HttpRequest) -> HttpResponseBase:
        if request.path_info == "/early/":
            return HttpResponse("early")
        return await get_response(request)

    return answer
