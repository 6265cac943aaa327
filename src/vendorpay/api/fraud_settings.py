"""The functions of the operations on what people tell the scorer."""

from __future__ import annotations

from vendorpay.api import rendering
from vendorpay.api.answer import Answer
from vendorpay.api.call import Call
from vendorpay.api.fraud_setting_bodies import ListingsQuery, RuleSetsQuery, UseBody
from vendorpay.domain.fraud.rule_set import RuleSet
from vendorpay.domain.fraud_listing import Listing
from vendorpay.domain.fraud_rule_sets import StoredRuleSet
from vendorpay.domain.new_listing import NewListing
from vendorpay.usecases import fraud_listings, fraud_rule_sets
from vendorpay.usecases.fraud_listings import ConfirmListing, EndListing, ListVendor
from vendorpay.usecases.fraud_rule_sets import EndShadow, UseRuleSet


async def list_vendor(call: Call) -> Answer:
    command = ListVendor(command_id=call.new_id(), caller=call.caller, key=call.key, new=call.body(NewListing))
    return rendering.answered(await call.deps.commands.submit(command), Listing, status=201)


async def confirm_listing(call: Call) -> Answer:
    command = ConfirmListing(command_id=call.new_id(), caller=call.caller, key=call.key, listing_id=call.id)
    return rendering.answered(await call.deps.commands.submit(command), Listing)


async def end_listing(call: Call) -> Answer:
    command = EndListing(command_id=call.new_id(), caller=call.caller, key=call.key, listing_id=call.id)
    return rendering.answered(await call.deps.commands.submit(command), Listing)


async def listings(call: Call) -> Answer:
    query = call.query(ListingsQuery)
    found = await fraud_listings.page(
        call.deps, call.caller, vendor_id=query.vendor_id, limit=query.limit, cursor=query.cursor
    )
    return rendering.rendered(found)


async def propose(call: Call) -> Answer:
    done = await fraud_rule_sets.propose(call.deps, call.caller, call.body(RuleSet), call.key)
    return rendering.answered(done, StoredRuleSet, status=201)


async def use(call: Call) -> Answer:
    mode = call.body(UseBody).mode
    command = UseRuleSet(command_id=call.new_id(), caller=call.caller, key=call.key, rule_set_id=call.id, mode=mode)
    return rendering.answered(await call.deps.commands.submit(command), StoredRuleSet)


async def end_shadow(call: Call) -> Answer:
    command = EndShadow(command_id=call.new_id(), caller=call.caller, key=call.key, rule_set_id=call.id)
    return rendering.answered(await call.deps.commands.submit(command), StoredRuleSet)


async def rule_sets(call: Call) -> Answer:
    query = call.query(RuleSetsQuery)
    return rendering.rendered(
        await fraud_rule_sets.page(call.deps, call.caller, limit=query.limit, cursor=query.cursor)
    )
