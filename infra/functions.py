"""All functions but the migrations, with what wakes them: queues and clocks."""

from __future__ import annotations

from collections import Counter
from typing import Final

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from constructs import Construct

from infra.function import Layers, Surroundings, add_function
from vendorpay.api.operations import OPERATIONS
from vendorpay.entrypoints.aws.functions import FUNCTIONS, DatabaseRole, FromQueue, FromTimer, Function

WITH_THE_NEW_CODE: Final = tuple(row for row in FUNCTIONS if row.role is not DatabaseRole.OWNER)
"""The rest are the migrations, which come before and after."""
_MINUTE_S: Final = 60


class Functions(Stack):
    """A function for each row, each woken by what its row names."""

    def __init__(self, scope: Construct, around: Surroundings) -> None:
        name = around.stage.named("functions")
        super().__init__(scope, name, description=f"{name}: Lambda functions and what wakes them")
        self._around = around
        layers = Layers(self, around)
        self.made = {row.name: add_function(self, row, around, layers) for row in WITH_THE_NEW_CODE}
        for row in WITH_THE_NEW_CODE:
            for trigger in row.triggers:
                if isinstance(trigger, FromQueue):
                    self._fed_by(trigger, row)
                else:
                    self._woken_by(trigger, row)

    def _fed_by(self, trigger: FromQueue, row: Function) -> None:
        line = self._around.messaging.lines[trigger.queue]
        self.made[row.name].add_event_source(
            sources.SqsEventSource(
                line.queue,
                batch_size=trigger.batch,
                max_batching_window=Duration.seconds(trigger.gathers_s) if trigger.gathers_s else None,
                report_batch_item_failures=True,
                max_concurrency=self._around.stage.reserved(row),
            )
        )

    def _woken_by(self, trigger: FromTimer, row: Function) -> None:
        """Every so often, in whole minutes. One that is missed is not made up for: the next does its work."""
        minutes, rest = divmod(trigger.every_s, _MINUTE_S)
        assert rest == 0, f"{trigger.input_name}: EventBridge counts in minutes, not in {trigger.every_s} s"
        events.Rule(
            self,
            "".join(part.capitalize() for part in trigger.input_name.split("_")) + "Timer",
            rule_name=self._around.stage.named(f"timer-{trigger.input_name}"),
            description=f"{trigger.input_name}, every {minutes} min",
            schedule=events.Schedule.rate(Duration.minutes(minutes)),
            targets=[
                targets.LambdaFunction(
                    self.made[row.name],
                    event=events.RuleTargetInput.from_object({"timer": trigger.input_name}),
                    retry_attempts=0,
                    max_event_age=Duration.minutes(1),
                )
            ],
        )

    def of_operations(self) -> dict[str, lambda_.Function]:
        """Which function answers an operation, by the operation's name.

        Raises LookupError that names the operations that no row of FUNCTIONS has, or two have.
        """
        found = Counter(operation for row in WITH_THE_NEW_CODE for operation in row.operations)
        if wrong := sorted({each.name for each in OPERATIONS} ^ found.keys()):
            raise LookupError(f"not in OPERATIONS and in a row of FUNCTIONS both: {', '.join(wrong)}")
        if twice := sorted(name for name, times in found.items() if times > 1):
            raise LookupError(f"in two rows of FUNCTIONS: {', '.join(twice)}")
        return {operation: self.made[row.name] for row in WITH_THE_NEW_CODE for operation in row.operations}
