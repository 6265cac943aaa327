"""People: the user pool, a group for each role, and the claims that say for whom somebody works."""

from __future__ import annotations

from typing import Final

from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_cognito as cognito
from constructs import Construct

from infra.stages import Stage
from vendorpay.domain.roles import Role

CLAIMS: Final = {"role": 20, "org_id": 64, "vendor_id": 36}
"""Attributes of our own, and how long each may be: `custom:<name>` in a token (domain/roles.py reads them)."""
PASSWORD_CHARACTERS_MIN: Final = 14
TOKEN_H: Final = 1
SESSION_H: Final = 12


class Identity(Stack):
    """Who may come in. Only administrators of the pool make people; nobody writes their own role."""

    def __init__(self, scope: Construct, stage: Stage) -> None:
        name = stage.named("identity")
        super().__init__(scope, name, description=f"{name}: user pool, groups, app client")
        self.pool = cognito.UserPool(
            self,
            "People",
            user_pool_name=stage.named("people"),
            self_sign_up_enabled=False,
            sign_in_aliases=cognito.SignInAliases(email=True),
            sign_in_case_sensitive=False,
            auto_verify=cognito.AutoVerifiedAttrs(email=True),
            custom_attributes={
                name: cognito.StringAttribute(min_len=1, max_len=longest, mutable=True)
                for name, longest in CLAIMS.items()
            },
            mfa=cognito.Mfa.REQUIRED,
            mfa_second_factor=cognito.MfaSecondFactor(otp=True, sms=False),
            password_policy=cognito.PasswordPolicy(
                min_length=PASSWORD_CHARACTERS_MIN,
                require_lowercase=True,
                require_uppercase=True,
                require_digits=True,
                require_symbols=True,
                temp_password_validity=Duration.days(3),
            ),
            account_recovery=cognito.AccountRecovery.EMAIL_ONLY,
            feature_plan=cognito.FeaturePlan.PLUS if stage.threat_protection else cognito.FeaturePlan.ESSENTIALS,
            standard_threat_protection_mode=(
                cognito.StandardThreatProtectionMode.FULL_FUNCTION if stage.threat_protection else None
            ),
            deletion_protection=stage.keeps,
            removal_policy=RemovalPolicy.RETAIN if stage.keeps else RemovalPolicy.DESTROY,
        )
        for rank, role in enumerate(Role):
            cognito.CfnUserPoolGroup(
                self,
                f"{role.capitalize()}s",
                user_pool_id=self.pool.user_pool_id,
                group_name=role,
                precedence=rank,
                description=f"{role}: docs/permissions.md",
            )
        self.client = self._client(stage)
        CfnOutput(self, "UserPoolId", value=self.pool.user_pool_id)
        CfnOutput(self, "ClientId", value=self.client.user_pool_client_id)

    def _client(self, stage: Stage) -> cognito.UserPoolClient:
        return self.pool.add_client(
            "Console",
            user_pool_client_name=stage.named("console"),
            generate_secret=False,
            auth_flows=cognito.AuthFlow(user_srp=True),
            disable_o_auth=True,
            id_token_validity=Duration.hours(TOKEN_H),
            access_token_validity=Duration.hours(TOKEN_H),
            refresh_token_validity=Duration.hours(SESSION_H),
            enable_token_revocation=True,
            prevent_user_existence_errors=True,
            read_attributes=cognito.ClientAttributes()
            .with_standard_attributes(email=True, email_verified=True, fullname=True)
            .with_custom_attributes(*CLAIMS),
            # Without this list a person could make themselves an admin: every attribute is writable by default.
            write_attributes=cognito.ClientAttributes().with_standard_attributes(fullname=True),
        )
