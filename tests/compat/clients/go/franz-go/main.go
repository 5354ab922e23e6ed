// The matrix's driver of github.com/twmb/franz-go: pkg/kgo for records and groups, pkg/kadm for everything else.
package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"pykbroker/driving"
)

func main() {
	driving.Driver{
		Client: "franz-go",
		Module: "github.com/twmb/franz-go",
		Can: []string{
			"none", "gzip", "snappy", "lz4", "zstd",
			"headers", "null-headers", "null-keys", "empty-keys", "tombstones", "timestamps", "acks", "reports-offsets",
			"idempotence", "transactions", "seek", "seek-time", "offset-reset-none",
			"group", "range", "roundrobin", "sticky", "cooperative-sticky",
			"static", "regex", "auto-commit", "manual-commit", "commit-metadata",
			"consumer-protocol", "share", "sasl-plain", "sasl-scram", "tls",
		},
		ErrorName:   errorName,
		Produce:     produce,
		Consume:     consume,
		Group:       group,
		ListOffsets: listOffsets,
		Committed:   committed,
		Admin:       actions,
	}.Main()
}

func errorName(err error) string {
	var broker *kerr.Error
	if errors.As(err, &broker) {
		return broker.Message
	}
	return ""
}

// newClient is a client with the verb's options, and last those of its `config`, which has them by their functions' names.
func newClient(s *driving.Session, common driving.Common, options ...kgo.Opt) (*kgo.Client, error) {
	options = append(options, kgo.SeedBrokers(s.Bootstrap))
	login, err := security(common.Security)
	if err != nil {
		return nil, err
	}
	options = append(options, login...)
	var settings map[string]json.RawMessage
	if err := common.Configure(&settings); err != nil {
		return nil, err
	}
	for name, value := range settings {
		option, err := optionNamed(name, value)
		if err != nil {
			return nil, err
		}
		options = append(options, option)
	}
	return kgo.NewClient(options...)
}

func security(how *driving.Security) ([]kgo.Opt, error) {
	var options []kgo.Opt
	if how.SASL() {
		switch how.Mechanism {
		case "PLAIN":
			login := plain.Auth{User: how.Username, Pass: how.Password}
			options = append(options, kgo.SASL(login.AsMechanism()))
		case "SCRAM-SHA-256":
			login := scram.Auth{User: how.Username, Pass: how.Password}
			options = append(options, kgo.SASL(login.AsSha256Mechanism()))
		default:
			return nil, driving.Unsupported(how.Mechanism)
		}
	}
	encryption, err := how.TLS()
	if encryption != nil {
		options = append(options, kgo.DialTLSConfig(encryption))
	}
	return options, err
}

// optionNamed knows the options that scenarios need: a library whose options are functions cannot be told one by its name.
func optionNamed(name string, value json.RawMessage) (kgo.Opt, error) {
	switch name {
	case "AllowAutoTopicCreation":
		return kgo.AllowAutoTopicCreation(), nil
	case "DisableFetchSessions":
		return kgo.DisableFetchSessions(), nil
	case "RecordRetries", "UnknownTopicRetries", "MaxProduceRequestsInflightPerBroker":
		var n int
		if err := json.Unmarshal(value, &n); err != nil {
			return nil, err
		}
		switch name {
		case "RecordRetries":
			return kgo.RecordRetries(n), nil
		case "UnknownTopicRetries":
			return kgo.UnknownTopicRetries(n), nil
		}
		return kgo.MaxProduceRequestsInflightPerBroker(n), nil
	}
	return nil, fmt.Errorf("no option %s", name)
}

// asAdmin calls f with an admin client and closes it.
func asAdmin[R any](s *driving.Session, common driving.Common, f func(*kadm.Client) (R, error)) (R, error) {
	client, err := newClient(s, common)
	if err != nil {
		var none R
		return none, err
	}
	defer client.Close()
	return f(kadm.NewClient(client))
}
