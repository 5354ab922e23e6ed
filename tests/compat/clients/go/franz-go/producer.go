package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"pykbroker/driving"
)

var codecs = map[string]kgo.CompressionCodec{
	"":       kgo.NoCompression(),
	"none":   kgo.NoCompression(),
	"gzip":   kgo.GzipCompression(),
	"snappy": kgo.SnappyCompression(),
	"lz4":    kgo.Lz4Compression(),
	"zstd":   kgo.ZstdCompression(),
}

var acks = map[string]kgo.Acks{"0": kgo.NoAck(), "1": kgo.LeaderAck(), "all": kgo.AllISRAcks()}

// headroomBytes is what a request or response needs beyond the batches in it.
const headroomBytes = 1 << 20

func produce(s *driving.Session, args driving.Produce) error {
	options, err := producerOptions(args)
	if err != nil {
		return err
	}
	client, err := newClient(s, args.Common, options...)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx := context.Background()
	if args.TransactionalID != "" {
		if err := client.BeginTransaction(); err != nil {
			return err
		}
	}
	send := func(record driving.Record, settle driving.Settle) error {
		client.Produce(ctx, sendable(args.Topic, record), func(sent *kgo.Record, err error) {
			settle(sent.Partition, offsetOf(sent, args.Acks), err)
		})
		return nil
	}
	if err := s.Send(args, send, func() error { return client.Flush(ctx) }); err != nil {
		return err
	}
	if args.TransactionalID != "" {
		return client.EndTransaction(ctx, kgo.TransactionEndTry(args.End == "commit"))
	}
	return nil
}

func producerOptions(args driving.Produce) ([]kgo.Opt, error) {
	codec, known := codecs[args.Codec]
	if !known {
		return nil, driving.Unsupported("the codec " + args.Codec)
	}
	options := []kgo.Opt{kgo.ProducerBatchCompression(codec)}
	if args.Acks != "" {
		choice, known := acks[args.Acks]
		if !known {
			return nil, fmt.Errorf("no acks %q", args.Acks)
		}
		options = append(options, kgo.RequiredAcks(choice))
	}
	if args.TransactionalID != "" {
		options = append(options, kgo.TransactionalID(args.TransactionalID))
	} else if !args.Idempotent {
		options = append(options, kgo.DisableIdempotentWrite())
	}
	if args.MaxBytes > 0 {
		options = append(options,
			kgo.ProducerBatchMaxBytes(int32(args.MaxBytes)), kgo.BrokerMaxWriteBytes(int32(args.MaxBytes+headroomBytes)))
	}
	if args.LingerMs != nil {
		options = append(options, kgo.ProducerLinger(time.Duration(*args.LingerMs)*time.Millisecond))
	}
	if args.Placed() {
		options = append(options, kgo.RecordPartitioner(placing{kgo.StickyKeyPartitioner(nil)}))
	}
	return options, nil
}

// offsetOf is where a record is; without acknowledgements the library has no offset but leaves the field at zero.
func offsetOf(sent *kgo.Record, acks string) int64 {
	if acks == "0" {
		return -1
	}
	return sent.Offset
}

func sendable(topic string, record driving.Record) *kgo.Record {
	out := &kgo.Record{Topic: topic, Key: record.Key, Value: record.Value, Timestamp: record.Time(), Partition: anywhere}
	if record.Partition != nil {
		out.Partition = *record.Partition
	}
	for _, header := range record.Headers {
		out.Headers = append(out.Headers, kgo.RecordHeader{Key: header.Name, Value: header.Value})
	}
	return out
}

// anywhere is the partition of a record that has none yet.
const anywhere = -1

// placing leaves records where they are to go, and asks another partitioner about those without a place.
type placing struct{ otherwise kgo.Partitioner }

func (p placing) ForTopic(topic string) kgo.TopicPartitioner {
	return placingTopic{p.otherwise.ForTopic(topic)}
}

type placingTopic struct{ kgo.TopicPartitioner }

func (p placingTopic) RequiresConsistency(r *kgo.Record) bool {
	return r.Partition != anywhere || p.TopicPartitioner.RequiresConsistency(r)
}

func (p placingTopic) Partition(r *kgo.Record, n int) int {
	if r.Partition != anywhere {
		return int(r.Partition)
	}
	return p.TopicPartitioner.Partition(r, n)
}
