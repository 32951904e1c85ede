"""Say why a request to the cloud failed."""

from __future__ import annotations

from enum import StrEnum, unique


@unique
class Trouble(StrEnum):
    """The kinds of failures, by what the user can do."""

    KEY = "key"  # the key is missing, wrong, or has no right to do this
    UNREACHABLE = "unreachable"  # no connection: network, name, certificate
    SILENT = (
        "silent"  # no answer in time, or a connection that broke before the answer was complete
    )
    RETIRED = "retired"  # this version of the API does not exist any more
    ABSENT = "absent"  # the API does not have this operation
    BUSY = "busy"  # too many requests
    BROKEN = "broken"  # an error of the server, or an answer that has another form
    MISSING = "missing"  # there is no such record
    REFUSED = "refused"  # the server does not accept the request: a name, a value
    QUOTA = "quota"  # the account may not have more of something
    LOST = "lost"  # another deployment has the right to change this now


class CloudError(Exception):
    """A request failed; the text names the request and the reason, and contains no secret.

    Attributes:
        trouble: the kind of failure.
        wait: seconds after which the server wants to be asked again, None if it does not say.
        may_have_acted: whether the server may have done what was asked, although it said nothing or
            reported an error; a request that creates something must then look before it is repeated.
    """

    def __init__(
        self,
        trouble: Trouble,
        text: str,
        *,
        wait: float | None = None,
        may_have_acted: bool = False,
    ) -> None:
        super().__init__(text)
        self.trouble = trouble
        self.wait = wait
        self.may_have_acted = may_have_acted
