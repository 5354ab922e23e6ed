package main

import (
	"errors"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"pykbroker/driving"
)

const flushMs = 100

func produce(s *driving.Session, args driving.Produce) error {
	config, err := settings(s, args.Common, producerSettings(args))
	if err != nil {
		return err
	}
	producer, err := kafka.NewProducer(config)
	if err != nil {
		return err
	}
	defer producer.Close()
	if args.TransactionalID != "" {
		if err := producer.InitTransactions(nil); err != nil {
			return err
		}
		if err := producer.BeginTransaction(); err != nil {
			return err
		}
	}
	go settleAll(s, producer)
	send := func(record driving.Record, settle driving.Settle) error {
		return patiently(producer, sendable(args.Topic, record, settle))
	}
	flush := func() error {
		for producer.Flush(flushMs) > 0 {
		}
		return nil
	}
	if err := s.Send(args, send, flush); err != nil || args.TransactionalID == "" {
		return err
	}
	if args.End == "commit" {
		return producer.CommitTransaction(nil)
	}
	return producer.AbortTransaction(nil)
}

func producerSettings(args driving.Produce) kafka.ConfigMap {
	pairs := kafka.ConfigMap{"enable.idempotence": args.Idempotent}
	if args.Codec != "" {
		pairs["compression.type"] = args.Codec
	}
	if args.Acks != "" {
		pairs["acks"] = args.Acks
	}
	if args.MaxBytes > 0 {
		pairs["message.max.bytes"] = args.MaxBytes
	}
	if args.LingerMs != nil {
		pairs["linger.ms"] = int(*args.LingerMs)
	}
	if args.TransactionalID != "" {
		pairs["transactional.id"] = args.TransactionalID
		pairs["enable.idempotence"] = true
	}
	return pairs
}

// patiently sends a message, again for as long as the library's queue is full.
func patiently(producer *kafka.Producer, message *kafka.Message) error {
	for {
		err := producer.Produce(message, nil)
		var known kafka.Error
		if !errors.As(err, &known) || known.Code() != kafka.ErrQueueFull {
			return err
		}
		producer.Flush(flushMs)
	}
}

// settleAll takes in the producer's events; each delivery report has its record's Settle with it.
func settleAll(s *driving.Session, producer *kafka.Producer) {
	for event := range producer.Events() {
		message, isReport := event.(*kafka.Message)
		if !isReport {
			s.Log(event)
			continue
		}
		at := message.TopicPartition
		message.Opaque.(driving.Settle)(at.Partition, max(-1, int64(at.Offset)), at.Error)
	}
}

func sendable(topic string, record driving.Record, settle driving.Settle) *kafka.Message {
	message := &kafka.Message{
		TopicPartition: kafka.TopicPartition{Topic: &topic, Partition: kafka.PartitionAny},
		Key:            record.Key,
		Value:          record.Value,
		Timestamp:      record.Time(),
		Opaque:         settle,
	}
	if record.Partition != nil {
		message.TopicPartition.Partition = *record.Partition
	}
	for _, header := range record.Headers {
		message.Headers = append(message.Headers, kafka.Header{Key: header.Name, Value: header.Value})
	}
	return message
}
