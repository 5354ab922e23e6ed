package main

import (
	"errors"
	"fmt"

	"github.com/IBM/sarama"

	"pykbroker/driving"
)

type action = func(*driving.Session, driving.Admin) (driving.Result, error)

var actions = map[string]action{
	"create-topic":   admin(createTopic),
	"delete-topic":   admin(deleteTopic),
	"describe-topic": admin(describeTopic),
	"grow-topic":     admin(growTopic),
	"delete-records": deleteRecords,
	"get-configs":    admin(getConfigs),
	"set-config":     admin(setConfig),
	"list-groups":    admin(listGroups),
	"describe-group": admin(describeGroup),
	"delete-group":   admin(deleteGroup),
	"reset-group":    admin(resetGroup),
}

func admin(f func(sarama.ClusterAdmin, driving.Admin) (driving.Result, error)) action {
	return func(s *driving.Session, args driving.Admin) (driving.Result, error) {
		client, err := newAdmin(s, args.Common)
		if err != nil {
			return nil, err
		}
		defer client.Close()
		return f(client, args)
	}
}

func newAdmin(s *driving.Session, common driving.Common) (sarama.ClusterAdmin, error) {
	config, err := configure(common, func(*sarama.Config) {})
	if err != nil {
		return nil, err
	}
	return sarama.NewClusterAdmin([]string{s.Bootstrap}, config)
}

// orNil is an error for a code that says so, and nil otherwise.
func orNil(err sarama.KError) error {
	if err == sarama.ErrNoError {
		return nil
	}
	return err
}

func createTopic(client sarama.ClusterAdmin, args driving.Admin) (driving.Result, error) {
	configs := make(map[string]*string)
	for name, value := range args.Configs {
		configs[name] = &value
	}
	detail := &sarama.TopicDetail{NumPartitions: args.Partitions, ReplicationFactor: -1, ConfigEntries: configs}
	return nil, client.CreateTopic(args.Topic, detail, false)
}

func deleteTopic(client sarama.ClusterAdmin, args driving.Admin) (driving.Result, error) {
	return nil, client.DeleteTopic(args.Topic)
}

func describeTopic(client sarama.ClusterAdmin, args driving.Admin) (driving.Result, error) {
	topics, err := client.DescribeTopics([]string{args.Topic})
	if err != nil {
		return nil, err
	}
	leaders := []int32{}
	for _, partition := range topics[0].Partitions {
		leaders = append(leaders, partition.Leader)
	}
	return driving.Result{"partitions": len(leaders), "leaders": leaders}, orNil(topics[0].Err)
}

func growTopic(client sarama.ClusterAdmin, args driving.Admin) (driving.Result, error) {
	return nil, client.CreatePartitions(args.Topic, args.Partitions, nil, false)
}

// deleteRecords asks for the start of the log afterwards: the library does not pass on what the broker answers.
func deleteRecords(s *driving.Session, args driving.Admin) (driving.Result, error) {
	client, err := newClient(s, args.Common)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	admin, err := sarama.NewClusterAdminFromClient(client)
	if err != nil {
		return nil, err
	}
	if err := admin.DeleteRecords(args.Topic, map[int32]int64{args.Partition: args.Before}); err != nil {
		return nil, err
	}
	start, err := client.GetOffset(args.Topic, args.Partition, sarama.OffsetOldest)
	return driving.Result{"low_watermark": start}, err
}

func getConfigs(client sarama.ClusterAdmin, args driving.Admin) (driving.Result, error) {
	entries, err := client.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: args.Topic})
	configs := make(map[string]string)
	for _, entry := range entries {
		configs[entry.Name] = entry.Value
	}
	return driving.Result{"configs": configs}, err
}

func setConfig(client sarama.ClusterAdmin, args driving.Admin) (driving.Result, error) {
	change := sarama.IncrementalAlterConfigsEntry{Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &args.Value}
	changes := map[string]sarama.IncrementalAlterConfigsEntry{args.Name: change}
	return nil, client.IncrementalAlterConfig(sarama.TopicResource, args.Topic, changes, false)
}

func listGroups(client sarama.ClusterAdmin, _ driving.Admin) (driving.Result, error) {
	groups, err := client.ListConsumerGroups()
	names := []string{}
	for name := range groups {
		names = append(names, name)
	}
	return driving.Result{"groups": names}, err
}

func describeGroup(client sarama.ClusterAdmin, args driving.Admin) (driving.Result, error) {
	groups, err := client.DescribeConsumerGroups([]string{args.Group})
	if err != nil {
		return nil, err
	}
	return driving.Result{"state": groups[0].State, "members": len(groups[0].Members)}, orNil(groups[0].Err)
}

func deleteGroup(client sarama.ClusterAdmin, args driving.Admin) (driving.Result, error) {
	return nil, client.DeleteConsumerGroup(args.Group)
}

func resetGroup(client sarama.ClusterAdmin, args driving.Admin) (driving.Result, error) {
	position := sarama.OffsetAndMetadata{Offset: args.Offset, LeaderEpoch: -1}
	positions := map[string]map[int32]sarama.OffsetAndMetadata{args.Topic: {args.Partition: position}}
	answer, err := client.AlterConsumerGroupOffsets(args.Group, positions, nil)
	if err != nil {
		return nil, err
	}
	for _, partitions := range answer.Errors {
		for _, code := range partitions {
			err = errors.Join(err, orNil(code))
		}
	}
	return nil, err
}

func listOffsets(s *driving.Session, args driving.ListOffsets) (int64, error) {
	at, err := args.Timestamp() // whose two ends are the library's
	if err != nil {
		return 0, err
	}
	client, err := newClient(s, args.Common)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	return client.GetOffset(args.Topic, args.Partition, at)
}

func committed(s *driving.Session, args driving.Committed) ([]driving.Commit, error) {
	client, err := newAdmin(s, args.Common)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	answer, err := client.ListConsumerGroupOffsets(args.Group, map[string][]int32{args.Topic: args.Partitions})
	if err != nil {
		return nil, err
	}
	if err := orNil(answer.Err); err != nil {
		return nil, err
	}
	var commits []driving.Commit
	for _, partition := range args.Partitions {
		block := answer.GetBlock(args.Topic, partition)
		if block == nil {
			return commits, fmt.Errorf("no answer about %s-%d", args.Topic, partition)
		}
		if err := orNil(block.Err); err != nil {
			return commits, err
		}
		commits = append(commits, driving.Commit{Partition: partition, Offset: block.Offset, Metadata: block.Metadata})
	}
	return commits, nil
}
