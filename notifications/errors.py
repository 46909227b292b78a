class UnknownNotification(Exception):
    """There is no such notification, or it is somebody else's: the two look the same."""
