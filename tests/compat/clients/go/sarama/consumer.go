package main

import (
	"errors"
	"time"

	"github.com/IBM/sarama"

	"pykbroker/driving"
)

var resets = map[string]int64{"earliest": sarama.OffsetOldest, "latest": sarama.OffsetNewest}

func consume(s *driving.Session, args driving.Consume) error {
	config, err := configure(args.Common, func(config *sarama.Config) {
		config.Consumer.Return.Errors = true
		isolate(config, args.Isolation)
		if args.MaxBytes > 0 {
			config.Consumer.Fetch.Default = int32(args.MaxBytes)
			config.Consumer.Fetch.MaxBytes = int32(args.MaxBytes)
		}
	})
	if err != nil {
		return err
	}
	client, err := sarama.NewClient([]string{s.Bootstrap}, config)
	if err != nil {
		return err
	}
	defer client.Close()
	consumer, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		return err
	}
	merged := merging{session: s, consumer: consumer, args: args, records: make(chan driving.Received), ends: make(chan error)}
	for _, partition := range args.Partitions {
		start, err := startOf(client, args, partition)
		if err != nil {
			return err
		}
		if err := merged.add(partition, start); err != nil {
			return err
		}
	}
	s.Ready()
	return s.Collect(args, merged.next)
}

func startOf(client sarama.Client, args driving.Consume, partition int32) (int64, error) {
	switch from := args.From; {
	case from.End:
		return sarama.OffsetNewest, nil
	case from.Offset != nil:
		return *from.Offset, nil
	case from.Time != nil:
		// It is OffsetNewest when no record is as young.
		return client.GetOffset(args.Topic, partition, *from.Time)
	case from.Committed != "":
		manager, err := sarama.NewOffsetManagerFromClient(from.Committed, client)
		if err != nil {
			return 0, err
		}
		defer manager.Close()
		partitionManager, err := manager.ManagePartition(args.Topic, partition)
		if err != nil {
			return 0, err
		}
		offset, _ := partitionManager.NextOffset()
		if offset < 0 {
			offset = resets[args.Reset]
		}
		return offset, nil
	}
	return sarama.OffsetOldest, nil
}

// merging is several partition consumers as one stream.
type merging struct {
	session  *driving.Session
	consumer sarama.Consumer
	args     driving.Consume
	records  chan driving.Received
	ends     chan error
}

// add consumes a partition from an offset. The library refuses one that is out of range and lets its users start anew: here
// where the policy says.
func (m merging) add(partition int32, offset int64) error {
	one, err := m.consumer.ConsumePartition(m.args.Topic, partition, offset)
	if anew, some := resets[m.args.Reset]; some && errors.Is(err, sarama.ErrOffsetOutOfRange) {
		one, err = m.consumer.ConsumePartition(m.args.Topic, partition, anew)
	}
	if err != nil {
		return err
	}
	go func() {
		for err := range one.Errors() {
			m.session.Log(err)
		}
	}()
	go func() {
		for message := range one.Messages() {
			m.records <- received(message)
		}
		m.ends <- sarama.ErrOffsetOutOfRange // the one reason for which a partition consumer ends by itself
	}()
	return nil
}

func (m merging) next(wait time.Duration) ([]driving.Received, error) {
	select {
	case record := <-m.records:
		return []driving.Received{record}, nil
	case err := <-m.ends:
		return nil, err
	case <-time.After(wait):
		return nil, nil
	}
}
