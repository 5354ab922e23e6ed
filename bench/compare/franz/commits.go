package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// commits measures offset commits of one partition each: every connection has a group of its own, and some in flight.
func commits() error {
	all := make([]*connection, *connections)
	for i := range all {
		c, err := dial()
		if err != nil {
			return err
		}
		all[i] = c
		if err := findCoordinator(c, groupOf(i)); err != nil {
			return err
		}
	}
	if err := createTopics(all[0], []string{*topic}, int32(*partitions)); err != nil {
		return err
	}
	if err := committable(all); err != nil {
		return err
	}
	if _, err := commitFrom(all, *count/4); err != nil {
		return err
	}
	return phase("", func() (result, error) { return commitFrom(all, *count) })
}

func groupOf(connection int) string { return fmt.Sprintf("%s-%d", *topic, connection) }

// committable waits until each group's coordinator has loaded what it had.
func committable(all []*connection) error {
	for i, c := range all {
		for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
			request := commit(groupOf(i))
			response, err := c.Request(context.Background(), request)
			if err != nil {
				return err
			}
			if err = errorIn(response); err == nil {
				break
			} else if time.Now().After(deadline) {
				return err
			}
		}
	}
	return nil
}

func commit(group string) *kmsg.OffsetCommitRequest {
	request := kmsg.NewPtrOffsetCommitRequest()
	request.SetVersion(8)
	request.Group = group
	partition := kmsg.NewOffsetCommitRequestTopicPartition()
	partition.Offset = 42
	wanted := kmsg.NewOffsetCommitRequestTopic()
	wanted.Topic, wanted.Partitions = *topic, append(wanted.Partitions, partition)
	request.Topics = append(request.Topics, wanted)
	return request
}

func errorIn(response kmsg.Response) error {
	return kerr.ErrorForCode(response.(*kmsg.OffsetCommitResponse).Topics[0].Partitions[0].ErrorCode)
}

// commitFrom sends `total` commits, the same number from every connection.
func commitFrom(all []*connection, total int) (result, error) {
	var running sync.WaitGroup
	parts, failures := make([]result, len(all)), make([]error, len(all))
	for i, c := range all {
		running.Go(func() { parts[i], failures[i] = commitOn(c, commit(groupOf(i)), total/len(all)) })
	}
	running.Wait()
	whole := result{}
	for _, part := range parts {
		whole.Requests += part.Requests
		whole.Latencies = append(whole.Latencies, part.Latencies...)
	}
	return whole, errors.Join(failures...)
}

func commitOn(c *connection, request *kmsg.OffsetCommitRequest, total int) (result, error) {
	r := result{Requests: total, Latencies: make([]time.Duration, 0, total)}
	sent := make([]time.Time, 0, total)
	for answered := 0; answered < total; answered++ {
		for len(sent) < total && len(sent)-answered < *depth {
			request.Topics[0].Partitions[0].Offset = int64(len(sent))
			sent = append(sent, time.Now())
			if err := c.send(request); err != nil {
				return r, err
			}
		}
		response, err := c.receive(request)
		if err != nil {
			return r, err
		}
		if err := errorIn(response); err != nil {
			return r, err
		}
		r.Latencies = append(r.Latencies, time.Since(sent[answered]))
	}
	return r, nil
}
