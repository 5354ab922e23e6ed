package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"

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

func admin(f func(context.Context, *kadm.Client, driving.Admin) (driving.Result, error)) action {
	return func(s *driving.Session, args driving.Admin) (driving.Result, error) {
		return asAdmin(s, args.Common, func(client *kadm.Client) (driving.Result, error) {
			return f(context.Background(), client, args)
		})
	}
}

func createTopic(ctx context.Context, client *kadm.Client, args driving.Admin) (driving.Result, error) {
	configs := make(map[string]*string)
	for name, value := range args.Configs {
		configs[name] = &value
	}
	answer, err := client.CreateTopic(ctx, args.Partitions, -1, configs, args.Topic)
	return nil, errors.Join(err, answer.Err)
}

func deleteTopic(ctx context.Context, client *kadm.Client, args driving.Admin) (driving.Result, error) {
	answer, err := client.DeleteTopic(ctx, args.Topic)
	return nil, errors.Join(err, answer.Err)
}

func describeTopic(ctx context.Context, client *kadm.Client, args driving.Admin) (driving.Result, error) {
	topics, err := client.ListTopics(ctx, args.Topic)
	topic := topics[args.Topic]
	if err := errors.Join(err, topic.Err); err != nil {
		return nil, err
	}
	leaders := []int32{}
	for _, partition := range topic.Partitions.Sorted() {
		leaders = append(leaders, partition.Leader)
	}
	return driving.Result{"partitions": len(topic.Partitions), "leaders": leaders}, nil
}

func growTopic(ctx context.Context, client *kadm.Client, args driving.Admin) (driving.Result, error) {
	answers, err := client.UpdatePartitions(ctx, int(args.Partitions), args.Topic)
	return nil, errors.Join(err, answers[args.Topic].Err)
}

func deleteRecords(ctx context.Context, client *kadm.Client, args driving.Admin) (driving.Result, error) {
	var offsets kadm.Offsets
	offsets.AddOffset(args.Topic, args.Partition, args.Before, -1)
	answers, err := client.DeleteRecords(ctx, offsets)
	answer, _ := answers.Lookup(args.Topic, args.Partition)
	return driving.Result{"low_watermark": answer.LowWatermark}, errors.Join(err, answer.Err)
}

func getConfigs(ctx context.Context, client *kadm.Client, args driving.Admin) (driving.Result, error) {
	resources, err := client.DescribeTopicConfigs(ctx, args.Topic)
	if err != nil {
		return nil, err
	}
	resource, err := resources.On(args.Topic, nil)
	configs := make(map[string]*string)
	for _, config := range resource.Configs {
		configs[config.Key] = config.Value
	}
	return driving.Result{"configs": configs}, errors.Join(err, resource.Err)
}

func setConfig(ctx context.Context, client *kadm.Client, args driving.Admin) (driving.Result, error) {
	change := kadm.AlterConfig{Op: kadm.SetConfig, Name: args.Name, Value: &args.Value}
	answers, err := client.AlterTopicConfigs(ctx, []kadm.AlterConfig{change}, args.Topic)
	for _, answer := range answers {
		err = errors.Join(err, answer.Err)
	}
	return nil, err
}

func listGroups(ctx context.Context, client *kadm.Client, _ driving.Admin) (driving.Result, error) {
	groups, err := client.ListGroups(ctx)
	return driving.Result{"groups": append([]string{}, groups.Groups()...)}, err
}

func describeGroup(ctx context.Context, client *kadm.Client, args driving.Admin) (driving.Result, error) {
	groups, err := client.DescribeGroups(ctx, args.Group)
	group := groups[args.Group]
	return driving.Result{"state": group.State, "members": len(group.Members)}, errors.Join(err, group.Err)
}

func deleteGroup(ctx context.Context, client *kadm.Client, args driving.Admin) (driving.Result, error) {
	answer, err := client.DeleteGroup(ctx, args.Group)
	return nil, errors.Join(err, answer.Err)
}

func resetGroup(ctx context.Context, client *kadm.Client, args driving.Admin) (driving.Result, error) {
	var offsets kadm.Offsets
	offsets.AddOffset(args.Topic, args.Partition, args.Offset, -1)
	return nil, client.CommitAllOffsets(ctx, args.Group, offsets)
}

// noSuchOffset is the timestamp that the library leaves in place when no record is as young as asked; it then gives the end.
const noSuchOffset = -1

func listOffsets(s *driving.Session, args driving.ListOffsets) (int64, error) {
	at, err := args.Timestamp()
	if err != nil {
		return 0, err
	}
	return asAdmin(s, args.Common, func(client *kadm.Client) (int64, error) {
		ctx := context.Background()
		switch at {
		case driving.Earliest:
			offset, err := listed(client.ListStartOffsets(ctx, args.Topic))(args.Topic, args.Partition)
			return offset.Offset, err
		case driving.Latest:
			offset, err := listed(client.ListEndOffsets(ctx, args.Topic))(args.Topic, args.Partition)
			return offset.Offset, err
		}
		offset, err := listed(client.ListOffsetsAfterMilli(ctx, at, args.Topic))(args.Topic, args.Partition)
		if offset.Timestamp == noSuchOffset {
			return -1, err
		}
		return offset.Offset, err
	})
}

func committed(s *driving.Session, args driving.Committed) ([]driving.Commit, error) {
	return asAdmin(s, args.Common, func(client *kadm.Client) ([]driving.Commit, error) {
		answers, err := client.FetchOffsetsForTopics(context.Background(), args.Group, args.Topic)
		if err != nil {
			return nil, err
		}
		var commits []driving.Commit
		for _, partition := range args.Partitions {
			answer, found := answers.Lookup(args.Topic, partition)
			if !found {
				return commits, fmt.Errorf("no answer about %s-%d", args.Topic, partition)
			}
			if answer.Err != nil {
				return commits, answer.Err
			}
			commits = append(commits, driving.Commit{Partition: partition, Offset: answer.At, Metadata: answer.Metadata})
		}
		return commits, nil
	})
}
