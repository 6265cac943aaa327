"""The operations on what people tell the scorer: vendors that are listed, and rule sets."""

from __future__ import annotations

from typing import Final

from vendorpay.api import bodies, fraud_settings
from vendorpay.api import fraud_setting_bodies as shapes
from vendorpay.api import fraud_setting_examples as example
from vendorpay.api.operation import Operation, RateClass, RequestBody
from vendorpay.domain import errors, new_listing
from vendorpay.domain.fraud.rule_set import RuleSet
from vendorpay.domain.fraud_listing import Listing
from vendorpay.domain.fraud_rule_sets import StoredRuleSet
from vendorpay.domain.new_listing import NewListing
from vendorpay.domain.roles import Permission
from vendorpay.usecases.fraud_listings import ListingPage
from vendorpay.usecases.fraud_rule_sets import RuleSetPage

_NOTHING: Final = RequestBody(
    read=bodies.struct_body(bodies.NoBody),
    shape=bodies.NoBody,
    examples={"nothing to say": {}},
    when_empty=bodies.NoBody(),
    required=False,
)

FRAUD_SETTINGS: Final[tuple[Operation, ...]] = (
    Operation(
        name="createFraudListing",
        method="POST",
        path="/fraud/listings",
        permission=Permission.FRAUD_ADMIN,
        function=fraud_settings.list_vendor,
        summary="Trust or block a vendor, or snooze a signal for it",
        description="A block counts from now on, and may stay. Trust and snoozes end within 366 days, and count when a "
        "second person has confirmed them.",
        tag="fraud",
        rate_class=RateClass.WRITE,
        body=RequestBody(
            read=bodies.struct_body(NewListing, new_listing.check),
            shape=NewListing,
            examples={"block": example.BLOCK, "snooze": example.SNOOZE},
        ),
        answer=Listing,
        success=201,
        answer_example=example.LISTED,
    ),
    Operation(
        name="listFraudListings",
        method="GET",
        path="/fraud/listings",
        permission=Permission.FRAUD_ADMIN_READ,
        function=fraud_settings.listings,
        summary="List vendors that are trusted, blocked or snoozed, oldest first",
        description="Those that ended or expired too.",
        tag="fraud",
        rate_class=RateClass.READ,
        query=shapes.ListingsQuery,
        query_examples={"limit": "20"},
        answer=ListingPage,
        answer_example=example.LISTINGS,
    ),
    Operation(
        name="confirmFraudListing",
        method="POST",
        path="/fraud/listings/{id}/confirm",
        permission=Permission.FRAUD_ADMIN,
        function=fraud_settings.confirm_listing,
        summary="Confirm trust in a vendor, or a snooze",
        description="By somebody other than who listed it: from now on it counts. What counts already stays as it is.",
        tag="fraud",
        rate_class=RateClass.SENSITIVE,
        body=_NOTHING,
        answer=Listing,
        errors=(errors.NotFound, errors.FourEyes, errors.FraudListingOver),
        path_examples={"id": example.LISTING_ID},
        answer_example=example.CONFIRMED,
    ),
    Operation(
        name="endFraudListing",
        method="POST",
        path="/fraud/listings/{id}/end",
        permission=Permission.FRAUD_ADMIN,
        function=fraud_settings.end_listing,
        summary="End a listing",
        description="It stays on record. One that had ended before stays as it was.",
        tag="fraud",
        rate_class=RateClass.WRITE,
        body=_NOTHING,
        answer=Listing,
        errors=(errors.NotFound,),
        path_examples={"id": example.LISTING_ID},
        answer_example=example.ENDED,
    ),
    Operation(
        name="proposeFraudRuleSet",
        method="POST",
        path="/fraud/rule-sets",
        permission=Permission.FRAUD_ADMIN,
        function=fraud_settings.propose,
        summary="Bring a rule set",
        description="Weights, figures and thresholds of the signals. A version never changes.",
        tag="fraud",
        rate_class=RateClass.WRITE,
        body=RequestBody(
            read=shapes.read_rule_set,
            shape=RuleSet,
            examples={"flag less": example.RULE_SET},
        ),
        answer=StoredRuleSet,
        success=201,
        answer_example=example.STORED,
    ),
    Operation(
        name="listFraudRuleSets",
        method="GET",
        path="/fraud/rule-sets",
        permission=Permission.FRAUD_ADMIN_READ,
        function=fraud_settings.rule_sets,
        summary="List rule sets, newest first",
        description="With what each is used for. Where none is live, the service's own decides: version 1.",
        tag="fraud",
        rate_class=RateClass.READ,
        query=shapes.RuleSetsQuery,
        query_examples={"limit": "20"},
        answer=RuleSetPage,
        answer_example=example.RULE_SETS,
    ),
    Operation(
        name="useFraudRuleSet",
        method="POST",
        path="/fraud/rule-sets/{id}/use",
        permission=Permission.FRAUD_ADMIN,
        function=fraud_settings.use,
        summary="Let a rule set decide, or try it",
        description="shadow: its scores are kept beside the others and touch nothing. live needs a second person; what "
        "decided before and was followed by another is proposed again, as another version (409 rule_set_replaced).",
        tag="fraud",
        rate_class=RateClass.SENSITIVE,
        body=RequestBody(
            read=bodies.struct_body(shapes.UseBody),
            shape=shapes.UseBody,
            examples={"try it": {"mode": "shadow"}, "from now on": {"mode": "live"}},
        ),
        answer=StoredRuleSet,
        errors=(errors.NotFound, errors.FourEyes, errors.FraudRuleSetReplaced),
        path_examples={"id": example.RULE_SET_ID},
        answer_example=example.IN_SHADOW,
    ),
    Operation(
        name="endFraudShadow",
        method="POST",
        path="/fraud/rule-sets/{id}/end-shadow",
        permission=Permission.FRAUD_ADMIN,
        function=fraud_settings.end_shadow,
        summary="Try a rule set no longer",
        description="Its scores stay. One that is not in shadow stays as it is.",
        tag="fraud",
        rate_class=RateClass.WRITE,
        body=_NOTHING,
        answer=StoredRuleSet,
        errors=(errors.NotFound,),
        path_examples={"id": example.RULE_SET_ID},
        answer_example=example.STORED,
    ),
)
