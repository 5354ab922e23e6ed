// Command franz is the load for what is awkward in C: groups, commits, topics, and franz-go's own producer and consumer.
//
//	franz rebalance|commits|topics|client -port P [-topic T] [-count N] [-members N] [-connections N] [-depth N]
//
// It keeps to the protocol of the other loads: after the warm-up of each phase it prints "ready" and waits for a line,
// then runs, and prints a line of JSON. Status 1 and a line on stderr tell what went wrong.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"
)

var (
	flags       = flag.NewFlagSet("franz", flag.ExitOnError)
	port        = flags.Int("port", 9092, "the broker's port on 127.0.0.1")
	topic       = flags.String("topic", "bench", "the topic, or what all topics' names begin with")
	count       = flags.Int("count", 1000, "how many records, commits, topics or rebalances")
	members     = flags.Int("members", 100, "members of the group")
	connections = flags.Int("connections", 4, "connections that commit")
	depth       = flags.Int("depth", 5, "commits in flight on each of them")
	partitions  = flags.Int("partitions", 4, "partitions of the topic")
)

var stdin = bufio.NewReader(os.Stdin)

// result is what one phase reports.
type result struct {
	Requests  int
	Bytes     int
	Latencies []time.Duration
}

func main() {
	loads := map[string]func() error{"rebalance": rebalance, "commits": commits, "topics": topics, "client": client}
	if len(os.Args) < 2 || loads[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: franz rebalance|commits|topics|client [flags]")
		os.Exit(2)
	}
	flags.Parse(os.Args[2:])
	if err := loads[os.Args[1]](); err != nil {
		fmt.Fprintln(os.Stderr, "franz:", err)
		os.Exit(1)
	}
}

// phase waits at the gate, runs, and reports.
func phase(name string, run func() (result, error)) error {
	fmt.Println("ready")
	if _, err := stdin.ReadString('\n'); err != nil {
		return fmt.Errorf("nobody opened the gate: %w", err)
	}
	cpu, start := ownCPU(), time.Now()
	result, err := run()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	report := map[string]any{
		"phase": name, "requests": result.Requests, "bytes": result.Bytes,
		"seconds": time.Since(start).Seconds(), "load_cpu_seconds": (ownCPU() - cpu).Seconds(),
	}
	if all := result.Latencies; len(all) > 0 {
		slices.Sort(all)
		for name, quantile := range map[string]float64{"p50_us": 0.5, "p99_us": 0.99, "p999_us": 0.999, "max_us": 1} {
			report[name] = float64(all[int(quantile*float64(len(all)-1))]) / 1e3
		}
	}
	return json.NewEncoder(os.Stdout).Encode(report)
}

func ownCPU() time.Duration {
	var used syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
