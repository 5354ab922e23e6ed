package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pykbroker/driving"
)

var resets = map[string]kgo.Offset{
	"earliest": kgo.NewOffset().AtStart(),
	"latest":   kgo.NewOffset().AtEnd(),
	"none":     kgo.NoResetOffset(),
}

var balancers = map[string]func() kgo.GroupBalancer{
	"range":              kgo.RangeBalancer,
	"roundrobin":         kgo.RoundRobinBalancer,
	"sticky":             kgo.StickyBalancer,
	"cooperative-sticky": kgo.CooperativeStickyBalancer,
}

func consume(s *driving.Session, args driving.Consume) error {
	starts, err := startsOf(s, args)
	if err != nil {
		return err
	}
	options := append(isolation(args.Isolation),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{args.Topic: starts}),
		kgo.ConsumeResetOffset(resets[args.Reset]),
	)
	if args.MaxBytes > 0 {
		options = append(options,
			kgo.FetchMaxBytes(int32(args.MaxBytes)), kgo.FetchMaxPartitionBytes(int32(args.MaxBytes)),
			kgo.BrokerMaxReadBytes(int32(args.MaxBytes+headroomBytes)))
	}
	client, err := newClient(s, args.Common, options...)
	if err != nil {
		return err
	}
	defer client.Close()
	s.Ready()
	return s.Collect(args, func(wait time.Duration) ([]driving.Received, error) { return poll(s, client, wait) })
}

// startsOf is where each partition starts. The library would look up an end or a time by itself, but later and without
// telling when; what a group committed it looks up for members only.
func startsOf(s *driving.Session, args driving.Consume) (map[int32]kgo.Offset, error) {
	return asAdmin(s, args.Common, func(admin *kadm.Client) (map[int32]kgo.Offset, error) {
		starts := make(map[int32]kgo.Offset)
		for _, partition := range args.Partitions {
			start, err := startOf(admin, args, partition)
			if err != nil {
				return nil, err
			}
			starts[partition] = start
		}
		return starts, nil
	})
}

func startOf(admin *kadm.Client, args driving.Consume, partition int32) (kgo.Offset, error) {
	offset := kgo.NewOffset()
	switch from := args.From; {
	case from.End:
		end, err := listed(admin.ListEndOffsets(context.Background(), args.Topic))(args.Topic, partition)
		return offset.At(end.Offset), err
	case from.Offset != nil:
		return offset.At(*from.Offset), nil
	case from.Time != nil:
		return offset.AfterMilli(*from.Time), nil
	case from.Committed != "":
		commits, err := admin.FetchOffsetsForTopics(context.Background(), from.Committed, args.Topic)
		commit, found := commits.Lookup(args.Topic, partition)
		if err != nil || commit.Err != nil {
			return offset, errors.Join(err, commit.Err)
		}
		if !found || commit.At < 0 {
			return resets[args.Reset], nil
		}
		return offset.At(commit.At), nil
	}
	return offset.AtStart(), nil
}

func isolation(level string) []kgo.Opt {
	switch level {
	case "read_committed":
		return []kgo.Opt{kgo.FetchIsolationLevel(kgo.ReadCommitted())}
	case "read_uncommitted":
		return []kgo.Opt{kgo.FetchIsolationLevel(kgo.ReadUncommitted())}
	}
	return nil
}

// passes says whether the library tells of an error but goes on by itself: what it lost, what it will try again.
func passes(err error) bool {
	var loss *kgo.ErrDataLoss
	var system *os.SyscallError
	return errors.As(err, &loss) || errors.As(err, &system) || kgo.IsRetryableBrokerErr(err) || kerr.IsRetriable(err)
}

// poll gives what comes within the time.
func poll(s *driving.Session, client *kgo.Client, wait time.Duration) ([]driving.Received, error) {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	fetches := client.PollFetches(ctx)
	for _, failed := range fetches.Errors() {
		switch err := failed.Err; {
		case errors.Is(err, context.DeadlineExceeded):
		case passes(err):
			s.Log(err)
		default:
			return nil, err
		}
	}
	var records []driving.Received
	fetches.EachRecord(func(r *kgo.Record) {
		record := driving.Received{
			Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Timestamp: r.Timestamp.UnixMilli(),
			Key: r.Key, Value: r.Value,
		}
		for _, header := range r.Headers {
			record.Headers = append(record.Headers, driving.Header{Name: header.Key, Value: header.Value})
		}
		records = append(records, record)
	})
	return records, nil
}

