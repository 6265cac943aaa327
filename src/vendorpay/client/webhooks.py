"""The operations on webhook endpoints."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET, UnsetType

from vendorpay.client.answers import Pages
from vendorpay.client.asking import Asking
from vendorpay.client.problem import Problem
from vendorpay.client.request import Id, Request, Version, given, patched, path
from vendorpay.client.webhook_values import (
    Delivery,
    DeliveryPage,
    EndpointList,
    EndpointView,
    EndpointWithSecret,
    Redelivery,
    WebhookEndpoint,
)


class WebhookOperations(Asking):
    """Say who outside is told of events, and see how that went."""

    def create_webhook_endpoint(
        self,
        *,
        url: str,
        event_types: Sequence[str] | None = None,
        description: str | None = None,
        max_in_flight: int | None = None,
        from_position: int | None = None,
        key: str | None = None,
    ) -> EndpointWithSecret:
        """Creates an endpoint; its secret is shown this once."""
        body = given(
            url=url,
            event_types=event_types,
            description=description,
            max_in_flight=max_in_flight,
            from_position=from_position,
        )
        return self._post(EndpointWithSecret, "/webhook-endpoints", body, key)

    def list_webhook_endpoints(self) -> EndpointList:
        """All endpoints, oldest first."""
        return self._get(EndpointList, "/webhook-endpoints")

    def get_webhook_endpoint(self, endpoint_id: Id) -> EndpointView:
        """One endpoint, and how it fares."""
        return self._get(EndpointView, path("webhook-endpoints", endpoint_id))

    def update_webhook_endpoint(
        self,
        endpoint_id: Id,
        *,
        if_match: Version,
        url: str | UnsetType = UNSET,
        event_types: Sequence[str] | UnsetType = UNSET,
        description: str | UnsetType | None = UNSET,
        max_in_flight: int | UnsetType = UNSET,
        status: str | UnsetType = UNSET,
        key: str | None = None,
    ) -> WebhookEndpoint:
        """Changes, disables or enables the version that was seen; a description of None takes it away."""
        body = patched(
            url=url, event_types=event_types, description=description, max_in_flight=max_in_flight, status=status
        )
        place = path("webhook-endpoints", endpoint_id)
        return self._post(WebhookEndpoint, place, body, key, if_match=if_match, method="PATCH")

    def delete_webhook_endpoint(self, endpoint_id: Id, *, if_match: Version | None = None) -> None:
        """Deletes it; what waits for it is cancelled."""
        try:
            self.ask(Request(method="DELETE", path=path("webhook-endpoints", endpoint_id), if_match=if_match))
        except Problem as problem:
            # A DELETE has no key: the attempt whose answer was lost has done it, and this one found nothing more.
            if problem.status != 404 or not problem.was_uncertain:
                raise

    def rotate_webhook_secret(
        self,
        endpoint_id: Id,
        *,
        expires_in_hours: int | None = None,
        if_match: Version | None = None,
        key: str | None = None,
    ) -> EndpointWithSecret:
        """Gives it a new secret; the older ones sign for so many hours more."""
        place = path("webhook-endpoints", endpoint_id, "secrets")
        return self._post(EndpointWithSecret, place, given(expires_in_hours=expires_in_hours), key, if_match=if_match)

    def replay_webhook_events(
        self, endpoint_id: Id, *, from_position: int, if_match: Version | None = None, key: str | None = None
    ) -> WebhookEndpoint:
        """Sends everything after a position again."""
        place = path("webhook-endpoints", endpoint_id, "replay")
        return self._post(WebhookEndpoint, place, given(from_position=from_position), key, if_match=if_match)

    def list_webhook_deliveries(
        self, endpoint_id: Id, *, state: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> Pages[DeliveryPage, Delivery]:
        """Deliveries to it with their tries, newest first."""
        place = path("webhook-endpoints", endpoint_id, "deliveries")
        return Pages(lambda after: self._get(DeliveryPage, place, state=state, limit=limit, cursor=after), cursor)

    def redeliver_webhook(self, delivery_id: Id, *, key: str | None = None) -> Redelivery:
        """Delivers an event once more, whatever came of it."""
        return self._post(Redelivery, path("webhook-deliveries", delivery_id, "redeliver"), b"{}", key)
