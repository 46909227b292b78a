from chatsite.settings import *  # noqa: F403 - the site as it is

# What it does when Redis does not answer in time is tested with a Redis that never does. Here it is
# there, on a machine that may stand still.
REALTIME = {
    "SEND_TIMEOUT": 15.0,
    "STORE_TIMEOUT": 15.0,
    "REDIS_TIMEOUT": 15.0,
    "REDIS_BLOCKING_TIMEOUT": 15.0,
}
