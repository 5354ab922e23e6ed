package driving

import (
	"sync"
	"time"
)

// eventPerRecord is the number of records up to which each has its own `delivered`.
const eventPerRecord = 1000

// Settle tells what became of a record: where it is, or why it is not anywhere. An offset of -1 is one that the library does
// not tell.
type Settle func(partition int32, offset int64, err error)

// Send passes the records of `produce` to the library one after another, flushes, and returns when all are settled. `send`
// returns at once; the library calls `settle` when it knows, from any goroutine. An error of `send` settles its record.
func (s *Session) Send(args Produce, send func(record Record, settle Settle) error, flush func() error) error {
	var open sync.WaitGroup
	var lock sync.Mutex
	delivered, each := 0, args.total() <= eventPerRecord
	for index, record := range args.all() {
		open.Add(1)
		done := make(chan struct{})
		settle := func(partition int32, offset int64, err error) {
			defer open.Done()
			defer close(done)
			if err != nil {
				s.emit(event{"event": "failed", "index": index, "error": s.nameOf(err), "message": err.Error()})
				return
			}
			lock.Lock()
			delivered++
			lock.Unlock()
			if each {
				s.emit(event{"event": "delivered", "index": index, "partition": partition, "offset": offset})
			}
		}
		if err := send(record, settle); err != nil {
			settle(-1, -1, err)
		}
		if args.PauseMs > 0 {
			<-done
			time.Sleep(time.Duration(args.PauseMs) * time.Millisecond)
		}
	}
	if err := flush(); err != nil {
		return err
	}
	open.Wait()
	if !each {
		s.emit(event{"event": "delivered-all", "count": delivered})
	}
	return nil
}
