"""The Python client of the service: typed, patient, and in step with the operations table (docs/client.md).

It imports nothing else of vendorpay, so that a program which only asks drags in no server.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

from vendorpay.client.answers import Answered, Page, Pages
from vendorpay.client.asking import Asking
from vendorpay.client.bulk import BulkOperations
from vendorpay.client.decisions import DecisionOperations
from vendorpay.client.events import EventOperations
from vendorpay.client.feed import FeedGap, Place
from vendorpay.client.fraud import FraudOperations
from vendorpay.client.fraud_settings import FraudSettingOperations
from vendorpay.client.patience import Patience
from vendorpay.client.payment_values import NewLine, NewPayment, Outcome, Payment
from vendorpay.client.payments import PaymentOperations
from vendorpay.client.policies import PolicyOperations
from vendorpay.client.problem import ClientError, Closed, FieldFault, NoAnswer, NotTheService, Problem, ProblemDetail
from vendorpay.client.request import Answer, Request
from vendorpay.client.service import ServiceOperations
from vendorpay.client.transport import TIMEOUT_S, HttpTransport, Token, Told, Transport
from vendorpay.client.webhooks import WebhookOperations

__all__ = [
    "Answer",
    "Answered",
    "Asking",
    "Client",
    "ClientError",
    "Closed",
    "FeedGap",
    "FieldFault",
    "HttpTransport",
    "NewLine",
    "NewPayment",
    "NoAnswer",
    "NotTheService",
    "Outcome",
    "Page",
    "Pages",
    "Patience",
    "Payment",
    "Place",
    "Problem",
    "ProblemDetail",
    "Request",
    "Transport",
]


class Client(
    PaymentOperations,
    DecisionOperations,
    FraudOperations,
    FraudSettingOperations,
    BulkOperations,
    EventOperations,
    WebhookOperations,
    PolicyOperations,
    ServiceOperations,
):
    """The service behind a URL, asked in the name of one token. Threads may share it; close it, or use it in `with`.

    Every method raises Problem when the service refuses, NoAnswer when it stays away, NotTheService when the URL leads
    elsewhere; a wrong URL is a ValueError here.
    """

    def __init__(
        self,
        url: str,
        token: Token = None,
        *,
        patience: Patience | None = None,
        timeout_s: float = TIMEOUT_S,
        proxy: str | None = None,
        told: Told | None = None,
        transport: Transport | None = None,
    ) -> None:
        own = transport or HttpTransport(url, token, timeout_s=timeout_s, proxy=proxy, told=told)
        super().__init__(own, patience or Patience())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections; whatever is under way in other threads ends with Closed."""
        self._transport.close()
