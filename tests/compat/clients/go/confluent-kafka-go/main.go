// The matrix's driver of github.com/confluentinc/confluent-kafka-go, which is librdkafka, linked in, for Go.
package main

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"pykbroker/driving"
)

func main() {
	driving.Driver{
		Client: "confluent-kafka-go",
		Module: "github.com/confluentinc/confluent-kafka-go/v2",
		Library: func() string {
			_, version := kafka.LibraryVersion()
			return "librdkafka " + version
		},
		Can: []string{
			"none", "gzip", "snappy", "lz4", "zstd",
			"headers", "null-headers", "null-keys", "empty-keys", "tombstones", "timestamps", "acks", "reports-offsets",
			"idempotence", "transactions", "seek", "seek-time", "offset-reset-none",
			"group", "range", "roundrobin", "cooperative-sticky",
			"static", "regex", "auto-commit", "manual-commit", "commit-metadata", "consumer-protocol",
			"sasl-plain", "sasl-scram", "tls",
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

// errorName translates the library's codes: positive ones are the broker's, negative ones its own, of which some stand for an
// error of the broker's that the text names or that it found before asking.
func errorName(err error) string {
	var known kafka.Error
	if !errors.As(err, &known) {
		return ""
	}
	switch code := known.Code(); {
	case code == kafka.ErrUnknownTopic || code == kafka.ErrUnknownPartition:
		return "UNKNOWN_TOPIC_OR_PARTITION"
	case code == kafka.ErrAutoOffsetReset && strings.Contains(known.Error(), kafka.ErrOffsetOutOfRange.String()):
		return "OFFSET_OUT_OF_RANGE"
	case code < 0:
		return code.String()
	default:
		return driving.ErrorName(int(code))
	}
}

// settings are the library's own, for a verb: the given pairs, and last those of its `config`.
func settings(s *driving.Session, common driving.Common, pairs kafka.ConfigMap) (*kafka.ConfigMap, error) {
	pairs["bootstrap.servers"] = s.Bootstrap
	if how := common.Security; how != nil {
		pairs["security.protocol"] = how.Protocol
		if how.SASL() {
			pairs["sasl.mechanism"] = how.Mechanism
			pairs["sasl.username"] = how.Username
			pairs["sasl.password"] = how.Password
		}
		if how.CA != "" {
			pairs["ssl.ca.location"] = how.CA
		}
	}
	var extra map[string]json.RawMessage
	if err := common.Configure(&extra); err != nil {
		return nil, err
	}
	for name, value := range extra {
		pairs[name] = strings.Trim(string(value), `"`)
	}
	return &pairs, nil
}

// codeOf is an error for a code that says so, and nil otherwise: the library's results have an Error in any case.
func codeOf(err kafka.Error) error {
	if err.Code() == kafka.ErrNoError {
		return nil
	}
	return err
}
