package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"

	"pykbroker/driving"
)

var codecs = map[string]kafka.Compression{
	"": 0, "none": 0, "gzip": kafka.Gzip, "snappy": kafka.Snappy, "lz4": kafka.Lz4, "zstd": kafka.Zstd,
}

var acks = map[string]kafka.RequiredAcks{"0": kafka.RequireNone, "1": kafka.RequireOne, "all": kafka.RequireAll}

// sending is what a message carries for us: where it is to go, if that matters, and whom to tell.
type sending struct {
	partition *int32
	settle    driving.Settle
}

func produce(s *driving.Session, args driving.Produce) error {
	writer, err := newWriter(s, args)
	if err != nil {
		return err
	}
	send := func(record driving.Record, settle driving.Settle) error {
		return patiently(writer, sendable(args.Topic, record, settle))
	}
	return s.Send(args, send, writer.Close)
}

// topicPause is how long a writer that may create topics waits for one to be there.
const topicPause = 100 * time.Millisecond

// patiently writes a message, again for as long as its topic is being created, which the library leaves to its users.
func patiently(writer *kafka.Writer, message kafka.Message) error {
	for {
		err := writer.WriteMessages(context.Background(), message)
		isComing := errors.Is(err, kafka.LeaderNotAvailable) || errors.Is(err, kafka.UnknownTopicOrPartition)
		if !isComing || !writer.AllowAutoTopicCreation {
			return err
		}
		time.Sleep(topicPause)
	}
}

// newWriter is a writer that does not wait for one message before it takes the next.
func newWriter(s *driving.Session, args driving.Produce) (*kafka.Writer, error) {
	codec, known := codecs[args.Codec]
	switch {
	case !known:
		return nil, driving.Unsupported("the codec " + args.Codec)
	case args.Idempotent:
		return nil, driving.Unsupported("an idempotent producer")
	case args.TransactionalID != "":
		return nil, driving.Unsupported("a transactional producer")
	}
	access, err := accessOf(args.Security)
	if err != nil {
		return nil, err
	}
	writer := &kafka.Writer{
		Addr: kafka.TCP(s.Bootstrap), Transport: access.transport(), Compression: codec, Async: true, ErrorLogger: stderr,
		// The library's own default is to wait for nothing, and then what a broker cannot take yet is lost without a word.
		RequiredAcks: kafka.RequireAll,
	}
	if args.Acks != "" {
		choice, known := acks[args.Acks]
		if !known {
			return nil, fmt.Errorf("no acks %q", args.Acks)
		}
		writer.RequiredAcks = choice
	}
	if args.MaxBytes > 0 {
		writer.BatchBytes = int64(args.MaxBytes)
	}
	if args.LingerMs != nil {
		writer.BatchTimeout = time.Duration(*args.LingerMs) * time.Millisecond
	}
	if args.Placed() {
		writer.Balancer = &placing{}
	}
	if err := args.Configure(writer); err != nil {
		return nil, err
	}
	isAcked := writer.RequiredAcks != kafka.RequireNone
	writer.Completion = func(messages []kafka.Message, err error) {
		for _, message := range messages {
			offset := message.Offset
			if !isAcked {
				offset = -1 // the library leaves it at zero
			}
			message.WriterData.(sending).settle(int32(message.Partition), offset, err)
		}
	}
	return writer, nil
}

func sendable(topic string, record driving.Record, settle driving.Settle) kafka.Message {
	message := kafka.Message{
		Topic: topic, Key: record.Key, Value: record.Value, Time: record.Time(), WriterData: sending{record.Partition, settle},
	}
	for _, header := range record.Headers {
		message.Headers = append(message.Headers, kafka.Header{Key: header.Name, Value: header.Value})
	}
	return message
}

// placing puts messages where they are to go, and the others where the library's default would.
type placing struct{ otherwise kafka.RoundRobin }

func (p *placing) Balance(message kafka.Message, partitions ...int) int {
	if wanted := message.WriterData.(sending).partition; wanted != nil {
		return int(*wanted)
	}
	return p.otherwise.Balance(message, partitions...)
}
