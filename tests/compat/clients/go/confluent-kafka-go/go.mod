module pykbroker/confluent-kafka-go

go 1.26

require (
	github.com/confluentinc/confluent-kafka-go/v2 v2.11.1
	pykbroker/driving v0.0.0
)

replace pykbroker/driving => ../driving
