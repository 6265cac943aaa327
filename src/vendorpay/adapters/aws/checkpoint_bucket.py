"""Checkpoints in a bucket of S3: an object each, never written over, with or without object lock.

A conditional put (If-None-Match) lets nobody write over what is there, not even us; an object lock on the bucket keeps
everybody, its owner included, from removing it. The function needs s3:PutObject, s3:GetObject and s3:ListBucket.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from vendorpay.adapters.aws.clients import AwsClient, AwsRefused
from vendorpay.domain.checkpoint import DOCUMENT_BYTES_MAX, Held, NotACheckpoint, NotShipped, document_of

PREFIX: Final = "checkpoints/"
NAME: Final = "checkpoint-{}.json"
PAGE_MAX: Final = 1_000
PAGES_MAX: Final = 10_000
"""An hourly checkpoint fills a page in six weeks."""
_NAMED: Final = re.compile(r"checkpoint-([1-9][0-9]{0,17})\.json")
_THERE: Final = frozenset({"PreconditionFailed", "412"})
_NONE: Final = frozenset({"NoSuchKey", "404"})


class CheckpointBucket:
    """A bucket, by its name; its objects begin with `prefix`."""

    identity = None

    def __init__(self, bucket: str, client: AwsClient, *, prefix: str = PREFIX, page: int = PAGE_MAX) -> None:
        self._bucket = bucket
        self._client = client
        self._prefix = prefix
        self._page = page

    async def held(self) -> Held:
        """What lies in the bucket. Raises NotShipped."""
        numbers = await self._numbers()
        if not numbers:
            return Held()
        newest = max(numbers)
        text = await self._read(newest)
        if text is None:
            raise NotShipped(f"Checkpoint {newest} has just left the bucket {self._bucket}.")
        try:
            return Held(numbers=numbers, newest_hash=document_of(text).hash)
        except NotACheckpoint as error:
            raise NotShipped(f"The newest checkpoint in the bucket {self._bucket} cannot be read: {error}.") from error

    async def put(self, number: int, document: bytes) -> None:
        """Puts an object that was not there. Raises NotShipped, also when it is there with another content."""
        try:
            await self._client.call(
                "put_object",
                Bucket=self._bucket,
                Key=self._key(number),
                Body=document,
                ContentType="application/json",
                IfNoneMatch="*",
                # What arrives is what was sent; and a bucket with object lock takes nothing without one.
                ChecksumAlgorithm="SHA256",
            )
        except AwsRefused as refused:
            if refused.code not in _THERE:
                raise self._not_shipped(refused) from refused
            if await self._read(number) != document:
                raise NotShipped(
                    f"{self._key(number)} is in the bucket {self._bucket} already, and says something else."
                ) from refused

    async def _numbers(self) -> frozenset[int]:
        numbers: set[int] = set()
        page: dict[str, Any] = {"MaxKeys": self._page}
        for _ in range(PAGES_MAX):
            answer = await self._asked("list_objects_v2", Prefix=self._prefix, **page)
            names = (str(found["Key"]).removeprefix(self._prefix) for found in answer.get("Contents", ()))
            numbers.update(int(match[1]) for name in names if (match := _NAMED.fullmatch(name)))
            if not answer.get("IsTruncated"):
                return frozenset(numbers)
            page["ContinuationToken"] = answer["NextContinuationToken"]
        raise NotShipped(f"The bucket {self._bucket} holds more than can be looked through.")

    async def _read(self, number: int) -> bytes | None:
        try:
            answer = await self._client.call("get_object", Bucket=self._bucket, Key=self._key(number))
        except AwsRefused as refused:
            if refused.code in _NONE:
                return None
            raise self._not_shipped(refused) from refused
        return await self._client.read(answer["Body"], DOCUMENT_BYTES_MAX)

    async def _asked(self, operation: str, **parameters: Any) -> Mapping[str, Any]:
        try:
            return await self._client.call(operation, Bucket=self._bucket, **parameters)
        except AwsRefused as refused:
            raise self._not_shipped(refused) from refused

    def _not_shipped(self, refused: AwsRefused) -> NotShipped:
        return NotShipped(f"The bucket {self._bucket} cannot be used: {refused.code}.")

    def _key(self, number: int) -> str:
        return self._prefix + NAME.format(number)
