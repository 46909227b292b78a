"""What the API refuses, beside what DRF has words for."""

from rest_framework import status
from rest_framework.exceptions import APIException


class Conflict(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"


class Gone(APIException):
    """What is asked for was there; what there is begins after `seq`."""

    status_code = status.HTTP_410_GONE
    default_code = "not_found"

    def __init__(self, message: str, *, seq: int) -> None:
        super().__init__(message)
        self.seq = seq
