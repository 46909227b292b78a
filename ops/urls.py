"""Mounted at /ops/."""

from django.urls import path

from ops import pages

app_name = "ops"
urlpatterns = [path("", pages.dashboard, name="dashboard")]
