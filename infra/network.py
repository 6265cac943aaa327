"""The network: the database and nearly all functions live where no road leads out; only the pump's subnets have one.

Every security group and every rule between them is here, and nowhere else: what may talk to what is one page.
"""

from __future__ import annotations

from typing import Final

from aws_cdk import Aws, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra import fraud_detector
from infra.keys import log_key
from infra.logs import log_group
from infra.stages import Stage
from infra.statements import allow
from vendorpay.entrypoints.aws.functions import DatabaseRole, Function, Right

POSTGRESQL: Final = 5432
HTTPS: Final = 443
ISOLATED: Final = "functions"
OUTBOUND: Final = "outbound"
DATABASE: Final = "database"
_S3: Final = "s3"
_OURS: Final = {"StringEquals": {"aws:PrincipalAccount": Aws.ACCOUNT_ID}}
ENDPOINTS: Final = ("secretsmanager", "sqs", "events", "kms", "logs", "rds", "sns")
"""AWS services that are reached without the internet; S3 has a gateway."""
LOGS: Final = ("/aws/vpc/", "/aws/rds/cluster/", "/aws/rds/proxy/", "/aws/lambda/", "/aws/apigateway/", "aws-waf-logs-")
"""Where the names of the stage's log groups begin."""
_GROUPS: Final = {
    "functions": "functions that reach the database and nothing outside of AWS",
    "outbound": "functions that reach the internet: webhooks go to addresses that strangers chose",
    "archive": "functions that reach S3: their subnets have a road to it and to nothing else",
    "migrations": "the migrations, which connect to the cluster itself",
    "rotation": "what changes the passwords",
    "endpoints": "roads to AWS services",
    "proxy": "RDS Proxy",
    "cluster": "Aurora",
}


