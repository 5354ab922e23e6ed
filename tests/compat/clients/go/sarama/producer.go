package main

import (
	"sync"
	"time"

	"github.com/IBM/sarama"

	"pykbroker/driving"
)

var codecs = map[string]sarama.CompressionCodec{
	"":       sarama.CompressionNone,
	"none":   sarama.CompressionNone,
	"gzip":   sarama.CompressionGZIP,
	"snappy": sarama.CompressionSnappy,
	"lz4":    sarama.CompressionLZ4,
	"zstd":   sarama.CompressionZSTD,
}

var acks = map[string]sarama.RequiredAcks{"0": sarama.NoResponse, "1": sarama.WaitForLocal, "all": sarama.WaitForAll}

// sending is what a message carries for us: where it is to go, if that matters, and whom to tell.
type sending struct {
	partition *int32
	settle    driving.Settle
}

func produce(s *driving.Session, args driving.Produce) error {
	codec, known := codecs[args.Codec]
	if !known {
		return driving.Unsupported("the codec " + args.Codec)
	}
	config, err := configure(args.Common, func(config *sarama.Config) {
		config.Producer.Compression = codec
		setProducer(config, args)
	})
	if err != nil {
		return err
	}
	producer, err := sarama.NewAsyncProducer([]string{s.Bootstrap}, config)
	if err != nil {
		return err
	}
	if args.TransactionalID != "" {
		if err := producer.BeginTxn(); err != nil {
			return err
		}
	}
	settled := settleAll(producer, args.Acks)
	send := func(record driving.Record, settle driving.Settle) error {
		producer.Input() <- sendable(args.Topic, record, settle)
		return nil
	}
	// The library sends at once or after its linger: nothing is to be flushed.
	if err := s.Send(args, send, func() error { return nil }); err != nil {
		return err
	}
	switch {
	case args.TransactionalID == "":
	case args.End == "commit":
		err = producer.CommitTxn()
	default:
		err = producer.AbortTxn()
	}
	producer.AsyncClose()
	settled.Wait()
	return err
}

func setProducer(config *sarama.Config, args driving.Produce) {
	config.Producer.Return.Successes = true
	if choice, chosen := acks[args.Acks]; chosen {
		config.Producer.RequiredAcks = choice
	}
	if args.Idempotent || args.TransactionalID != "" {
		config.Producer.Idempotent = true
		config.Producer.RequiredAcks = sarama.WaitForAll // which the library leaves to us
		config.Net.MaxOpenRequests = 1                   // and this
		config.Producer.Transaction.ID = args.TransactionalID
	}
	if args.MaxBytes > 0 {
		config.Producer.MaxMessageBytes = args.MaxBytes
	}
	if args.LingerMs != nil {
		config.Producer.Flush.Frequency = time.Duration(*args.LingerMs) * time.Millisecond
	}
	if args.Placed() {
		config.Producer.Partitioner = func(topic string) sarama.Partitioner {
			return placing{sarama.NewHashPartitioner(topic)}
		}
	}
}

// settleAll takes in what the producer tells until it is closed.
func settleAll(producer sarama.AsyncProducer, acks string) *sync.WaitGroup {
	var settled sync.WaitGroup
	settled.Go(func() {
		for message := range producer.Successes() {
			offset := message.Offset
			if acks == "0" {
				offset = -1 // the library leaves it at zero
			}
			message.Metadata.(sending).settle(message.Partition, offset, nil)
		}
	})
	settled.Go(func() {
		for failed := range producer.Errors() {
			failed.Msg.Metadata.(sending).settle(-1, -1, failed.Err)
		}
	})
	return &settled
}

func sendable(topic string, record driving.Record, settle driving.Settle) *sarama.ProducerMessage {
	message := &sarama.ProducerMessage{
		Topic: topic, Timestamp: record.Time(), Metadata: sending{record.Partition, settle},
	}
	if record.Key != nil {
		message.Key = sarama.ByteEncoder(record.Key)
	}
	if record.Value != nil {
		message.Value = sarama.ByteEncoder(record.Value)
	}
	for _, header := range record.Headers {
		message.Headers = append(message.Headers, sarama.RecordHeader{Key: []byte(header.Name), Value: header.Value})
	}
	return message
}

// placing puts messages where they are to go, and asks another partitioner about those without a place.
type placing struct{ sarama.Partitioner }

func (p placing) Partition(message *sarama.ProducerMessage, partitions int32) (int32, error) {
	if wanted := message.Metadata.(sending).partition; wanted != nil {
		return *wanted, nil
	}
	return p.Partitioner.Partition(message, partitions)
}
