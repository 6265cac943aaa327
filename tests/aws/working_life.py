"""A program for two versions of the service at once: lives of payments, until it is told to stop.

`python working_life.py URL-AS-JSON STOP-FILE`, with the tree of one version as its directory. It goes on as long as it
is alone, and ends with a line of JSON: how many of what it has done. Anything unexpected ends it with an error.
"""

import asyncio
import json
import sys
from pathlib import Path

import tests.usecases.world
import vendorpay
from tests.database import DatabaseUrls
from tests.usecases.world import SERVICE, open_world, work_completed
from vendorpay.domain.payment_patch import PaymentPatch
from vendorpay.store.sequencer import Stream
from vendorpay.usecases.number_positions import Numbering
from vendorpay.usecases.record_event import record

LIVES_MAX = 5_000


async def live(urls: DatabaseUrls, stop: Path) -> dict[str, int]:
    done = dict.fromkeys(("created", "approved", "rejected", "cancelled", "held", "edited", "recorded", "numbered"), 0)
    async with open_world(urls) as world:
        numbering = Numbering(world.database)
        for _ in range(LIVES_MAX):
            if stop.exists():
                break
            one, two, _ = [(await world.create()).payment_id for _ in range(3)]
            done["created"] += 3
            await world.update(one, PaymentPatch(metadata={"looked": "at"}))
            done["edited"] += 1
            await world.submit(world.hold(one))
            await world.submit(world.release(one))
            done["held"] += 1
            await world.approve(one)
            done["approved"] += 1
            await world.submit(world.undoing(one))
            await world.cancel(one)
            done["cancelled"] += 1
            await world.reject(two)
            done["rejected"] += 1
            recorded = await record(world.deps, SERVICE, [work_completed(), b"no event"], None)
            assert [result.result.value for result in recorded.results] == ["accepted", "rejected"]
            done["recorded"] += 1
            for stream in Stream:
                done["numbered"] += (await numbering.number(stream)).numbered
            print("alive", flush=True)
    return done


if __name__ == "__main__":
    for module in (vendorpay, tests.usecases.world):
        assert Path(module.__file__ or "").is_relative_to(Path.cwd()), "another version is imported than should be"
    print(json.dumps(asyncio.run(live(DatabaseUrls(**json.loads(sys.argv[1])), Path(sys.argv[2])))), flush=True)
