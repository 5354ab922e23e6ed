package driving

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// ErrTimeout says that a verb's time was up.
var ErrTimeout = errors.New("the time was up")

// Session is the run of one verb: where the broker is, and the events and commands. Its methods may be called from any
// goroutine.
type Session struct {
	Bootstrap string

	stdin     *bufio.Reader
	errorName func(error) string
	lock      sync.Mutex
	out       *json.Encoder
	ended     bool
}

type event map[string]any

// Result is what an admin action has to tell.
type Result map[string]any

// Received is a record that a consumer got.
type Received struct {
	Topic     string
	Partition int32
	Offset    int64
	Timestamp int64
	Key       []byte
	Value     []byte
	Headers   []Header
}

// Commit is a group's position; -1 when there is none.
type Commit struct {
	Partition int32
	Offset    int64
	Metadata  string
}

// TopicPartition is one partition; in JSON a pair.
type TopicPartition struct {
	Topic     string
	Partition int32
}

// MarshalJSON writes `[topic, partition]`.
func (t TopicPartition) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{t.Topic, t.Partition})
}

// Pairs lists the partitions of a map by topic, as most libraries have them.
func Pairs[P int | int32](byTopic map[string][]P) []TopicPartition {
	pairs := []TopicPartition{}
	for topic, partitions := range byTopic {
		for _, partition := range partitions {
			pairs = append(pairs, TopicPartition{topic, int32(partition)})
		}
	}
	return pairs
}

func (s *Session) emit(e event) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.ended {
		return
	}
	if err := s.out.Encode(e); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(statusError)
	}
}

// end prints the last event, after which there is none, and returns the exit status.
func (s *Session) end(err error) int {
	status, last := statusDone, event{"event": "done"}
	var unsupported Unsupported
	switch {
	case errors.As(err, &unsupported):
		status, last = statusUnsupported, event{"event": "unsupported", "what": string(unsupported)}
	case err != nil:
		status, last = statusError, event{"event": "error", "error": s.nameOf(err), "message": err.Error()}
	}
	s.emit(last)
	s.lock.Lock()
	s.ended = true
	s.lock.Unlock()
	return status
}

func (s *Session) nameOf(err error) string {
	if errors.Is(err, ErrTimeout) {
		return "TIMEOUT"
	}
	if name := s.errorName(err); name != "" {
		return name
	}
	return err.Error()
}

// Log prints to stderr what is no event.
func (s *Session) Log(what ...any) { fmt.Fprintln(os.Stderr, what...) }

// Ready tells that the positions to start from are known.
func (s *Session) Ready() { s.emit(event{"event": "ready"}) }

// Record tells of a record.
func (s *Session) Record(r Received) {
	headers := r.Headers
	if headers == nil {
		headers = []Header{}
	}
	s.emit(event{
		"event": "record", "topic": r.Topic, "partition": r.Partition, "offset": r.Offset, "timestamp": r.Timestamp,
		"key": r.Key, "value": r.Value, "headers": headers,
	})
}

// Assigned, Revoked and Owned tell what a rebalance did, as the library's callbacks have it.
func (s *Session) Assigned(partitions []TopicPartition) {
	s.emit(event{"event": "assigned", "partitions": partitions})
}

// Revoked tells of partitions that a rebalance took.
func (s *Session) Revoked(partitions []TopicPartition) {
	s.emit(event{"event": "revoked", "partitions": partitions})
}

// Owned tells of all partitions owned now, where the library has no callbacks for what changed.
func (s *Session) Owned(partitions []TopicPartition) {
	s.emit(event{"event": "owned", "partitions": partitions})
}

// pollWait is how long a library is left waiting for records before its driver looks for a command.
const pollWait = 100 * time.Millisecond

// Collect asks for records until `consume` has as many as it was asked for, or it is quiet for long enough. `next` waits at
// most so long.
func (s *Session) Collect(args Consume, next func(wait time.Duration) ([]Received, error)) error {
	last := time.Now()
	for count := 0; ; {
		records, err := next(pollWait)
		if err != nil {
			return err
		}
		for _, record := range records {
			s.Record(record)
			last = time.Now()
			if count++; count == args.Count {
				return nil
			}
		}
		if args.QuietMs > 0 && time.Since(last).Milliseconds() >= args.QuietMs {
			return nil
		}
	}
}

// Live polls for a member of a group and carries out the commands on stdin, one thing at a time, until it is to stop: what a
// commit covers is what was printed before.
func (s *Session) Live(next func(wait time.Duration) ([]Received, error), commit func(metadata *string) error) error {
	commands := s.commands()
	for {
		select {
		case command, more := <-commands:
			if !more || command.Do == "stop" {
				return nil
			}
			if command.Do == "commit" {
				s.answer(commit(command.Metadata))
			}
		default:
			records, err := next(pollWait)
			if err != nil {
				return err
			}
			for _, record := range records {
				s.Record(record)
			}
		}
	}
}

func (s *Session) answer(commitError error) {
	if commitError != nil {
		s.emit(event{"event": "commit-failed", "error": s.nameOf(commitError), "message": commitError.Error()})
		return
	}
	s.emit(event{"event": "committed"})
}

type command struct {
	Do       string  `json:"do"`
	Metadata *string `json:"metadata"`
}

func (s *Session) commands() <-chan command {
	commands := make(chan command)
	go func() {
		defer close(commands)
		for {
			line, err := s.stdin.ReadBytes('\n')
			if err != nil {
				return
			}
			var c command
			if err := json.Unmarshal(line, &c); err != nil {
				s.Log("command:", err)
				continue
			}
			commands <- c
		}
	}()
	return commands
}
