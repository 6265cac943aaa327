"""The archive: where checkpoints of the audit log are kept, so that nobody can take one back before its time."""

from __future__ import annotations

from typing import Final

from aws_cdk import Aws, CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.keys import key
from infra.stages import Stage

COLD_AFTER_DAYS: Final = 90
ACCESS_LOG_DAYS: Final = 400


class Archive(Stack):
    """A bucket with object lock, and one for the log of who asked for what in it."""

    def __init__(self, scope: Construct, stage: Stage) -> None:
        name = stage.named("archive")
        super().__init__(scope, name, description=f"{name}: checkpoints under object lock", termination_protection=True)
        self.key = key(self, stage, "archive")
        # Names of buckets are one for all of AWS; so it has the account and the region in it.
        self.name = f"{stage.named('checkpoints')}-{Aws.ACCOUNT_ID}-{Aws.REGION}"
        accesses = self._bucket("Accesses", encryption=s3.BucketEncryption.S3_MANAGED, days=ACCESS_LOG_DAYS)
        locked = Duration.days(stage.archive_days)
        self.bucket = s3.Bucket(
            self,
            "Checkpoints",
            bucket_name=self.name,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self.key,
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            versioned=True,
            object_lock_enabled=True,
            object_lock_default_retention=(
                s3.ObjectLockRetention.compliance(locked)
                if stage.archive_compliance
                else s3.ObjectLockRetention.governance(locked)
            ),
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="cold",
                    transitions=[
                        s3.Transition(
                            storage_class=s3.StorageClass.GLACIER_INSTANT_RETRIEVAL,
                            transition_after=Duration.days(COLD_AFTER_DAYS),
                        )
                    ],
                )
            ],
            server_access_logs_bucket=accesses,
            server_access_logs_prefix="checkpoints/",
            removal_policy=RemovalPolicy.RETAIN,
        )
        CfnOutput(self, "CheckpointBucket", value=self.bucket.bucket_name)

    def _bucket(self, construct_id: str, *, encryption: s3.BucketEncryption, days: int) -> s3.Bucket:
        return s3.Bucket(
            self,
            construct_id,
            encryption=encryption,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            lifecycle_rules=[s3.LifecycleRule(id="ends", expiration=Duration.days(days))],
            removal_policy=RemovalPolicy.RETAIN,
        )
