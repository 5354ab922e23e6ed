// Package driving is what the Go drivers of the compatibility matrix share: the arguments of the verbs, the events, and
// the run of a program from its command line to its exit status. ../../README.md says what the verbs mean.
//
// A driver fills in a Driver and calls Main. It never prints and never exits by itself.
package driving

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime/debug"
	"slices"
	"time"
)

// Driver is one client library as the verbs see it. A verb that is nil is one that the library does not have.
type Driver struct {
	Client  string        // the name that the page shows
	Module  string        // the library's module; the build says its version
	Library func() string // what the library is built on, with its version; nil when it is on nothing
	Can     []string      // what it can do beyond the verbs and actions below

	// ErrorName is Kafka's name of an error, or "" when the library does not tell.
	ErrorName func(error) string

	Produce     func(*Session, Produce) error
	Consume     func(*Session, Consume) error
	Group       func(*Session, Group) error
	ListOffsets func(*Session, ListOffsets) (int64, error)
	Committed   func(*Session, Committed) ([]Commit, error)
	Admin       map[string]func(*Session, Admin) (Result, error)
}

// Unsupported is the error of a verb whose library cannot do what was asked; the text says what.
type Unsupported string

func (u Unsupported) Error() string { return "the library cannot do " + string(u) }

// Exit statuses.
const (
	statusDone        = 0
	statusError       = 1
	statusUsage       = 2
	statusUnsupported = 3
)

// Main runs the verb of the command line and ends the process.
func (d Driver) Main() {
	if len(os.Args) < 2 || len(os.Args) < 3 && os.Args[1] != "features" {
		fmt.Fprintln(os.Stderr, "usage: DRIVER VERB BOOTSTRAP")
		os.Exit(statusUsage)
	}
	session := &Session{out: json.NewEncoder(os.Stdout), errorName: d.ErrorName}
	if len(os.Args) > 2 {
		session.Bootstrap = os.Args[2]
	}
	os.Exit(session.end(d.run(session, os.Args[1], bufio.NewReader(os.Stdin))))
}

func (d Driver) run(s *Session, verb string, stdin *bufio.Reader) error {
	s.stdin = stdin
	switch verb {
	case "features":
		s.emit(d.features())
		return nil
	case "produce":
		return carryOut(s, Produce{}, d.Produce)
	case "consume":
		return carryOut(s, Consume{Partitions: []int32{0}, Reset: "earliest"}, d.Consume)
	case "group":
		defaults := Group{Protocol: "classic", Reset: "earliest", SessionTimeoutMs: 6000, HeartbeatMs: 500, MetadataMs: 1000}
		defaults.TimeoutMs = groupTimeoutMs
		return carryOut(s, defaults, d.Group)
	case "list-offsets":
		return carryOut(s, ListOffsets{}, d.listOffsets)
	case "committed":
		return carryOut(s, Committed{Partitions: []int32{0}}, d.committed)
	case "admin":
		return carryOut(s, Admin{}, d.admin)
	}
	return fmt.Errorf("no verb %q", verb)
}

// carryOut reads a verb's arguments over its defaults and calls it, with an end to its time.
func carryOut[A interface{ timeout() time.Duration }](s *Session, args A, verb func(*Session, A) error) error {
	line, err := s.stdin.ReadBytes('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if len(line) > 0 {
		if err := json.Unmarshal(line, &args); err != nil {
			return fmt.Errorf("arguments: %w", err)
		}
	}
	if verb == nil {
		return Unsupported("this verb")
	}
	time.AfterFunc(args.timeout(), func() { os.Exit(s.end(ErrTimeout)) })
	return verb(s, args)
}

func (d Driver) listOffsets(s *Session, args ListOffsets) error {
	if d.ListOffsets == nil {
		return Unsupported("list-offsets")
	}
	offset, err := d.ListOffsets(s, args)
	if err == nil {
		s.emit(event{"event": "offset", "offset": offset})
	}
	return err
}

func (d Driver) committed(s *Session, args Committed) error {
	if d.Committed == nil {
		return Unsupported("committed")
	}
	commits, err := d.Committed(s, args)
	for _, commit := range commits {
		s.emit(event{
			"event": "committed", "partition": commit.Partition, "offset": commit.Offset, "metadata": commit.Metadata,
		})
	}
	return err
}

func (d Driver) admin(s *Session, args Admin) error {
	action := d.Admin[args.Do]
	if action == nil {
		return Unsupported(args.Do)
	}
	result, err := action(s, args)
	if err != nil {
		return err
	}
	answer := event{"event": "result"}
	maps.Copy(answer, result)
	s.emit(answer)
	return nil
}

func (d Driver) features() event {
	can := append(slices.Clone(d.Can), slices.Collect(maps.Keys(d.Admin))...)
	if d.ListOffsets != nil {
		can = append(can, "list-offsets")
	}
	if d.Committed != nil {
		can = append(can, "committed")
	}
	slices.Sort(can)
	library := ""
	if d.Library != nil {
		library = d.Library()
	}
	return event{"event": "features", "client": d.Client, "version": versionOf(d.Module), "library": library, "can": can}
}

// versionOf is the version of a module in this program, from what the linker recorded.
func versionOf(module string) string {
	build, _ := debug.ReadBuildInfo()
	for _, dependency := range build.Deps {
		if dependency.Path == module {
			return dependency.Version[len("v"):]
		}
	}
	return ""
}
