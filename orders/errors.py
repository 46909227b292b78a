class OrderNotFound(Exception):
    pass


class AlreadyShipped(Exception):
    """An order ships once."""
