import billing


def test_every_order_is_billed(kafka, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # Quix Streams makes a directory for its state
    kafka.topic("orders").produce({"id": 1, "price": 5, "count": 2}, key="alice")
    kafka.topic("orders").produce({"id": 2, "price": 7, "count": 1}, key="bob")

    billing.build(kafka.bootstrap_servers).run(count=2, timeout=30)

    kafka.topic("invoices").expect(key="alice", value={"order": 1, "total": 10})
    kafka.topic("invoices").expect(key="bob", value={"order": 2, "total": 7})
    assert kafka.group("billing").lag() == 0
