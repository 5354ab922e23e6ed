package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"pykbroker/driving"
)

var balancers = map[string]kafka.GroupBalancer{
	"range":      kafka.RangeGroupBalancer{},
	"roundrobin": kafka.RoundRobinGroupBalancer{},
}

// rejoinPause is how long a member waits after an error before it asks for a generation again.
const rejoinPause = 200 * time.Millisecond

// group uses the library's ConsumerGroup, which tells what is assigned, unless commits are to be automatic: that is what only
// its Reader does, which does not tell.
func group(s *driving.Session, args driving.Group) error {
	_, known := balancers[args.Assignor]
	_, some := resets[args.Reset]
	switch {
	case args.Pattern != "":
		return driving.Unsupported("subscription by a pattern")
	case args.Protocol != "classic":
		return driving.Unsupported("the group protocol " + args.Protocol)
	case args.Assignor != "" && !known:
		return driving.Unsupported("the assignor " + args.Assignor)
	case args.Instance != "":
		return driving.Unsupported("static members")
	case !some:
		return driving.Unsupported("a group without a reset policy")
	}
	access, err := accessOf(args.Security)
	if err != nil {
		return err
	}
	if args.AutoCommit {
		return readGroup(s, args, access)
	}
	return followGenerations(s, args, access)
}

func assignors(name string) []kafka.GroupBalancer {
	if name == "" {
		return nil
	}
	return []kafka.GroupBalancer{balancers[name]}
}

func readGroup(s *driving.Session, args driving.Group, access access) error {
	config := kafka.ReaderConfig{
		Brokers: []string{s.Bootstrap}, Dialer: access.dialer(), GroupID: args.Group, GroupTopics: args.Topics,
		GroupBalancers: assignors(args.Assignor), HeartbeatInterval: args.Heartbeat(), SessionTimeout: args.SessionTimeout(),
		CommitInterval: driving.AutoCommitInterval, StartOffset: resets[args.Reset], IsolationLevel: isolations[args.Isolation],
		WatchPartitionChanges: true, PartitionWatchInterval: args.Metadata(), ErrorLogger: stderr,
	}
	if err := args.Configure(&config); err != nil {
		return err
	}
	merged := newMerging(s)
	ctx, stop := context.WithCancel(context.Background())
	var followed sync.WaitGroup
	reader := kafka.NewReader(config)
	followed.Go(func() { merged.follow(ctx, reader, args.Reset) })
	err := s.Live(merged.next, func(*string) error { return errors.New("commits are automatic") })
	stop()
	followed.Wait()
	return errors.Join(err, reader.Close())
}

// member is a member of a group with the generation that it is in.
type member struct {
	merging
	args   driving.Group
	access access

	lock       sync.Mutex
	generation *kafka.Generation
	positions  map[string]map[int]int64 // after what was printed
}

func followGenerations(s *driving.Session, args driving.Group, access access) error {
	config := kafka.ConsumerGroupConfig{
		ID: args.Group, Brokers: []string{s.Bootstrap}, Dialer: access.dialer(), Topics: args.Topics,
		GroupBalancers: assignors(args.Assignor), HeartbeatInterval: args.Heartbeat(), SessionTimeout: args.SessionTimeout(),
		StartOffset: resets[args.Reset], WatchPartitionChanges: true, PartitionWatchInterval: args.Metadata(), ErrorLogger: stderr,
	}
	if err := args.Configure(&config); err != nil {
		return err
	}
	consumers, err := kafka.NewConsumerGroup(config)
	if err != nil {
		return err
	}
	m := &member{merging: newMerging(s), args: args, access: access}
	var stayed sync.WaitGroup
	stayed.Go(func() { m.stay(consumers) })
	err = s.Live(m.next, m.commit)
	err = errors.Join(err, consumers.Close())
	stayed.Wait()
	return err
}

// stay takes part in one generation after another until the group is closed.
func (m *member) stay(consumers *kafka.ConsumerGroup) {
	for {
		generation, err := consumers.Next(context.Background())
		switch {
		case errors.Is(err, kafka.ErrGroupClosed):
			return
		case err != nil:
			m.session.Log(err)
			time.Sleep(rejoinPause)
		default:
			m.take(generation)
		}
	}
}

// take reads what a generation assigns for as long as it lasts.
func (m *member) take(generation *kafka.Generation) {
	m.lock.Lock()
	m.generation, m.positions = generation, make(map[string]map[int]int64)
	m.lock.Unlock()
	owned := []driving.TopicPartition{}
	for topic, assignments := range generation.Assignments {
		for _, assignment := range assignments {
			owned = append(owned, driving.TopicPartition{Topic: topic, Partition: int32(assignment.ID)})
			generation.Start(func(ctx context.Context) { m.read(ctx, topic, assignment) })
		}
	}
	m.session.Owned(owned)
	generation.Start(func(ctx context.Context) {
		<-ctx.Done()
		m.session.Owned([]driving.TopicPartition{})
	})
}

func (m *member) read(ctx context.Context, topic string, assignment kafka.PartitionAssignment) {
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers: []string{m.session.Bootstrap}, Dialer: m.access.dialer(), Topic: topic, Partition: assignment.ID,
		IsolationLevel: isolations[m.args.Isolation], OffsetOutOfRangeError: true, ErrorLogger: stderr,
	})
	// Closing waits for the fetch that is under way, up to 10 s, and meanwhile the member would not join the next generation.
	defer func() { go reader.Close() }()
	if err := reader.SetOffset(assignment.Offset); err != nil {
		m.session.Log(err)
	}
	m.follow(ctx, reader, m.args.Reset)
}

func (m *member) next(wait time.Duration) ([]driving.Received, error) {
	records, err := m.merging.next(wait)
	m.lock.Lock()
	defer m.lock.Unlock()
	for _, record := range records {
		if m.positions[record.Topic] == nil {
			m.positions[record.Topic] = make(map[int]int64)
		}
		m.positions[record.Topic][int(record.Partition)] = record.Offset + 1
	}
	return records, err
}

func (m *member) commit(metadata *string) error {
	if metadata != nil {
		return driving.Unsupported("commit metadata")
	}
	m.lock.Lock()
	defer m.lock.Unlock()
	if len(m.positions) == 0 {
		return nil
	}
	return m.generation.CommitOffsets(m.positions)
}
