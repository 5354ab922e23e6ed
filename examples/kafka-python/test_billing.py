import billing
import pytest


def test_orders_are_billed_once(kafka):
    kafka.topic("orders").produce({"id": 1, "price": 5, "count": 2}, key="alice")
    assert billing.run(kafka.bootstrap_servers, idle_ms=1000) == 1

    kafka.topic("orders").produce({"id": 2, "price": 7, "count": 1}, key="bob")
    assert billing.run(kafka.bootstrap_servers, idle_ms=1000) == 1

    assert [record.json() for record in kafka.topic("invoices").records()] == [
        {"order": 1, "total": 10},
        {"order": 2, "total": 7},
    ]
    kafka.topic("invoices").expect(key="bob", headers={"origin": "billing"})
    assert kafka.group("billing").lag() == 0


@pytest.mark.kafka(num_partitions=3)
def test_orders_of_all_partitions_are_billed(kafka):
    for number in range(6):
        kafka.topic("orders").produce({"id": number, "price": 1, "count": 1})
    assert kafka.topic("orders").partitions == 3

    assert billing.run(kafka.bootstrap_servers, idle_ms=1000) == 6
