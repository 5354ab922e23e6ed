package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/segmentio/kafka-go"

	"pykbroker/driving"
)

type action = func(*driving.Session, driving.Admin) (driving.Result, error)

// actions are all but delete-records, for which the library has no request.
var actions = map[string]action{
	"create-topic":   admin(createTopic),
	"delete-topic":   admin(deleteTopic),
	"describe-topic": admin(describeTopic),
	"grow-topic":     admin(growTopic),
	"get-configs":    admin(getConfigs),
	"set-config":     admin(setConfig),
	"list-groups":    admin(listGroups),
	"describe-group": admin(describeGroup),
	"delete-group":   admin(deleteGroup),
	"reset-group":    admin(resetGroup),
}

func admin(f func(context.Context, *kafka.Client, driving.Admin) (driving.Result, error)) action {
	return func(s *driving.Session, args driving.Admin) (driving.Result, error) {
		client, err := newClient(s, args.Common)
		if err != nil {
			return nil, err
		}
		return f(context.Background(), client, args)
	}
}

func createTopic(ctx context.Context, client *kafka.Client, args driving.Admin) (driving.Result, error) {
	topic := kafka.TopicConfig{Topic: args.Topic, NumPartitions: int(args.Partitions), ReplicationFactor: -1}
	for name, value := range args.Configs {
		topic.ConfigEntries = append(topic.ConfigEntries, kafka.ConfigEntry{ConfigName: name, ConfigValue: value})
	}
	answer, err := client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{topic}})
	if err != nil {
		return nil, err
	}
	return nil, answer.Errors[args.Topic]
}

func deleteTopic(ctx context.Context, client *kafka.Client, args driving.Admin) (driving.Result, error) {
	answer, err := client.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{args.Topic}})
	if err != nil {
		return nil, err
	}
	return nil, answer.Errors[args.Topic]
}

func describeTopic(ctx context.Context, client *kafka.Client, args driving.Admin) (driving.Result, error) {
	answer, err := client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{args.Topic}})
	if err != nil {
		return nil, err
	}
	topic := answer.Topics[0]
	leaders := []int{}
	for _, partition := range topic.Partitions {
		leaders = append(leaders, partition.Leader.ID)
	}
	return driving.Result{"partitions": len(leaders), "leaders": leaders}, topic.Error
}

func growTopic(ctx context.Context, client *kafka.Client, args driving.Admin) (driving.Result, error) {
	growth := kafka.TopicPartitionsConfig{Name: args.Topic, Count: args.Partitions}
	answer, err := client.CreatePartitions(ctx, &kafka.CreatePartitionsRequest{Topics: []kafka.TopicPartitionsConfig{growth}})
	if err != nil {
		return nil, err
	}
	return nil, answer.Errors[args.Topic]
}

func getConfigs(ctx context.Context, client *kafka.Client, args driving.Admin) (driving.Result, error) {
	resource := kafka.DescribeConfigRequestResource{ResourceType: kafka.ResourceTypeTopic, ResourceName: args.Topic}
	answer, err := client.DescribeConfigs(ctx, &kafka.DescribeConfigsRequest{
		Resources: []kafka.DescribeConfigRequestResource{resource},
	})
	if err != nil {
		return nil, err
	}
	configs := make(map[string]string)
	for _, entry := range answer.Resources[0].ConfigEntries {
		configs[entry.ConfigName] = entry.ConfigValue
	}
	return driving.Result{"configs": configs}, answer.Resources[0].Error
}

func setConfig(ctx context.Context, client *kafka.Client, args driving.Admin) (driving.Result, error) {
	change := kafka.IncrementalAlterConfigsRequestConfig{
		Name: args.Name, Value: args.Value, ConfigOperation: kafka.ConfigOperationSet,
	}
	answer, err := client.IncrementalAlterConfigs(ctx, &kafka.IncrementalAlterConfigsRequest{
		Resources: []kafka.IncrementalAlterConfigsRequestResource{{
			ResourceType: kafka.ResourceTypeTopic, ResourceName: args.Topic,
			Configs: []kafka.IncrementalAlterConfigsRequestConfig{change},
		}},
	})
	if err != nil {
		return nil, err
	}
	return nil, answer.Resources[0].Error
}

