"""The firewall in front of the API, for stages that the world can reach."""

from __future__ import annotations

from typing import Final

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_logs as logs
from aws_cdk import aws_wafv2 as waf
from constructs import Construct

from infra.function import Surroundings
from infra.gateway import Gateway, origin
from infra.logs import log_group

REQUESTS_MAX: Final = 10_000
"""Of one address in five minutes; a caller's own limits are counted by the service (origin 64)."""
MANAGED: Final = {
    # Bulk requests are larger than 8 KiB, which is all that this group's rule for sizes knows.
    "AWSManagedRulesCommonRuleSet": ("SizeRestrictions_BODY",),
    "AWSManagedRulesKnownBadInputsRuleSet": (),
    "AWSManagedRulesAmazonIpReputationList": (),
}
LOGS_BEGIN: Final = "aws-waf-logs-"
"""AWS asks for this beginning."""


class Firewall(Stack):
    """Rules that Amazon keeps, a limit for each address, and the log of what was refused."""

    def __init__(self, scope: Construct, around: Surroundings, gateway: Gateway) -> None:
        stage = around.stage
        name = stage.named("firewall")
        super().__init__(scope, name, description=f"{name}: WAF in front of the API")
        rules = [_limit(0), *(_managed(at, group, MANAGED[group]) for at, group in enumerate(MANAGED, start=1))]
        acl = waf.CfnWebACL(
            self,
            "Rules",
            name=name,
            scope="REGIONAL",
            default_action=waf.CfnWebACL.DefaultActionProperty(allow={}),
            visibility_config=_seen("all"),
            rules=rules,
        )
        waf.CfnWebACLAssociation(self, "InFront", resource_arn=origin(gateway.api), web_acl_arn=acl.attr_arn)
        group = log_group(self, stage, "Refused", f"{LOGS_BEGIN}{name}", around.network.log_key)
        waf.CfnLoggingConfiguration(
            self,
            "Log",
            resource_arn=acl.attr_arn,
            log_destination_configs=[_without_star(self, group)],
            redacted_fields=[waf.CfnLoggingConfiguration.FieldToMatchProperty(single_header={"Name": "authorization"})],
        )


def _limit(priority: int) -> waf.CfnWebACL.RuleProperty:
    by_address = waf.CfnWebACL.RateBasedStatementProperty(aggregate_key_type="IP", limit=REQUESTS_MAX)
    return waf.CfnWebACL.RuleProperty(
        name="one-address",
        priority=priority,
        action=waf.CfnWebACL.RuleActionProperty(block={}),
        statement=waf.CfnWebACL.StatementProperty(rate_based_statement=by_address),
        visibility_config=_seen("one-address"),
    )


def _managed(priority: int, group: str, counted: tuple[str, ...]) -> waf.CfnWebACL.RuleProperty:
    statement = waf.CfnWebACL.ManagedRuleGroupStatementProperty(
        vendor_name="AWS",
        name=group,
        rule_action_overrides=[
            waf.CfnWebACL.RuleActionOverrideProperty(
                name=rule, action_to_use=waf.CfnWebACL.RuleActionProperty(count={})
            )
            for rule in counted
        ],
    )
    return waf.CfnWebACL.RuleProperty(
        name=group,
        priority=priority,
        override_action=waf.CfnWebACL.OverrideActionProperty(none={}),
        statement=waf.CfnWebACL.StatementProperty(managed_rule_group_statement=statement),
        visibility_config=_seen(group),
    )


def _seen(name: str) -> waf.CfnWebACL.VisibilityConfigProperty:
    return waf.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=False
    )


def _without_star(stack: Stack, group: logs.LogGroup) -> str:
    """WAF takes the ARN of a log group without the `:*` at its end."""
    return stack.format_arn(
        service="logs",
        resource="log-group",
        resource_name=group.log_group_name,
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