func group(s *driving.Session, args driving.Group) error {
	options, err := memberOptions(s, args)
	if err != nil {
		return err
	}
	client, err := newClient(s, args.Common, options...)
	if err != nil {
		return err
	}
	defer client.Close()
	next := func(wait time.Duration) ([]driving.Received, error) { return poll(s, client, wait) }
	return s.Live(next, func(metadata *string) error { return client.CommitUncommittedOffsets(noted(metadata)) })
}

// noted is a context that puts metadata into the commits made with it.
func noted(metadata *string) context.Context {
	return kgo.PreCommitFnContext(context.Background(), func(request *kmsg.OffsetCommitRequest) error {
		for _, topic := range request.Topics {
			for i := range topic.Partitions {
				if metadata != nil {
					topic.Partitions[i].Metadata = metadata
				}
			}
		}
		return nil
	})
}

func memberOptions(s *driving.Session, args driving.Group) ([]kgo.Opt, error) {
	told := func(tell func([]driving.TopicPartition)) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) { tell(driving.Pairs(partitions)) }
	}
	options := append(isolation(args.Isolation),
		kgo.ConsumeResetOffset(resets[args.Reset]),
		kgo.MetadataMaxAge(args.Metadata()), kgo.MetadataMinAge(min(args.Metadata(), 250*time.Millisecond)),
	)
	if args.Pattern != "" {
		options = append(options, kgo.ConsumeRegex(), kgo.ConsumeTopics("^(?:"+args.Pattern+")$"))
	} else {
		options = append(options, kgo.ConsumeTopics(args.Topics...))
	}
	options = append(options, protocolOptions(args)...)
	if args.Protocol == "share" {
		return options, nil
	}
	options = append(options,
		kgo.SessionTimeout(args.SessionTimeout()), kgo.HeartbeatInterval(args.Heartbeat()),
		kgo.OnPartitionsAssigned(told(s.Assigned)), kgo.OnPartitionsRevoked(told(s.Revoked)), kgo.OnPartitionsLost(told(s.Revoked)),
	)
	if args.Assignor != "" {
		balancer, known := balancers[args.Assignor]
		if !known {
			return nil, driving.Unsupported("the assignor " + args.Assignor)
		}
		options = append(options, kgo.Balancers(balancer()))
	}
	if args.Instance != "" {
		options = append(options, kgo.InstanceID(args.Instance))
	}
	if args.AutoCommit {
		return append(options, kgo.AutoCommitInterval(driving.AutoCommitInterval)), nil
	}
	return append(options, kgo.DisableAutoCommit()), nil
}

// listed looks up one partition in what one of the admin client's ListOffsets gave.
func listed(offsets kadm.ListedOffsets, err error) func(topic string, partition int32) (kadm.ListedOffset, error) {
	return func(topic string, partition int32) (kadm.ListedOffset, error) {
		offset, found := offsets.Lookup(topic, partition)
		switch {
		case err != nil:
			return offset, err
		case !found:
			return offset, fmt.Errorf("no answer about %s-%d", topic, partition)
		}
		return offset, offset.Err
	}
}

// protocolOptions ask for the group and its protocol. KIP-848 is spoken with two of the library's balancers only.
func protocolOptions(args driving.Group) []kgo.Opt {
	switch args.Protocol {
	case "share":
		return []kgo.Opt{kgo.ShareGroup(args.Group)}
	case "consumer":
		options := []kgo.Opt{kgo.ConsumerGroup(args.Group), kgo.ServerSideBalancer()}
		if args.Assignor == "" {
			options = append(options, kgo.Balancers(kgo.StickyBalancer()))
		}
		return options
	}
	return []kgo.Opt{kgo.ConsumerGroup(args.Group)}
}
