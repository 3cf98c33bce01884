"""What can go wrong between us and the broker, as kinds that callers act on."""

from libs.common.errors import RetryableError, TooLarge, UsualError


class BrokerUnavailable(RetryableError):
    """The broker did not answer in time, or said that it cannot now."""

    slug = "broker-unavailable"


class SendUnknown(RetryableError):
    """No acknowledgement in time: the message may arrive or not. Send it again under the same event id."""

    slug = "send-unknown"


class SendRefused(RetryableError):
    """The broker said no, or an earlier message of the same partition was not acknowledged: it was not written."""

    slug = "send-refused"


class SendTooLarge(TooLarge):
    """Above the limit that topics have; found before anything is sent."""

    slug = "message-too-large"


class LogRangeMissing(UsualError):
    """The stored offset lies outside the log: records are gone, or the log is not the one we knew. Never passed over."""

    slug = "log-range-missing"