class Network(Stack):
    """The VPC of a stage, its subnets, roads and security groups."""

    def __init__(self, scope: Construct, stage: Stage) -> None:
        super().__init__(scope, stage.named("network"), description=f"{stage.named('network')}: VPC, endpoints, rules")
        self._stage = stage
        self.log_key = log_key(self, stage, LOGS)
        self.vpc = self._vpc()
        self._flow_log()
        self._groups = {
            name: ec2.SecurityGroup(
                self,
                f"{name.capitalize()}Group",
                vpc=self.vpc,
                security_group_name=stage.named(name),
                description=f"{stage.named(name)}: {does}",
                allow_all_outbound=False,
            )
            for name, does in _GROUPS.items()
        }
        self._rules()
        self._endpoints()

    def group(self, name: str, scope: Construct) -> ec2.ISecurityGroup:
        """A group as another stack sees it, which can add no rule to it."""
        group_id = self._groups[name].security_group_id
        return ec2.SecurityGroup.from_security_group_id(scope, f"{name.capitalize()}Group", group_id, mutable=False)

    def place_of(self, row: Function) -> tuple[str, ec2.SubnetSelection]:
        """Which group and subnets a function gets: the least that its rights and role need."""
        if Right.REACH_THE_INTERNET in row.rights:
            return "outbound", ec2.SubnetSelection(subnet_group_name=OUTBOUND)
        group = "functions"
        if row.role is DatabaseRole.OWNER:
            group = "migrations"
        elif Right.KEEP_CHECKPOINTS in row.rights:
            group = "archive"
        return group, ec2.SubnetSelection(subnet_group_name=ISOLATED)

    def _vpc(self) -> ec2.Vpc:
        def subnet(name: str, kind: ec2.SubnetType, mask: int) -> ec2.SubnetConfiguration:
            return ec2.SubnetConfiguration(name=name, subnet_type=kind, cidr_mask=mask)

        return ec2.Vpc(
            self,
            "Vpc",
            vpc_name=self._stage.named("vpc"),
            ip_addresses=ec2.IpAddresses.cidr(self._stage.cidr),
            max_azs=2,
            nat_gateways=self._stage.nat_gateways,
            restrict_default_security_group=False,  # it would take a function with rights of its own to empty it
            subnet_configuration=[
                subnet("public", ec2.SubnetType.PUBLIC, 26),
                subnet(OUTBOUND, ec2.SubnetType.PRIVATE_WITH_EGRESS, 24),
                subnet(ISOLATED, ec2.SubnetType.PRIVATE_ISOLATED, 23),
                subnet(DATABASE, ec2.SubnetType.PRIVATE_ISOLATED, 26),
            ],
        )

    def _flow_log(self) -> None:
        name = f"/aws/vpc/{self._stage.named('flows')}"
        group = log_group(self, self._stage, "FlowLogs", name, self.log_key)
        writer = iam.Role(
            self,
            "FlowLogWriter",
            assumed_by=iam.ServicePrincipal(
                "vpc-flow-logs.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
            ),
            inline_policies={
                "write": iam.PolicyDocument(
                    statements=[
                        allow(
                            ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
                            [group.log_group_arn],
                        )
                    ]
                )
            },
        )
        # By hand: the construct for it would let the writer pass itself on to any service.
        ec2.CfnFlowLog(
            self,
            "FlowLog",
            resource_id=self.vpc.vpc_id,
            resource_type="VPC",
            traffic_type="REJECT",
            log_destination_type="cloud-watch-logs",
            log_group_name=group.log_group_name,
            deliver_logs_permission_arn=writer.role_arn,
        )

    def _rules(self) -> None:
        for source in ("functions", "outbound", "archive"):
            self._may(source, "proxy", POSTGRESQL)
        for source in ("migrations", "rotation", "proxy"):
            self._may(source, "cluster", POSTGRESQL)
        for source in ("functions", "outbound", "archive", "migrations", "rotation"):
            self._may(source, "endpoints", HTTPS)
        # The proxy reads its secrets by a road of its own, inside of AWS.
        everybody = ec2.Peer.any_ipv4()
        self._groups["outbound"].add_egress_rule(everybody, ec2.Port.all_tcp(), "webhooks may name any port")
        self._groups["archive"].add_egress_rule(everybody, ec2.Port.tcp(HTTPS), "S3 by its gateway: no other road")

    def _may(self, source: str, target: str, port: int) -> None:
        said = f"{source} to {target}"
        self._groups[source].add_egress_rule(self._groups[target], ec2.Port.tcp(port), said)
        self._groups[target].add_ingress_rule(self._groups[source], ec2.Port.tcp(port), said)

    def _endpoints(self) -> None:
        isolated = ec2.SubnetSelection(subnet_group_name=ISOLATED)
        for service in ENDPOINTS:
            endpoint = self._endpoint(service, isolated)
            endpoint.add_to_policy(_of_this_account(service))
        if self._stage.fraud_detector is not None:
            road = self._endpoint(fraud_detector.SERVICE, isolated)
            for statement in fraud_detector.asking(self._stage, principals=[iam.AnyPrincipal()], conditions=_OURS):
                road.add_to_policy(statement)
        gateway = ec2.GatewayVpcEndpoint(
            self, "S3Endpoint", vpc=self.vpc, service=ec2.GatewayVpcEndpointAwsService(_S3), subnets=[isolated]
        )
        gateway.add_to_policy(_of_this_account(_S3))

    def _endpoint(self, service: str, subnets: ec2.SubnetSelection) -> ec2.InterfaceVpcEndpoint:
        return ec2.InterfaceVpcEndpoint(
            self,
            f"{service.capitalize()}Endpoint",
            vpc=self.vpc,
            service=ec2.InterfaceVpcEndpointAwsService(service),
            subnets=subnets,
            security_groups=[self.group_of("endpoints")],
            open=False,
        )

    def group_of(self, name: str) -> ec2.SecurityGroup:
        """A group as this stack sees it."""
        return self._groups[name]


def _of_this_account(service: str) -> iam.PolicyStatement:
    """A road for our own roles: what each may do there is in the role."""
    return allow([f"{service}:*"], ["*"], principals=[iam.AnyPrincipal()], conditions=_OURS)
