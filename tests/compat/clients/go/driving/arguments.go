package driving

import (
	"encoding/json"
	"fmt"
	"iter"
	"strings"
	"time"
)

const (
	timeoutMs      = 30_000
	groupTimeoutMs = 120_000
)

// Common is what every verb takes.
type Common struct {
	TimeoutMs int64           `json:"timeout_ms"`
	Config    json.RawMessage `json:"config"`   // settings by the library's own names; empty when there are none
	Security  *Security       `json:"security"` // nil for a plain connection
}

func (c Common) timeout() time.Duration {
	if c.TimeoutMs == 0 {
		return timeoutMs * time.Millisecond
	}
	return time.Duration(c.TimeoutMs) * time.Millisecond
}

// Configure sets the configuration of a library whose settings are a struct's fields.
func (c Common) Configure(settings any) error {
	if len(c.Config) == 0 {
		return nil
	}
	return json.Unmarshal(c.Config, settings)
}

// Header is one header; in JSON a pair.
type Header struct {
	Name  string
	Value []byte
}

// UnmarshalJSON reads `[name, value]`.
func (h *Header) UnmarshalJSON(text []byte) error {
	return json.Unmarshal(text, &[]any{&h.Name, &h.Value})
}

// MarshalJSON writes `[name, value]`.
func (h Header) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{h.Name, h.Value})
}

// Record is one record to produce. A nil key or value is Kafka's null.
type Record struct {
	Key       []byte   `json:"key"`
	Value     []byte   `json:"value"`
	Headers   []Header `json:"headers"`
	Timestamp *int64   `json:"timestamp"`
	Partition *int32   `json:"partition"` // nil: the library chooses
}

// Time is the record's time; the zero time when the library is to take its own.
func (r Record) Time() time.Time {
	if r.Timestamp == nil {
		return time.Time{}
	}
	return time.UnixMilli(*r.Timestamp)
}

// Produce is the arguments of `produce`.
type Produce struct {
	Common
	Topic           string   `json:"topic"`
	Records         []Record `json:"records"`
	Count           int      `json:"count"`
	Size            int      `json:"size"`
	Partition       *int32   `json:"partition"`
	Codec           string   `json:"codec"`
	Acks            string   `json:"acks"` // "" is the library's default
	Idempotent      bool     `json:"idempotent"`
	MaxBytes        int      `json:"max_bytes"`
	LingerMs        *int64   `json:"linger_ms"`
	PauseMs         int64    `json:"pause_ms"`
	TransactionalID string   `json:"transactional_id"`
	End             string   `json:"end"`
}

func (p Produce) total() int {
	if p.Records != nil {
		return len(p.Records)
	}
	return p.Count
}

// Placed says whether any record is to go to a certain partition.
func (p Produce) Placed() bool {
	for _, record := range p.Records {
		if record.Partition != nil {
			return true
		}
	}
	return p.Partition != nil
}

// all gives the records in order: those listed, or the numbered ones.
func (p Produce) all() iter.Seq2[int, Record] {
	return func(yield func(int, Record) bool) {
		for index := range p.total() {
			record := Record{Partition: p.Partition}
			if p.Records != nil {
				record = p.Records[index]
				if record.Partition == nil {
					record.Partition = p.Partition
				}
			} else {
				number := fmt.Sprintf("%08d", index)
				record.Value = []byte(number + strings.Repeat(".", max(0, p.Size-len(number))))
			}
			if !yield(index, record) {
				return
			}
		}
	}
}

// From is where `consume` starts; exactly one of its fields is set.
type From struct {
	End       bool
	Offset    *int64
	Time      *int64
	Committed string // a group
}

// UnmarshalJSON reads one of `"beginning"`, `"end"`, `{"offset": …}`, `{"time": …}` and `{"committed": …}`.
func (f *From) UnmarshalJSON(text []byte) error {
	var word string
	if json.Unmarshal(text, &word) == nil {
		f.End = word == "end"
		return nil
	}
	var place struct {
		Offset    *int64 `json:"offset"`
		Time      *int64 `json:"time"`
		Committed string `json:"committed"`
	}
	err := json.Unmarshal(text, &place)
	f.Offset, f.Time, f.Committed = place.Offset, place.Time, place.Committed
	return err
}

// Consume is the arguments of `consume`.
type Consume struct {
	Common
	Topic      string  `json:"topic"`
	Partitions []int32 `json:"partitions"`
	From       From    `json:"from"`
	Reset      string  `json:"reset"`
	Count      int     `json:"count"` // 0: as many as come
	Isolation  string  `json:"isolation"`
	MaxBytes   int     `json:"max_bytes"`
	QuietMs    int64   `json:"quiet_ms"`
}

// Group is the arguments of `group`.
type Group struct {
	Common
	Group            string   `json:"group"`
	Topics           []string `json:"topics"`
	Pattern          string   `json:"pattern"`
	Assignor         string   `json:"assignor"`
	Instance         string   `json:"instance"`
	Protocol         string   `json:"protocol"`
	AutoCommit       bool     `json:"auto_commit"`
	Reset            string   `json:"reset"`
	SessionTimeoutMs int64    `json:"session_timeout_ms"`
	HeartbeatMs      int64    `json:"heartbeat_ms"`
	MetadataMs       int64    `json:"metadata_ms"`
	Isolation        string   `json:"isolation"`
}

// AutoCommitInterval is how often a member with auto_commit commits.
const AutoCommitInterval = 200 * time.Millisecond

// SessionTimeout, Heartbeat and Metadata are the durations of a member.
func (g Group) SessionTimeout() time.Duration {
	return time.Duration(g.SessionTimeoutMs) * time.Millisecond
}

// Heartbeat is the interval of heartbeats.
func (g Group) Heartbeat() time.Duration { return time.Duration(g.HeartbeatMs) * time.Millisecond }

// Metadata is the age at which metadata are asked for again.
func (g Group) Metadata() time.Duration { return time.Duration(g.MetadataMs) * time.Millisecond }

// ListOffsets is the arguments of `list-offsets`.
type ListOffsets struct {
	Common
	Topic     string          `json:"topic"`
	Partition int32           `json:"partition"`
	At        json.RawMessage `json:"at"`
}

// Kafka's timestamps that stand for the two ends of a log in ListOffsets.
const (
	Latest   = -1
	Earliest = -2
)

// Timestamp is what to ask for: Earliest, Latest or a time.
func (l ListOffsets) Timestamp() (int64, error) {
	switch string(l.At) {
	case `"earliest"`:
		return Earliest, nil
	case `"latest"`:
		return Latest, nil
	}
	var at int64
	err := json.Unmarshal(l.At, &at)
	return at, err
}

// Committed is the arguments of `committed`.
type Committed struct {
	Common
	Group      string  `json:"group"`
	Topic      string  `json:"topic"`
	Partitions []int32 `json:"partitions"`
}

// Admin is the arguments of `admin`; each action has some of them.
type Admin struct {
	Common
	Do         string            `json:"do"`
	Topic      string            `json:"topic"`
	Partition  int32             `json:"partition"`
	Partitions int32             `json:"partitions"`
	Configs    map[string]string `json:"configs"`
	Before     int64             `json:"before"`
	Name       string            `json:"name"`
	Value      string            `json:"value"`
	Group      string            `json:"group"`
	Offset     int64             `json:"offset"`
}
