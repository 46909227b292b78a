"""Issue one ticket each to the first people of the site. The argument is how many; prints JSON."""

import json
import sys

import django


def main() -> None:
    django.setup()
    from django.contrib.auth import get_user_model

    from accounts.actions import issue_ticket

    users = get_user_model().objects.order_by("pk")[: int(sys.argv[1])]
    sys.stdout.write(json.dumps([issue_ticket(user=user) for user in users]))


if __name__ == "__main__":
    main()
