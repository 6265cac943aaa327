"""The data: Aurora PostgreSQL with a writer and a reader, one login for each role, and the proxy in front."""

from __future__ import annotations

from typing import Final

from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_rds as rds
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.keys import key
from infra.logs import log_group
from infra.network import DATABASE, ISOLATED, Network
from infra.stages import Stage
from vendorpay.entrypoints.aws.functions import DatabaseRole

ENGINE: Final = rds.AuroraPostgresEngineVersion.of("18.4", "18")
DATABASE_NAME: Final = "vendorpay"
PARAMETERS: Final = {
    "rds.force_ssl": "1",
    "password_encryption": "scram-sha-256",
    "shared_preload_libraries": "pg_stat_statements",
    "log_min_duration_statement": "1000",
    "log_lock_waits": "1",
}
BEHIND_THE_PROXY: Final = (DatabaseRole.APP, DatabaseRole.READONLY)
"""The migrations connect to the cluster itself: they hold a session's lock and set its timeouts."""
_MONITORED_EVERY_S: Final = 60
_PROXY_SHARE: Final = 90
"""Of the cluster's connections in hundredths: what is left is for migrations, rotation and a person in the night."""
_BORROW_S_MAX: Final = 5


class Data(Stack):
    """Everything that holds payments."""

    def __init__(self, scope: Construct, stage: Stage, network: Network) -> None:
        name = stage.named("data")
        super().__init__(
            scope, name, description=f"{name}: Aurora, its secrets and RDS Proxy", termination_protection=True
        )
        self._stage, self._network = stage, network
        self.key = key(self, stage, "data")
        self.cluster = self._cluster()
        self.secrets = self._secrets()
        for role, secret in self.secrets.items():
            self._rotated(role, secret)
        self.proxy = self._proxy()
        self._outputs()

    def _cluster(self) -> rds.DatabaseCluster:
        name = self._stage.named("cluster")
        exported = log_group(
            self, self._stage, "ClusterLogs", f"/aws/rds/cluster/{name}/postgresql", self._network.log_key
        )
        cluster = rds.DatabaseCluster(
            self,
            "Cluster",
            cluster_identifier=name,
            engine=rds.DatabaseClusterEngine.aurora_postgres(version=ENGINE),
            credentials=rds.Credentials.from_generated_secret(
                DatabaseRole.OWNER, secret_name=self._stage.named("owner"), encryption_key=self.key
            ),
            default_database_name=DATABASE_NAME,
            parameters=PARAMETERS,
            writer=self._instance("writer"),
            readers=[self._instance("reader", scale_with_writer=True)],
            serverless_v2_min_capacity=self._stage.capacity_min,
            serverless_v2_max_capacity=self._stage.capacity_max,
            vpc=self._network.vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_group_name=DATABASE),
            security_groups=[self._network.group("cluster", self)],
            storage_encrypted=True,
            storage_encryption_key=self.key,
            backup=rds.BackupProps(retention=Duration.days(self._stage.backup_days)),
            copy_tags_to_snapshot=True,
            deletion_protection=True,
            removal_policy=RemovalPolicy.RETAIN,
            iam_authentication=True,
            cloudwatch_logs_exports=["postgresql"],
            monitoring_interval=Duration.seconds(_MONITORED_EVERY_S),
        )
        cluster.node.add_dependency(exported)
        return cluster

    def _instance(self, name: str, *, scale_with_writer: bool | None = None) -> rds.IClusterInstance:
        return rds.ClusterInstance.serverless_v2(
            name,
            scale_with_writer=scale_with_writer,
            instance_identifier=self._stage.named(name),
            ca_certificate=rds.CaCertificate.RDS_CA_RSA2048_G1,
            enable_performance_insights=True,
            performance_insight_encryption_key=self.key,
            auto_minor_version_upgrade=True,
            publicly_accessible=False,
        )

    def _secrets(self) -> dict[DatabaseRole, secretsmanager.ISecret]:
        """The cluster made the owner's; the other logins are made by the migrations, with these passwords."""
        owner = self.cluster.secret
        assert owner is not None
        found: dict[DatabaseRole, secretsmanager.ISecret] = {DatabaseRole.OWNER: owner}
        for role in BEHIND_THE_PROXY:
            short = role.removeprefix("vendorpay_")
            secret = rds.DatabaseSecret(
                self,
                f"{short.capitalize()}Secret",
                username=role,
                dbname=DATABASE_NAME,
                secret_name=self._stage.named(short),
                encryption_key=self.key,
            )
            secret.apply_removal_policy(RemovalPolicy.RETAIN)
            found[role] = secret.attach(self.cluster)
        return found

    def _rotated(self, role: DatabaseRole, secret: secretsmanager.ISecret) -> None:
        """Each login changes its own password. Not before it exists: so never at once."""
        name = rotation_name(self._stage, role)
        # Made by us, before the function that AWS hosts makes one without an end.
        logs = log_group(self, self._stage, f"LogsOf{role}", f"/aws/lambda/{name}", self._network.log_key)
        schedule = secret.add_rotation_schedule(
            "Rotation",
            hosted_rotation=secretsmanager.HostedRotation.postgre_sql_single_user(
                function_name=name,
                vpc=self._network.vpc,
                vpc_subnets=ec2.SubnetSelection(subnet_group_name=ISOLATED),
                security_groups=[self._network.group("rotation", self.node_of(role))],
            ),
            automatically_after=Duration.days(self._stage.rotation_days),
            rotate_immediately_on_update=False,
        )
        schedule.node.add_dependency(logs)

    def node_of(self, role: DatabaseRole) -> Construct:
        """A place of its own for what is imported once for each role."""
        return Construct(self, f"RotationOf{role.removeprefix('vendorpay_').capitalize()}")

    def _proxy(self) -> rds.DatabaseProxy:
        name = self._stage.named("proxy")
        logs = log_group(self, self._stage, "ProxyLogs", f"/aws/rds/proxy/{name}", self._network.log_key)
        proxy = rds.DatabaseProxy(
            self,
            "Proxy",
            db_proxy_name=name,
            proxy_target=rds.ProxyTarget.from_cluster(self.cluster),
            secrets=[self.secrets[role] for role in BEHIND_THE_PROXY],
            vpc=self._network.vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_group_name=ISOLATED),
            security_groups=[self._network.group("proxy", self)],
            require_tls=True,
            iam_auth=self._stage.database_auth == "iam",
            client_password_auth_type=rds.ClientPasswordAuthType.POSTGRES_SCRAM_SHA_256,
            max_connections_percent=_PROXY_SHARE,
            borrow_timeout=Duration.seconds(_BORROW_S_MAX),
        )
        proxy.node.add_dependency(logs)
        return proxy

    def _outputs(self) -> None:
        CfnOutput(self, "ClusterEndpoint", value=self.cluster.cluster_endpoint.hostname)
        # For reports. No function reads here: what was just written might not have arrived, and a GET after its POST
        # would be 404.
        CfnOutput(self, "ReaderEndpoint", value=self.cluster.cluster_read_endpoint.hostname)
        CfnOutput(self, "ProxyEndpoint", value=self.proxy.endpoint)
        CfnOutput(self, "OwnerSecretArn", value=self.secrets[DatabaseRole.OWNER].secret_arn)


def rotation_name(stage: Stage, role: DatabaseRole) -> str:
    """The function that changes a role's password."""
    return stage.named(f"rotate-{role.removeprefix('vendorpay_')}")