func listGroups(ctx context.Context, client *kafka.Client, _ driving.Admin) (driving.Result, error) {
	answer, err := client.ListGroups(ctx, &kafka.ListGroupsRequest{})
	if err != nil {
		return nil, err
	}
	groups := []string{}
	for _, group := range answer.Groups {
		groups = append(groups, group.GroupID)
	}
	return driving.Result{"groups": groups}, answer.Error
}

func describeGroup(ctx context.Context, client *kafka.Client, args driving.Admin) (driving.Result, error) {
	answer, err := client.DescribeGroups(ctx, &kafka.DescribeGroupsRequest{GroupIDs: []string{args.Group}})
	if err != nil {
		return nil, err
	}
	group := answer.Groups[0]
	return driving.Result{"state": group.GroupState, "members": len(group.Members)}, group.Error
}

func deleteGroup(ctx context.Context, client *kafka.Client, args driving.Admin) (driving.Result, error) {
	answer, err := client.DeleteGroups(ctx, &kafka.DeleteGroupsRequest{GroupIDs: []string{args.Group}})
	if err != nil {
		return nil, err
	}
	return nil, answer.Errors[args.Group]
}

// noGeneration is the generation of a commit by someone who is no member.
const noGeneration = -1

func resetGroup(ctx context.Context, client *kafka.Client, args driving.Admin) (driving.Result, error) {
	position := kafka.OffsetCommit{Partition: int(args.Partition), Offset: args.Offset}
	answer, err := client.OffsetCommit(ctx, &kafka.OffsetCommitRequest{
		GroupID: args.Group, GenerationID: noGeneration, Topics: map[string][]kafka.OffsetCommit{args.Topic: {position}},
	})
	if err != nil {
		return nil, err
	}
	for _, partition := range answer.Topics[args.Topic] {
		err = errors.Join(err, partition.Error)
	}
	return nil, err
}

func listOffsets(s *driving.Session, args driving.ListOffsets) (int64, error) {
	at, err := args.Timestamp()
	if err != nil {
		return 0, err
	}
	return offsetAt(s, args.Common, args.Topic, args.Partition, at)
}

// offsetAt is the offset of a timestamp of Kafka's, which the library's are too; -1 when there is none.
func offsetAt(s *driving.Session, common driving.Common, topic string, partition int32, at int64) (int64, error) {
	client, err := newClient(s, common)
	if err != nil {
		return 0, err
	}
	question := kafka.OffsetRequest{Partition: int(partition), Timestamp: at}
	answer, err := client.ListOffsets(context.Background(), &kafka.ListOffsetsRequest{
		Topics: map[string][]kafka.OffsetRequest{topic: {question}},
	})
	if err != nil {
		return 0, err
	}
	if len(answer.Topics[topic]) == 0 {
		return 0, fmt.Errorf("no answer about %s-%d", topic, partition)
	}
	found := answer.Topics[topic][0]
	switch at {
	case driving.Earliest:
		return found.FirstOffset, found.Error
	case driving.Latest:
		return found.LastOffset, found.Error
	}
	for offset := range found.Offsets {
		return offset, found.Error
	}
	return -1, found.Error
}

func committed(s *driving.Session, args driving.Committed) ([]driving.Commit, error) {
	client, err := newClient(s, args.Common)
	if err != nil {
		return nil, err
	}
	partitions := []int{}
	for _, partition := range args.Partitions {
		partitions = append(partitions, int(partition))
	}
	answer, err := client.OffsetFetch(context.Background(), &kafka.OffsetFetchRequest{
		GroupID: args.Group, Topics: map[string][]int{args.Topic: partitions},
	})
	if err == nil {
		err = answer.Error
	}
	if err != nil {
		return nil, err
	}
	var commits []driving.Commit
	for _, partition := range answer.Topics[args.Topic] {
		if partition.Error != nil {
			return commits, partition.Error
		}
		commits = append(commits, driving.Commit{
			Partition: int32(partition.Partition), Offset: partition.CommittedOffset, Metadata: partition.Metadata,
		})
	}
	return commits, nil
}
