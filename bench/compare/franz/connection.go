package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const patience = 60 * time.Second

// connection sends requests in the versions that they have been set to, and reads their answers in order.
type connection struct {
	net.Conn
	in        *bufio.Reader
	formatter *kmsg.RequestFormatter
	frame     []byte
	sent      int32
}

func dial() (*connection, error) {
	socket, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", *port), patience)
	if err != nil {
		return nil, err
	}
	formatter := kmsg.NewRequestFormatter(kmsg.FormatterClientID("bench"))
	return &connection{Conn: socket, in: bufio.NewReaderSize(socket, 1<<16), formatter: formatter}, nil
}

func (c *connection) send(request kmsg.Request) error {
	c.sent++
	c.frame = c.formatter.AppendRequest(c.frame[:0], request, c.sent)
	_, err := c.Write(c.frame)
	return err
}

// receive decodes the next answer, which is that to `request`.
func (c *connection) receive(request kmsg.Request) (kmsg.Response, error) {
	var header [8]byte
	c.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.ReadFull(c.in, header[:]); err != nil {
		return nil, err
	}
	body := make([]byte, binary.BigEndian.Uint32(header[:4])-4)
	if _, err := io.ReadFull(c.in, body); err != nil {
		return nil, err
	}
	if request.IsFlexible() {
		body = body[1:] // no tagged fields in the header
	}
	response := request.ResponseKind()
	response.SetVersion(request.GetVersion())
	return response, response.ReadFrom(body)
}

// Request makes a connection a kmsg.Requestor: send, and wait for the answer.
func (c *connection) Request(_ context.Context, request kmsg.Request) (kmsg.Response, error) {
	if err := c.send(request); err != nil {
		return nil, err
	}
	return c.receive(request)
}

// findCoordinator waits until the group's coordinator is there.
func findCoordinator(c *connection, group string) error {
	request := kmsg.NewPtrFindCoordinatorRequest()
	request.SetVersion(3)
	request.CoordinatorKey = group
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		response, err := request.RequestWith(context.Background(), c)
		if err != nil {
			return err
		}
		if response.ErrorCode == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return kerr.ErrorForCode(response.ErrorCode)
		}
	}
}
