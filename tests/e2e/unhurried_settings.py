from chatsite.settings import *  # noqa: F403 - the site as it is

# What a test is to do in time it can do, whenever the machine lets it.
REALTIME = {"CLOSE_TIMEOUT": 60.0, "SLOW_FAREWELL": 60.0}
