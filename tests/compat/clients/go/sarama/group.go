package main

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"pykbroker/driving"
)

var strategies = map[string]func() sarama.BalanceStrategy{
	"range":              sarama.NewBalanceStrategyRange,
	"roundrobin":         sarama.NewBalanceStrategyRoundRobin,
	"sticky":             sarama.NewBalanceStrategySticky,
	"cooperative-sticky": sarama.NewBalanceStrategyCooperativeSticky,
}

// rejoinPause is how long a member waits after an error before it joins again.
const rejoinPause = 200 * time.Millisecond

// The library tells of a commit that failed only in its stream of errors, a moment later, and what was marked stays so: its
// users commit again.
const (
	commitAttempts   = 5
	commitErrorPause = 100 * time.Millisecond
)

func group(s *driving.Session, args driving.Group) error {
	strategy, known := strategies[args.Assignor]
	initial, some := resets[args.Reset]
	switch {
	case args.Pattern != "":
		return driving.Unsupported("subscription by a pattern")
	case args.Protocol != "classic":
		return driving.Unsupported("the group protocol " + args.Protocol)
	case args.Assignor != "" && !known:
		return driving.Unsupported("the assignor " + args.Assignor)
	case !some:
		return driving.Unsupported("a group without a reset policy")
	}
	config, err := configure(args.Common, func(config *sarama.Config) {
		config.Metadata.RefreshFrequency = args.Metadata()
		config.Consumer.Return.Errors = true
		config.Consumer.Offsets.Initial = initial
		config.Consumer.Offsets.AutoCommit.Enable = args.AutoCommit
		config.Consumer.Offsets.AutoCommit.Interval = driving.AutoCommitInterval
		config.Consumer.Group.Session.Timeout = args.SessionTimeout()
		config.Consumer.Group.Heartbeat.Interval = args.Heartbeat()
		config.Consumer.Group.InstanceId = args.Instance
		if strategy != nil {
			config.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{strategy()}
		}
		isolate(config, args.Isolation)
	})
	if err != nil {
		return err
	}
	consumers, err := sarama.NewConsumerGroup([]string{s.Bootstrap}, args.Group, config)
	if err != nil {
		return err
	}
	m := &member{
		driver: s, consumers: consumers, autoCommit: args.AutoCommit,
		messages: make(chan *sarama.ConsumerMessage), ends: make(chan error, 1),
		claims: make(map[driving.TopicPartition]bool), positions: make(map[driving.TopicPartition]int64),
	}
	ctx, leave := context.WithCancel(context.Background())
	var stayed sync.WaitGroup
	stayed.Go(func() { m.stay(ctx, args.Topics) })
	err = s.Live(m.next, m.commit)
	leave()
	stayed.Wait()
	return errors.Join(err, consumers.Close())
}

// member is the library's handler of a member's sessions, and what the commands need to know of the latest.
type member struct {
	driver     *driving.Session
	consumers  sarama.ConsumerGroup
	autoCommit bool
	messages   chan *sarama.ConsumerMessage
	ends       chan error

	lock      sync.Mutex
	session   sarama.ConsumerGroupSession
	claims    map[driving.TopicPartition]bool
	positions map[driving.TopicPartition]int64 // after what was printed
}

// stay joins the group, again whenever a session ends, until the context does.
func (m *member) stay(ctx context.Context, topics []string) {
	for ctx.Err() == nil {
		err := m.consumers.Consume(ctx, topics, m)
		if isFinal(err) {
			m.ends <- err
			return
		}
		if err != nil {
			m.driver.Log(err)
			time.Sleep(rejoinPause)
		}
	}
}

// isFinal says whether joining again cannot help.
func isFinal(err error) bool {
	for _, final := range []error{
		sarama.ErrFencedInstancedId, sarama.ErrInvalidSessionTimeout, sarama.ErrInconsistentGroupProtocol,
		sarama.ErrInvalidGroupId, sarama.ErrGroupAuthorizationFailed, sarama.ErrTopicAuthorizationFailed,
	} {
		if errors.Is(err, final) {
			return true
		}
	}
	return false
}

// Setup starts a session; the library calls it.
func (m *member) Setup(session sarama.ConsumerGroupSession) error {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.session = session
	clear(m.claims)
	clear(m.positions)
	for _, claim := range driving.Pairs(session.Claims()) {
		m.claims[claim] = true
	}
	m.driver.Owned(m.owned())
	return nil
}

// Cleanup ends a session; the library calls it.
func (m *member) Cleanup(sarama.ConsumerGroupSession) error { return nil }

// ConsumeClaim passes a claim's messages on until the claim ends; the library calls it. In the cooperative protocol claims
// come and go within a session.
func (m *member) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	place := driving.TopicPartition{Topic: claim.Topic(), Partition: claim.Partition()}
	m.claim(place, true)
	defer m.claim(place, false)
	for {
		select {
		case message, more := <-claim.Messages():
			if !more {
				return nil
			}
			select {
			case m.messages <- message:
			case <-session.Context().Done():
				return nil
			}
		case <-session.Context().Done():
			return nil
		}
	}
}

func (m *member) claim(place driving.TopicPartition, isOurs bool) {
	m.lock.Lock()
	defer m.lock.Unlock()
	if m.claims[place] == isOurs {
		return
	}
	delete(m.positions, place)
	if isOurs {
		m.claims[place] = true
	} else {
		delete(m.claims, place)
	}
	m.driver.Owned(m.owned())
}

func (m *member) owned() []driving.TopicPartition {
	return slices.AppendSeq([]driving.TopicPartition{}, maps.Keys(m.claims))
}

func (m *member) next(wait time.Duration) ([]driving.Received, error) {
	select {
	case message := <-m.messages:
		m.lock.Lock()
		defer m.lock.Unlock()
		m.positions[driving.TopicPartition{Topic: message.Topic, Partition: message.Partition}] = message.Offset + 1
		if m.autoCommit {
			m.session.MarkMessage(message, "")
		}
		return []driving.Received{received(message)}, nil
	case err := <-m.consumers.Errors():
		m.driver.Log(err)
		return nil, nil
	case err := <-m.ends:
		return nil, err
	case <-time.After(wait):
		return nil, nil
	}
}

func (m *member) commit(metadata *string) error {
	m.lock.Lock()
	defer m.lock.Unlock()
	if m.session == nil {
		return nil
	}
	note := ""
	if metadata != nil {
		note = *metadata
	}
	for place, position := range m.positions {
		m.session.MarkOffset(place.Topic, place.Partition, position, note)
	}
	var err error
	for range commitAttempts {
		m.session.Commit()
		select {
		case err = <-m.consumers.Errors():
			m.driver.Log(err)
		case <-time.After(commitErrorPause):
			return nil
		}
	}
	return err
}
