"""The other side of a conversation of the runtime: scripted answers, and a clock that pauses move."""

from __future__ import annotations

from typing import Any

from flashc_backends.runtime.exchange import Conversation, Item, Pause, Send, Unreachable
from flashc_backends.runtime.replies import Reply

Answer = Reply | Unreachable


class Script:
    """Answers each request with the next answer; `sent` and `paused` are what the conversation did."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.sent: list[Send] = []
        self.paused: list[float] = []
        self.now = 1000.0

    def monotonic(self) -> float:
        """The clock, in place of the one in the module `time`."""
        return self.now

    def run(self, conversation: Conversation) -> Any:
        """Carry out a conversation to its result, or to the exception that it raises."""
        answer: Answer | None = None
        while True:
            try:
                if isinstance(answer, Unreachable):
                    step = conversation.throw(answer)
                else:
                    step = conversation.send(answer)
            except StopIteration as stop:
                return stop.value
            answer = None
            if isinstance(step, Pause):
                self.paused.append(step.seconds)
                self.now += step.seconds
            elif not isinstance(step, Item):
                self.sent.append(step)
                answer = self.answers.pop(0)

    async def run_async(self, conversation: Conversation) -> Any:
        """As `run`, in place of `exchange.run_async`."""
        return self.run(conversation)


def lost(*, timed_out: bool = False) -> Unreachable:
    """No reply: the connection failed, or nothing came back in time."""
    return Unreachable("ReadTimeout" if timed_out else "ConnectError", timed_out)
