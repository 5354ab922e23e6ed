package main

import (
	"context"
	"errors"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"pykbroker/driving"
)

type action = func(*driving.Session, driving.Admin) (driving.Result, error)

var actions = map[string]action{
	"create-topic":   admin(createTopic),
	"delete-topic":   admin(deleteTopic),
	"describe-topic": admin(describeTopic),
	"grow-topic":     admin(growTopic),
	"delete-records": admin(deleteRecords),
	"get-configs":    admin(getConfigs),
	"set-config":     admin(setConfig),
	"list-groups":    admin(listGroups),
	"describe-group": admin(describeGroup),
	"delete-group":   admin(deleteGroup),
	"reset-group":    admin(resetGroup),
}

func admin(f func(context.Context, *kafka.AdminClient, driving.Admin) (driving.Result, error)) action {
	return func(s *driving.Session, args driving.Admin) (driving.Result, error) {
		client, err := newAdmin(s, args.Common)
		if err != nil {
			return nil, err
		}
		defer client.Close()
		return f(context.Background(), client, args)
	}
}

func newAdmin(s *driving.Session, common driving.Common) (*kafka.AdminClient, error) {
	config, err := settings(s, common, kafka.ConfigMap{})
	if err != nil {
		return nil, err
	}
	return kafka.NewAdminClient(config)
}

func ofTopics(results []kafka.TopicResult, err error) error {
	for _, result := range results {
		err = errors.Join(err, codeOf(result.Error))
	}
	return err
}

func createTopic(ctx context.Context, client *kafka.AdminClient, args driving.Admin) (driving.Result, error) {
	return nil, ofTopics(client.CreateTopics(ctx, []kafka.TopicSpecification{{
		Topic: args.Topic, NumPartitions: int(args.Partitions), ReplicationFactor: -1, Config: args.Configs,
	}}))
}

func deleteTopic(ctx context.Context, client *kafka.AdminClient, args driving.Admin) (driving.Result, error) {
	return nil, ofTopics(client.DeleteTopics(ctx, []string{args.Topic}))
}

func describeTopic(ctx context.Context, client *kafka.AdminClient, args driving.Admin) (driving.Result, error) {
	answer, err := client.DescribeTopics(ctx, kafka.NewTopicCollectionOfTopicNames([]string{args.Topic}))
	if err != nil {
		return nil, err
	}
	topic := answer.TopicDescriptions[0]
	leaders := []int{}
	for _, partition := range topic.Partitions {
		leaders = append(leaders, partition.Leader.ID)
	}
	return driving.Result{"partitions": len(topic.Partitions), "leaders": leaders}, codeOf(topic.Error)
}

func growTopic(ctx context.Context, client *kafka.AdminClient, args driving.Admin) (driving.Result, error) {
	return nil, ofTopics(client.CreatePartitions(ctx, []kafka.PartitionsSpecification{{
		Topic: args.Topic, IncreaseTo: int(args.Partitions),
	}}))
}

func deleteRecords(ctx context.Context, client *kafka.AdminClient, args driving.Admin) (driving.Result, error) {
	answer, err := client.DeleteRecords(ctx, []kafka.TopicPartition{{
		Topic: &args.Topic, Partition: args.Partition, Offset: kafka.Offset(args.Before),
	}})
	if err != nil {
		return nil, err
	}
	deleted := answer.DeleteRecordsResults[0]
	if deleted.TopicPartition.Error != nil {
		return nil, deleted.TopicPartition.Error
	}
	return driving.Result{"low_watermark": deleted.DeletedRecords.LowWatermark}, nil
}

func getConfigs(ctx context.Context, client *kafka.AdminClient, args driving.Admin) (driving.Result, error) {
	answers, err := client.DescribeConfigs(ctx, []kafka.ConfigResource{{Type: kafka.ResourceTopic, Name: args.Topic}})
	if err != nil {
		return nil, err
	}
	configs := make(map[string]string)
	for name, entry := range answers[0].Config {
		configs[name] = entry.Value
	}
	return driving.Result{"configs": configs}, codeOf(answers[0].Error)
}

