// The matrix's driver of github.com/IBM/sarama.
package main

import (
	"errors"
	"log"
	"os"

	"github.com/IBM/sarama"

	"pykbroker/driving"
)

func main() {
	sarama.Logger = log.New(os.Stderr, "", log.LstdFlags)
	driving.Driver{
		Client: "sarama",
		Module: "github.com/IBM/sarama",
		Can: []string{
			"none", "gzip", "snappy", "lz4", "zstd",
			"headers", "null-headers", "null-keys", "empty-keys", "tombstones", "timestamps", "acks", "reports-offsets",
			"idempotence", "transactions", "seek", "seek-time", "offset-reset-none",
			"group", "range", "roundrobin", "sticky", "cooperative-sticky",
			"static", "auto-commit", "manual-commit", "commit-metadata",
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
	var broker sarama.KError
	if errors.As(err, &broker) {
		return driving.ErrorName(int(broker))
	}
	return ""
}

// configure makes a configuration: the library's defaults, security, what the verb needs, and last the fields in its `config`.
func configure(common driving.Common, verb func(*sarama.Config)) (*sarama.Config, error) {
	config := sarama.NewConfig()
	how := common.Security
	if how.SASL() {
		config.Net.SASL.Enable = true
		config.Net.SASL.User, config.Net.SASL.Password = how.Username, how.Password
		config.Net.SASL.Mechanism = sarama.SASLMechanism(how.Mechanism)
		config.Net.SASL.SCRAMClientGeneratorFunc = newConversation
	}
	encryption, err := how.TLS()
	if err != nil {
		return nil, err
	}
	config.Net.TLS.Enable, config.Net.TLS.Config = encryption != nil, encryption
	verb(config)
	return config, common.Configure(config)
}

// newClient is a client with the library's defaults.
func newClient(s *driving.Session, common driving.Common) (sarama.Client, error) {
	config, err := configure(common, func(*sarama.Config) {})
	if err != nil {
		return nil, err
	}
	return sarama.NewClient([]string{s.Bootstrap}, config)
}

var isolations = map[string]sarama.IsolationLevel{
	"read_uncommitted": sarama.ReadUncommitted,
	"read_committed":   sarama.ReadCommitted,
}

func isolate(config *sarama.Config, level string) {
	if choice, chosen := isolations[level]; chosen {
		config.Consumer.IsolationLevel = choice
	}
}

func received(message *sarama.ConsumerMessage) driving.Received {
	record := driving.Received{
		Topic: message.Topic, Partition: message.Partition, Offset: message.Offset,
		Timestamp: message.Timestamp.UnixMilli(), Key: message.Key, Value: message.Value,
	}
	for _, header := range message.Headers {
		record.Headers = append(record.Headers, driving.Header{Name: string(header.Key), Value: header.Value})
	}
	return record
}
