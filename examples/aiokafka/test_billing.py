"""The broker runs in the test's own event loop, between the program's coroutines. (With pytest-asyncio or anyio, `async
def test_...` says the same without `asyncio.run`; the fixture `kafka`, a broker in a thread, can be awaited as well.)
"""

import asyncio

import billing

from pykbroker.testing import Broker


def test_every_order_is_billed():
    async def scenario():
        async with Broker() as kafka:
            kafka.create_topic("orders")
            program = asyncio.create_task(billing.run(kafka.bootstrap_servers))
            await kafka.group("billing").await_stable(members=1)

            kafka.topic("orders").produce({"id": 1, "price": 5, "count": 2}, key="alice")

            await kafka.topic("invoices").aexpect(key="alice", value={"order": 1, "total": 10})
            program.cancel()
            await asyncio.gather(program, return_exceptions=True)

    asyncio.run(scenario())
