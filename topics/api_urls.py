"""Mounted at /api/."""

from django.urls import path

from topics.api import PublishView

app_name = "topics_api"
urlpatterns = [path("topics/<str:topic>/", PublishView.as_view(), name="publish")]
