package main

import (
	"context"
	"errors"
	"time"

	"github.com/segmentio/kafka-go"

	"pykbroker/driving"
)

var resets = map[string]int64{"earliest": kafka.FirstOffset, "latest": kafka.LastOffset}

var isolations = map[string]kafka.IsolationLevel{
	"read_uncommitted": kafka.ReadUncommitted,
	"read_committed":   kafka.ReadCommitted,
}

// merging is several readers as one stream.
type merging struct {
	session *driving.Session
	records chan driving.Received
	ends    chan error
}

func newMerging(s *driving.Session) merging {
	return merging{session: s, records: make(chan driving.Received), ends: make(chan error)}
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

// follow passes on what a reader reads until the context ends. Out of range, it starts anew where the policy says, as the
// library has its users do; other errors end the stream when they are the broker's and will not pass.
func (m merging) follow(ctx context.Context, reader *kafka.Reader, reset string) {
	for ctx.Err() == nil {
		message, err := reader.ReadMessage(ctx)
		anew, some := resets[reset]
		var broker kafka.Error
		switch {
		case err == nil:
			select {
			case m.records <- received(message):
			case <-ctx.Done():
			}
			continue
		case errors.Is(err, kafka.OffsetOutOfRange) && some:
			err = reader.SetOffset(anew)
		case errors.As(err, &broker) && broker.Temporary(), ctx.Err() != nil:
			m.session.Log(err)
			continue
		}
		if err != nil {
			select {
			case m.ends <- err:
			case <-ctx.Done():
			}
			return
		}
	}
}

// received is a message as an event. The library gives nil for what is empty and for what is null, so a null is never told.
func received(message kafka.Message) driving.Received {
	record := driving.Received{
		Topic: message.Topic, Partition: int32(message.Partition), Offset: message.Offset,
		Timestamp: message.Time.UnixMilli(), Key: message.Key, Value: orEmpty(message.Value),
	}
	for _, header := range message.Headers {
		record.Headers = append(record.Headers, driving.Header{Name: header.Key, Value: orEmpty(header.Value)})
	}
	return record
}

func orEmpty(bytes []byte) []byte { return append([]byte{}, bytes...) }

func consume(s *driving.Session, args driving.Consume) error {
	if args.From.Offset != nil && args.Reset != "earliest" {
		return driving.Unsupported("another reset policy than earliest: a reader below the first offset goes there by itself")
	}
	access, err := accessOf(args.Security)
	if err != nil {
		return err
	}
	merged := newMerging(s)
	for _, partition := range args.Partitions {
		config := kafka.ReaderConfig{
			Brokers: []string{s.Bootstrap}, Dialer: access.dialer(), Topic: args.Topic, Partition: int(partition),
			IsolationLevel: isolations[args.Isolation], OffsetOutOfRangeError: true, ErrorLogger: stderr,
		}
		if args.MaxBytes > 0 {
			config.MaxBytes = args.MaxBytes
		}
		if err := args.Configure(&config); err != nil {
			return err
		}
		reader := kafka.NewReader(config)
		if err := start(s, reader, args, partition); err != nil {
			return err
		}
		go merged.follow(context.Background(), reader, args.Reset)
	}
	s.Ready()
	return s.Collect(args, merged.next)
}

// start sets a reader to where it starts. The end is looked up, so that it is the one of now.
func start(s *driving.Session, reader *kafka.Reader, args driving.Consume, partition int32) error {
	switch from := args.From; {
	case from.End:
		end, err := offsetAt(s, args.Common, args.Topic, partition, driving.Latest)
		if err != nil {
			return err
		}
		return reader.SetOffset(end)
	case from.Offset != nil:
		return reader.SetOffset(*from.Offset)
	case from.Time != nil:
		return reader.SetOffsetAt(context.Background(), time.UnixMilli(*from.Time))
	case from.Committed != "":
		commits, err := committed(s, driving.Committed{
			Common: args.Common, Group: from.Committed, Topic: args.Topic, Partitions: []int32{partition},
		})
		if err != nil {
			return err
		}
		if commits[0].Offset < 0 {
			return reader.SetOffset(resets[args.Reset])
		}
		return reader.SetOffset(commits[0].Offset)
	}
	return reader.SetOffset(kafka.FirstOffset)
}
