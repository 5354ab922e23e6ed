package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	topicsAtOnce     = 100
	metadataRequests = 10
)

// topics measures the creation of many topics, until all of them have leaders; metadata of all; and their deletion, until
// none is left.
func topics() error {
	c, err := dial()
	if err != nil {
		return err
	}
	names := make([]string, *count)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%05d", *topic, i)
	}
	err = phase("create", func() (result, error) {
		for some := range slices.Chunk(names, topicsAtOnce) {
			if err := createTopics(c, some, 1); err != nil {
				return result{}, err
			}
		}
		return result{Requests: *count}, untilThereAre(c, *count)
	})
	if err != nil {
		return err
	}
	err = phase("metadata", func() (result, error) {
		r := result{Requests: metadataRequests}
		for range metadataRequests {
			start := time.Now()
			if _, err := topicsWithLeaders(c); err != nil {
				return r, err
			}
			r.Latencies = append(r.Latencies, time.Since(start))
		}
		return r, nil
	})
	if err != nil {
		return err
	}
	return phase("delete", func() (result, error) {
		for some := range slices.Chunk(names, topicsAtOnce) {
			if err := deleteTopics(c, some); err != nil {
				return result{}, err
			}
		}
		return result{Requests: *count}, untilThereAre(c, 0)
	})
}

func createTopics(c *connection, names []string, partitions int32) error {
	request := kmsg.NewPtrCreateTopicsRequest()
	request.SetVersion(5)
	request.TimeoutMillis = int32(patience.Milliseconds())
	for _, name := range names {
		wanted := kmsg.NewCreateTopicsRequestTopic()
		wanted.Topic, wanted.NumPartitions, wanted.ReplicationFactor = name, partitions, 1
		request.Topics = append(request.Topics, wanted)
	}
	response, err := request.RequestWith(context.Background(), c)
	if err != nil {
		return err
	}
	for _, each := range response.Topics {
		if each.ErrorCode != 0 && each.ErrorCode != kerr.TopicAlreadyExists.Code {
			return fmt.Errorf("CreateTopics: %w", kerr.ErrorForCode(each.ErrorCode))
		}
	}
	return nil
}

func deleteTopics(c *connection, names []string) error {
	request := kmsg.NewPtrDeleteTopicsRequest()
	request.SetVersion(4)
	request.TimeoutMillis = int32(patience.Milliseconds())
	request.TopicNames = names
	response, err := request.RequestWith(context.Background(), c)
	if err != nil {
		return err
	}
	for _, each := range response.Topics {
		if err := kerr.ErrorForCode(each.ErrorCode); err != nil {
			return fmt.Errorf("DeleteTopics: %w", err)
		}
	}
	return nil
}

// topicsWithLeaders asks for all topics, and counts those of ours whose partitions all have leaders.
func topicsWithLeaders(c *connection) (int, error) {
	request := kmsg.NewPtrMetadataRequest()
	request.SetVersion(9)
	request.Topics = nil
	response, err := request.RequestWith(context.Background(), c)
	if err != nil {
		return 0, err
	}
	ready := 0
	for _, each := range response.Topics {
		leaderless := func(p kmsg.MetadataResponseTopicPartition) bool { return p.Leader < 0 }
		ours := each.Topic != nil && strings.HasPrefix(*each.Topic, *topic+"-")
		if ours && each.ErrorCode == 0 && !slices.ContainsFunc(each.Partitions, leaderless) {
			ready++
		}
	}
	return ready, nil
}

func untilThereAre(c *connection, wanted int) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		ready, err := topicsWithLeaders(c)
		if err != nil || ready == wanted {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d topics instead of %d", ready, wanted)
		}
	}
}
