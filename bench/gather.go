package main

import (
	"runtime"
)

// store is one way to make records durable: append returns when its record is,
// and is called by many goroutines.
type store interface {
	append() error
	Close() error
}

// committer makes n records durable with one sync.
type committer interface {
	commit(n int) error
	Close() error
}

// The bounds of the ledger's own committer.
const (
	queueSize = 4096
	groupSize = 4096
)

// gathered gives a committer the group commit of the ledger: what queued while
// one sync ran is the next group, and when the disk is free the queue is
// drained until it stops growing.
type gathered struct {
	c     committer
	queue chan *request
	ended chan struct{}
}

// request is one append. err is set before done is closed.
type request struct {
	done chan struct{}
	err  error
}

func gather(c committer) *gathered {
	g := &gathered{c: c, queue: make(chan *request, queueSize), ended: make(chan struct{})}
	go g.loop()
	return g
}

func (g *gathered) append() error {
	req := &request{done: make(chan struct{})}
	g.queue <- req
	<-req.done
	return req.err
}

func (g *gathered) loop() {
	defer close(g.ended)
	var group []*request
	for req := range g.queue {
		group = g.fill(append(group[:0], req))
		err := g.c.commit(len(group))
		for _, req := range group {
			req.err = err
			close(req.done)
		}
	}
}

func (g *gathered) fill(group []*request) []*request {
	for idle := 0; idle < 2 && len(group) < groupSize; {
		select {
		case req, ok := <-g.queue:
			if !ok {
				return group
			}
			group = append(group, req)
			idle = 0
		default:
			idle++
			runtime.Gosched()
		}
	}
	return group
}

// Close must not be called before every append has returned.
func (g *gathered) Close() error {
	close(g.queue)
	<-g.ended
	return g.c.Close()
}