func setConfig(ctx context.Context, client *kafka.AdminClient, args driving.Admin) (driving.Result, error) {
	entry := kafka.ConfigEntry{Name: args.Name, Value: args.Value, IncrementalOperation: kafka.AlterConfigOpTypeSet}
	answers, err := client.IncrementalAlterConfigs(ctx, []kafka.ConfigResource{{
		Type: kafka.ResourceTopic, Name: args.Topic, Config: []kafka.ConfigEntry{entry},
	}})
	for _, answer := range answers {
		err = errors.Join(err, codeOf(answer.Error))
	}
	return nil, err
}

func listGroups(ctx context.Context, client *kafka.AdminClient, _ driving.Admin) (driving.Result, error) {
	answer, err := client.ListConsumerGroups(ctx)
	groups := []string{}
	for _, group := range answer.Valid {
		groups = append(groups, group.GroupID)
	}
	return driving.Result{"groups": groups}, errors.Join(append(answer.Errors, err)...)
}

func describeGroup(ctx context.Context, client *kafka.AdminClient, args driving.Admin) (driving.Result, error) {
	answer, err := client.DescribeConsumerGroups(ctx, []string{args.Group})
	if err != nil {
		return nil, err
	}
	group := answer.ConsumerGroupDescriptions[0]
	return driving.Result{"state": group.State.String(), "members": len(group.Members)}, codeOf(group.Error)
}

func deleteGroup(ctx context.Context, client *kafka.AdminClient, args driving.Admin) (driving.Result, error) {
	answer, err := client.DeleteConsumerGroups(ctx, []string{args.Group})
	for _, result := range answer.ConsumerGroupResults {
		err = errors.Join(err, codeOf(result.Error))
	}
	return nil, err
}

func resetGroup(ctx context.Context, client *kafka.AdminClient, args driving.Admin) (driving.Result, error) {
	answer, err := client.AlterConsumerGroupOffsets(ctx, []kafka.ConsumerGroupTopicPartitions{{
		Group: args.Group,
		Partitions: []kafka.TopicPartition{
			{Topic: &args.Topic, Partition: args.Partition, Offset: kafka.Offset(args.Offset)},
		},
	}})
	for _, group := range answer.ConsumerGroupsTopicPartitions {
		for _, partition := range group.Partitions {
			err = errors.Join(err, partition.Error)
		}
	}
	return nil, err
}

func listOffsets(s *driving.Session, args driving.ListOffsets) (int64, error) {
	at, err := args.Timestamp()
	if err != nil {
		return 0, err
	}
	client, err := newAdmin(s, args.Common)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	// The library's words for the two ends are Kafka's timestamps.
	asked := map[kafka.TopicPartition]kafka.OffsetSpec{
		{Topic: &args.Topic, Partition: args.Partition}: kafka.NewOffsetSpecForTimestamp(at),
	}
	answer, err := client.ListOffsets(context.Background(), asked)
	for _, listed := range answer.ResultInfos {
		return max(-1, int64(listed.Offset)), errors.Join(err, codeOf(listed.Error))
	}
	return 0, err
}

func committed(s *driving.Session, args driving.Committed) ([]driving.Commit, error) {
	client, err := newAdmin(s, args.Common)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	asked := kafka.ConsumerGroupTopicPartitions{Group: args.Group}
	for _, partition := range args.Partitions {
		asked.Partitions = append(asked.Partitions, kafka.TopicPartition{Topic: &args.Topic, Partition: partition})
	}
	answer, err := client.ListConsumerGroupOffsets(context.Background(), []kafka.ConsumerGroupTopicPartitions{asked})
	if err != nil {
		return nil, err
	}
	var commits []driving.Commit
	for _, partition := range answer.ConsumerGroupsTopicPartitions[0].Partitions {
		if partition.Error != nil {
			return commits, partition.Error
		}
		commit := driving.Commit{Partition: partition.Partition, Offset: max(-1, int64(partition.Offset))}
		if partition.Metadata != nil {
			commit.Metadata = *partition.Metadata
		}
		commits = append(commits, commit)
	}
	return commits, nil
}
