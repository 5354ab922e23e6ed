package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const recordBytes = 100

// client measures franz-go's own producer and consumer, with their default settings.
func client() error {
	c, err := dial()
	if err != nil {
		return err
	}
	if err := createTopics(c, []string{*topic}, int32(*partitions)); err != nil {
		return err
	}
	seed := kgo.SeedBrokers(fmt.Sprintf("127.0.0.1:%d", *port))
	producer, err := kgo.NewClient(seed, kgo.DefaultProduceTopic(*topic))
	if err != nil {
		return err
	}
	defer producer.Close()
	if err := produce(producer, *count/10); err != nil {
		return err
	}
	err = phase("produce", func() (result, error) {
		return result{Requests: *count, Bytes: *count * recordBytes}, produce(producer, *count)
	})
	if err != nil {
		return err
	}
	return phase("consume", func() (result, error) {
		consumer, err := kgo.NewClient(seed, kgo.ConsumeTopics(*topic))
		if err != nil {
			return result{}, err
		}
		defer consumer.Close()
		all := *count + *count/10
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		for got := 0; got < all; {
			fetches := consumer.PollFetches(ctx)
			if err := fetches.Err(); err != nil {
				return result{}, fmt.Errorf("after %d records: %w", got, err)
			}
			got += fetches.NumRecords()
		}
		return result{Requests: all, Bytes: all * recordBytes}, nil
	})
}

func produce(producer *kgo.Client, records int) error {
	var failure atomic.Pointer[error]
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	value := make([]byte, recordBytes)
	for i := range value {
		value[i] = 'a' + byte(i%26)
	}
	for range records {
		producer.Produce(ctx, &kgo.Record{Value: value, Timestamp: time.Now()}, func(_ *kgo.Record, err error) {
			if err != nil {
				failure.Store(&err)
			}
		})
	}
	if err := producer.Flush(ctx); err != nil {
		return err
	}
	if err := failure.Load(); err != nil {
		return *err
	}
	return nil
}
