package main

import (
	"github.com/IBM/sarama"
	"github.com/xdg-go/scram"
)

// conversation is the client's side of a SCRAM login, which the library leaves to its users.
type conversation struct{ *scram.ClientConversation }

func newConversation() sarama.SCRAMClient { return &conversation{} }

func (c *conversation) Begin(username, password, authorization string) error {
	client, err := scram.SHA256.NewClient(username, password, authorization)
	if err == nil {
		c.ClientConversation = client.NewConversation()
	}
	return err
}
