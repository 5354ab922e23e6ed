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

const (
	heartbeatInterval = 20 * time.Millisecond // of members that wait for the others
	retryInterval     = 2 * time.Millisecond
)

// group is what the members know together: in which generation all of them have their assignments.
type group struct {
	id      string
	mutex   sync.Mutex
	size    map[int32]int // generation -> how many members the leader saw
	synced  map[int32]int
	settled map[int32]chan struct{}
}

func newGroup(id string) *group {
	return &group{id: id, size: map[int32]int{}, synced: map[int32]int{}, settled: map[int32]chan struct{}{}}
}

// settledIn returns what is closed when all members have their assignments of a generation.
func (g *group) settledIn(generation int32) chan struct{} {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	return g.channel(generation)
}

func (g *group) channel(generation int32) chan struct{} {
	if g.settled[generation] == nil {
		g.settled[generation] = make(chan struct{})
	}
	return g.settled[generation]
}

// note counts a member that has its assignment; the leader also tells how many members there are.
func (g *group) note(generation int32, size int) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.synced[generation]++
	g.size[generation] += size
	if g.size[generation] == *members && g.synced[generation] == *members {
		close(g.channel(generation))
	}
}

type member struct {
	*connection
	group      *group
	id         string
	leader     bool
	generation int32
}

// rebalance measures a group's forming, and then rebalances of the whole group that its leader starts.
func rebalance() error {
	connections := make([]*connection, *members)
	for i := range connections {
		c, err := dial()
		if err != nil {
			return err
		}
		connections[i] = c
	}
	if err := findCoordinator(connections[0], *topic); err != nil {
		return err
	}
	warmUp := newMembers("warm-up-"+*topic, connections)
	if err := together(warmUp, (*member).settle); err != nil {
		return err
	}
	if _, err := rebalances(warmUp, *count); err != nil {
		return err
	}
	all := newMembers(*topic, connections)
	err := phase("form", func() (result, error) {
		return result{Requests: 1}, together(all, (*member).settle)
	})
	if err != nil {
		return err
	}
	return phase("rebalance", func() (result, error) { return rebalances(all, *count) })
}

func newMembers(id string, connections []*connection) []*member {
	g := newGroup(id)
	all := make([]*member, len(connections))
	for i, c := range connections {
		all[i] = &member{connection: c, group: g}
	}
	return all
}

func rebalances(all []*member, number int) (result, error) {
	r := result{Requests: number}
	for range number {
		start, begun := time.Now(), make(chan struct{})
		err := together(all, func(m *member) error {
			if m.leader {
				return m.rejoin(begun)
			}
			<-begun
			return m.follow()
		})
		if err != nil {
			return r, err
		}
		r.Latencies = append(r.Latencies, time.Since(start))
	}
	return r, nil
}

// together runs a step of all members at once.
func together(all []*member, step func(*member) error) error {
	var running sync.WaitGroup
	failures := make([]error, len(all))
	for i, m := range all {
		running.Go(func() { failures[i] = step(m) })
	}
	running.Wait()
	return errors.Join(failures...)
}

// rejoin starts a rebalance, as a leader does whose topics have changed.
func (m *member) rejoin(begun chan struct{}) error {
	time.AfterFunc(time.Millisecond, func() { close(begun) }) // the broker has the leader's request by then
	return m.settle()
}

// follow takes part in a rebalance that the leader has started: the next heartbeat tells.
func (m *member) follow() error {
	for {
		rebalancing, err := m.heartbeat()
		if err != nil {
			return err
		}
		if rebalancing {
			return m.settle()
		}
		time.Sleep(retryInterval)
	}
}

// settle joins until every member has an assignment in the same generation.
func (m *member) settle() error {
	for {
		if err := m.join(); err != nil {
			return err
		}
		for rebalancing := false; !rebalancing; {
			select {
			case <-m.group.settledIn(m.generation):
				return nil
			case <-time.After(heartbeatInterval):
			}
			var err error
			if rebalancing, err = m.heartbeat(); err != nil {
				return err
			}
		}
	}
}

// join joins and syncs.
func (m *member) join() error {
	request := kmsg.NewPtrJoinGroupRequest()
	request.SetVersion(7)
	request.Group, request.ProtocolType = m.group.id, "consumer"
	request.SessionTimeoutMillis, request.RebalanceTimeoutMillis = 45000, 60000
	protocol := kmsg.NewJoinGroupRequestProtocol()
	protocol.Name, protocol.Metadata = "range", make([]byte, 64)
	request.Protocols = append(request.Protocols, protocol)
	for {
		request.MemberID = m.id
		response, err := request.RequestWith(context.Background(), m)
		if err != nil {
			return err
		}
		m.id = response.MemberID
		switch response.ErrorCode {
		case kerr.MemberIDRequired.Code:
			continue
		case kerr.NotCoordinator.Code, kerr.CoordinatorLoadInProgress.Code: // it has been found, but is not ready
			time.Sleep(retryInterval)
			continue
		}
		if err := kerr.ErrorForCode(response.ErrorCode); err != nil {
			return fmt.Errorf("JoinGroup: %w", err)
		}
		m.generation = response.Generation
		m.leader = response.LeaderID == m.id
		again, err := m.sync(response.Members)
		if err != nil || !again {
			return err
		}
	}
}

// sync gets the member's assignment, which the leader hands out; true if the group rebalances meanwhile.
func (m *member) sync(known []kmsg.JoinGroupResponseMember) (bool, error) {
	request := kmsg.NewPtrSyncGroupRequest()
	request.SetVersion(5)
	request.Group, request.Generation, request.MemberID = m.group.id, m.generation, m.id
	request.ProtocolType, request.Protocol = kmsg.StringPtr("consumer"), kmsg.StringPtr("range")
	for _, each := range known {
		assignment := kmsg.NewSyncGroupRequestGroupAssignment()
		assignment.MemberID, assignment.MemberAssignment = each.MemberID, make([]byte, 64)
		request.GroupAssignment = append(request.GroupAssignment, assignment)
	}
	response, err := request.RequestWith(context.Background(), m)
	if err != nil {
		return false, err
	}
	if response.ErrorCode == kerr.RebalanceInProgress.Code {
		return true, nil
	}
	if err := kerr.ErrorForCode(response.ErrorCode); err != nil {
		return false, fmt.Errorf("SyncGroup: %w", err)
	}
	m.group.note(m.generation, len(known)) // only the leader knows any
	return false, nil
}

// heartbeat returns whether the group rebalances.
func (m *member) heartbeat() (bool, error) {
	request := kmsg.NewPtrHeartbeatRequest()
	request.SetVersion(4)
	request.Group, request.Generation, request.MemberID = m.group.id, m.generation, m.id
	response, err := request.RequestWith(context.Background(), m)
	if err != nil {
		return false, err
	}
	if response.ErrorCode == kerr.RebalanceInProgress.Code {
		return true, nil
	}
	return false, kerr.ErrorForCode(response.ErrorCode)
}
