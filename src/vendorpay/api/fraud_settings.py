"""The functions of the operations on what people tell the scorer."""

from __future__ import annotations

import msgspec

from vendorpay.api import rendering
from vendorpay.api.answer import Answer
from vendorpay.api.call import Call
from vendorpay.api.fraud_setting_bodies import ListingsQuery, UseBody
from vendorpay.domain.fraud.rule_set import RuleSet
from vendorpay.domain.fraud_listings import Listing, NewListing
from vendorpay.usecases import fraud_listings, fraud_rule_sets
from vendorpay.usecases.fraud_listings import ListVendor
from vendorpay.usecases.fraud_rule_sets import StoredRuleSet


async def list_vendor(call: Call) -> Answer:
    command = ListVendor(command_id=call.new_id(), caller=call.caller, key=call.key, new=call.body(NewListing))
    done = await call.deps.commands.submit(command)
    listing = msgspec.json.decode(done.answer, type=Listing)
    return rendering.rendered(listing, status=201, replayed=done.replayed)


async def end_listing(call: Call) -> Answer:
    done = await fraud_listings.end(call.deps, call.caller, call.id, call.key)
    return rendering.rendered(msgspec.json.decode(done.answer, type=Listing), replayed=done.replayed)


async def listings(call: Call) -> Answer:
    query = call.query(ListingsQuery)
    found = await fraud_listings.page(
        call.deps, call.caller, vendor_id=query.vendor_id, limit=query.limit, cursor=query.cursor
    )
    return rendering.rendered(found)


async def propose(call: Call) -> Answer:
    done = await fraud_rule_sets.propose(call.deps, call.caller, call.body(RuleSet), call.key)
    return rendering.rendered(msgspec.json.decode(done.answer, type=StoredRuleSet), status=201, replayed=done.replayed)


async def use(call: Call) -> Answer:
    done = await fraud_rule_sets.use(call.deps, call.caller, call.id, call.key, mode=call.body(UseBody).mode)
    return rendering.rendered(msgspec.json.decode(done.answer, type=StoredRuleSet), replayed=done.replayed)


async def rule_sets(call: Call) -> Answer:
    return rendering.rendered(await fraud_rule_sets.every(call.deps, call.caller))
