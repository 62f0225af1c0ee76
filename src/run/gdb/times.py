"""When the processes of a run stood still."""

import time


class Times:
    """When the processes stood still, in ms since the start of the run, and for how long."""

    def __init__(self, started_at):
        self.started_at = started_at
        self.stopped_at = time.monotonic()

    def stopped(self):
        self.stopped_at = time.monotonic()

    def ms(self):
        return time.time() * 1000 - self.started_at

    def paused(self):
        return round((time.monotonic() - self.stopped_at) * 1000, 1)
