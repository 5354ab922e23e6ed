package main

import (
	"errors"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"pykbroker/driving"
)

const (
	answerMs = 10_000
	// pollAtOnce is how many records are taken at most before looking for a command.
	pollAtOnce = 500
)

func consume(s *driving.Session, args driving.Consume) error {
	pairs := kafka.ConfigMap{
		"group.id":           "pykbroker-matrix-no-group", // the library wants one; nothing is committed
		"enable.auto.commit": false,
		"auto.offset.reset":  reset(args.Reset),
	}
	if args.From.Committed != "" {
		pairs["group.id"] = args.From.Committed
	}
	if args.Isolation != "" {
		pairs["isolation.level"] = args.Isolation
	}
	if args.MaxBytes > 0 {
		pairs["fetch.max.bytes"] = args.MaxBytes
		pairs["max.partition.fetch.bytes"] = args.MaxBytes
		pairs["receive.message.max.bytes"] = args.MaxBytes + 1<<20
	}
	config, err := settings(s, args.Common, pairs)
	if err != nil {
		return err
	}
	consumer, err := kafka.NewConsumer(config)
	if err != nil {
		return err
	}
	defer consumer.Close()
	starts, err := startsOf(consumer, args)
	if err != nil {
		return err
	}
	if err := consumer.Assign(starts); err != nil {
		return err
	}
	s.Ready()
	return s.Collect(args, func(wait time.Duration) ([]driving.Received, error) { return poll(s, consumer, wait, endsConsume) })
}

// startsOf is where each partition starts. The end is looked up, so that it is the one of now.
func startsOf(consumer *kafka.Consumer, args driving.Consume) ([]kafka.TopicPartition, error) {
	var starts []kafka.TopicPartition
	for _, partition := range args.Partitions {
		start := kafka.TopicPartition{Topic: &args.Topic, Partition: partition, Offset: kafka.OffsetBeginning}
		switch {
		case args.From.End:
			_, high, err := consumer.QueryWatermarkOffsets(args.Topic, partition, answerMs)
			if err != nil {
				return nil, err
			}
			start.Offset = kafka.Offset(high)
		case args.From.Offset != nil:
			start.Offset = kafka.Offset(*args.From.Offset)
		case args.From.Time != nil:
			start.Offset = kafka.Offset(*args.From.Time)
		case args.From.Committed != "":
			start.Offset = kafka.OffsetStored
		}
		starts = append(starts, start)
	}
	if args.From.Time != nil {
		return consumer.OffsetsForTimes(starts, answerMs)
	}
	return starts, nil
}

// reset is the library's word for a policy.
func reset(policy string) string {
	if policy == "none" {
		return "error"
	}
	return policy
}

// endsConsume says whether an error ends `consume`: the broker's do, and those of positions. That a connection is lost, for
// one, is no more than a word by the way.
func endsConsume(err kafka.Error) bool {
	return err.IsFatal() || err.Code() > 0 || err.Code() == kafka.ErrAutoOffsetReset
}

// endsMember is endsConsume for a member of a group, to whom a topic that is not there yet is no error.
func endsMember(err kafka.Error) bool {
	return endsConsume(err) && err.Code() != kafka.ErrUnknownTopicOrPart
}

// poll gives what comes within the time.
func poll(
	s *driving.Session, consumer *kafka.Consumer, wait time.Duration, ends func(kafka.Error) bool,
) ([]driving.Received, error) {
	var records []driving.Received
	for timeoutMs := int(wait.Milliseconds()); len(records) < pollAtOnce; timeoutMs = 0 {
		switch event := consumer.Poll(timeoutMs).(type) {
		case nil:
			return records, nil
		case *kafka.Message:
			if event.TopicPartition.Error != nil {
				return records, event.TopicPartition.Error
			}
			records = append(records, received(event))
		case kafka.Error:
			if ends(event) {
				return records, event
			}
			s.Log(event)
		default:
			s.Log(event)
		}
	}
	return records, nil
}

func received(message *kafka.Message) driving.Received {
	record := driving.Received{
		Topic:     *message.TopicPartition.Topic,
		Partition: message.TopicPartition.Partition,
		Offset:    int64(message.TopicPartition.Offset),
		Timestamp: message.Timestamp.UnixMilli(),
		Key:       message.Key,
		Value:     message.Value,
	}
	for _, header := range message.Headers {
		record.Headers = append(record.Headers, driving.Header{Name: header.Key, Value: header.Value})
	}
	return record
}

func group(s *driving.Session, args driving.Group) error {
	switch {
	case args.Protocol == "share":
		return driving.Unsupported("share groups")
	case args.Assignor == "sticky":
		return driving.Unsupported("the assignor sticky")
	}
	config, err := settings(s, args.Common, memberSettings(args))
	if err != nil {
		return err
	}
	consumer, err := kafka.NewConsumer(config)
	if err != nil {
		return err
	}
	subscription := args.Topics
	if args.Pattern != "" {
		subscription = []string{"^(" + args.Pattern + ")$"} // a leading ^ makes it a pattern
	}
	told := func(_ *kafka.Consumer, event kafka.Event) error {
		switch event := event.(type) {
		case kafka.AssignedPartitions:
			s.Assigned(pairs(event.Partitions))
		case kafka.RevokedPartitions:
			s.Revoked(pairs(event.Partitions))
		}
		return nil
	}
	if err := consumer.SubscribeTopics(subscription, told); err != nil {
		return err
	}
	next := func(wait time.Duration) ([]driving.Received, error) { return poll(s, consumer, wait, endsMember) }
	err = s.Live(next, func(metadata *string) error { return commit(consumer, metadata) })
	return errors.Join(err, consumer.Close())
}

func memberSettings(args driving.Group) kafka.ConfigMap {
	pairs := kafka.ConfigMap{
		"group.id":                           args.Group,
		"enable.auto.commit":                 args.AutoCommit,
		"auto.commit.interval.ms":            int(driving.AutoCommitInterval.Milliseconds()),
		"auto.offset.reset":                  reset(args.Reset),
		"topic.metadata.refresh.interval.ms": int(args.MetadataMs),
	}
	if args.Protocol == "consumer" {
		pairs["group.protocol"] = "consumer" // in which the broker sets the intervals
	} else {
		pairs["session.timeout.ms"] = int(args.SessionTimeoutMs)
		pairs["heartbeat.interval.ms"] = int(args.HeartbeatMs)
		if args.Assignor != "" {
			pairs["partition.assignment.strategy"] = args.Assignor
		}
	}
	if args.Instance != "" {
		pairs["group.instance.id"] = args.Instance
	}
	if args.Isolation != "" {
		pairs["isolation.level"] = args.Isolation
	}
	return pairs
}

func pairs(partitions []kafka.TopicPartition) []driving.TopicPartition {
	out := []driving.TopicPartition{}
	for _, each := range partitions {
		out = append(out, driving.TopicPartition{Topic: *each.Topic, Partition: each.Partition})
	}
	return out
}

// commit commits the positions of everything owned that has one.
func commit(consumer *kafka.Consumer, metadata *string) error {
	owned, err := consumer.Assignment()
	if err != nil {
		return err
	}
	positions, err := consumer.Position(owned)
	if err != nil {
		return err
	}
	var offsets []kafka.TopicPartition
	for _, position := range positions {
		if position.Offset >= 0 {
			position.Metadata = metadata
			offsets = append(offsets, position)
		}
	}
	if len(offsets) == 0 {
		return nil
	}
	committed, err := consumer.CommitOffsets(offsets)
	for _, each := range committed {
		err = errors.Join(err, each.Error)
	}
	return err
}
