import asyncio

import billing
from faststream import TestApp


def test_every_order_is_billed(kafka):
    kafka.create_topic("orders")

    async def scenario():
        async with TestApp(billing.build(kafka.bootstrap_servers)):
            kafka.topic("orders").produce({"id": 1, "price": 5, "count": 2})
            await kafka.topic("invoices").aexpect(value={"order": 1, "total": 10})

    asyncio.run(scenario())


def test_an_order_that_makes_no_sense_is_not_billed(kafka):
    kafka.create_topic("orders")

    async def scenario():
        async with TestApp(billing.build(kafka.bootstrap_servers)):
            kafka.topic("orders").produce({"id": "none"})
            kafka.topic("orders").produce({"id": 2, "price": 7, "count": 1})
            await kafka.topic("invoices").aexpect(value={"order": 2, "total": 7})

    asyncio.run(scenario())
    assert kafka.topic("invoices").count() == 1
