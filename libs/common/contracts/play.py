"""The clock of a deployment that plays a data set: published by ingest on `ingest.play.v1`, needs the scope `play`."""

from libs.common.contracts.values import Contract, Moment


class PlayTicked(Contract):
    """`usual.play.tick.v1`: event time has reached `reached_at`; what a timer does in a live deployment happens now."""

    reached_at: Moment

    @property
    def partition_key(self) -> str:
        """One key: ticks keep their order."""
        return "play"
