from threading import Event, Thread

import billing
import pytest


@pytest.fixture
def running(kafka):
    """The program, in a thread, for the time of the test."""
    kafka.create_topic("orders")
    stop = Event()
    thread = Thread(target=billing.run, args=(kafka.bootstrap_servers, stop))
    thread.start()
    yield
    stop.set()
    thread.join()


def test_every_order_is_billed(kafka, running):
    kafka.topic("orders").produce({"id": 1, "price": 5, "count": 2}, key="alice")
    kafka.topic("orders").produce({"id": 2, "price": 7, "count": 1}, key="bob")

    kafka.topic("invoices").expect(key="alice", value={"order": 1, "total": 10})
    kafka.topic("invoices").expect(key="bob", value={"order": 2, "total": 7})


def test_what_is_billed_is_committed(kafka, running):
    kafka.topic("orders").produce({"id": 1, "price": 5, "count": 2})

    kafka.group("billing").wait_caught_up()
    assert kafka.group("billing").committed() == {("orders", 0): 1}
    assert kafka.topic("invoices").count() == 1
