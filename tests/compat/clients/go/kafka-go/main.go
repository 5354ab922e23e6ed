// The matrix's driver of github.com/segmentio/kafka-go.
package main

import (
	"crypto/tls"
	"errors"
	"log"
	"os"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"

	"pykbroker/driving"
)

func main() {
	driving.Driver{
		Client: "kafka-go",
		Module: "github.com/segmentio/kafka-go",
		Can: []string{
			"none", "gzip", "snappy", "lz4", "zstd",
			"headers", "timestamps", "acks", "reports-offsets",
			"seek", "seek-time",
			"group", "range", "roundrobin", "auto-commit", "manual-commit",
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

func errorName(err error) string {
	var broker kafka.Error
	if errors.As(err, &broker) {
		return driving.ErrorName(int(broker))
	}
	if errors.As(err, &kafka.MessageTooLargeError{}) {
		return "MESSAGE_TOO_LARGE"
	}
	return ""
}

var stderr = log.New(os.Stderr, "", log.LstdFlags)

// access is how the library connects: it takes the same twice, once for each of its two generations of connections.
type access struct {
	login      sasl.Mechanism
	encryption *tls.Config
}

func accessOf(how *driving.Security) (access, error) {
	encryption, err := how.TLS()
	if err != nil || !how.SASL() {
		return access{encryption: encryption}, err
	}
	switch how.Mechanism {
	case "PLAIN":
		return access{plain.Mechanism{Username: how.Username, Password: how.Password}, encryption}, nil
	case "SCRAM-SHA-256":
		login, err := scram.Mechanism(scram.SHA256, how.Username, how.Password)
		return access{login, encryption}, err
	}
	return access{}, driving.Unsupported(how.Mechanism)
}

func (a access) dialer() *kafka.Dialer {
	dialer := *kafka.DefaultDialer
	dialer.SASLMechanism, dialer.TLS = a.login, a.encryption
	return &dialer
}

func (a access) transport() *kafka.Transport {
	return &kafka.Transport{SASL: a.login, TLS: a.encryption}
}

func newClient(s *driving.Session, common driving.Common) (*kafka.Client, error) {
	access, err := accessOf(common.Security)
	if err != nil {
		return nil, err
	}
	client := &kafka.Client{Addr: kafka.TCP(s.Bootstrap), Transport: access.transport()}
	return client, common.Configure(client)
}
