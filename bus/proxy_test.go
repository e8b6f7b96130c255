package bus_test

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/bus"
)

// proxy is a TCP hop between relay and server. It can hold everything back, and
// cut the connection after a number of bytes from the relay, in the middle of a
// message.
type proxy struct {
	t      testing.TB
	target string
	l      net.Listener
	wg     sync.WaitGroup

	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	budget int           // bytes from the relay until the next cut; negative is no cut
	open   chan struct{} // closed while bytes pass, on connections made from now on
	gates  []*chan struct{}
	cuts   int
}

func newProxy(tb testing.TB, target string) *proxy {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	p := &proxy{t: tb, target: strings.TrimPrefix(target, "nats://"), l: l, conns: map[net.Conn]struct{}{}, budget: -1, open: make(chan struct{})}
	close(p.open)
	p.wg.Go(p.accept)
	tb.Cleanup(func() {
		p.resume()
		require.NoError(tb, l.Close())
		p.cutAll()
		p.wg.Wait()
	})
	return p
}

func (p *proxy) accept() {
	for {
		client, err := p.l.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		p.conns[client], p.conns[server] = struct{}{}, struct{}{}
		p.mu.Unlock()
		gate := new(chan struct{})
		p.mu.Lock()
		*gate = p.open
		p.gates = append(p.gates, gate)
		p.mu.Unlock()
		p.wg.Go(func() { p.copy(server, client, gate, true) })
		p.wg.Go(func() { p.copy(client, server, gate, false) })
	}
}

func (p *proxy) copy(dst, src net.Conn, gate *chan struct{}, fromRelay bool) {
	defer func() { _, _ = dst.Close(), src.Close() }()
	buf := make([]byte, 4096)
	for {
		n, err := src.Read(buf)
		p.mu.Lock()
		open := *gate
		cut := false
		if fromRelay && p.budget >= 0 {
			if cut = n >= p.budget; cut {
				n = p.budget
				p.cuts++
				p.budget = -1
			} else {
				p.budget -= n
			}
		}
		p.mu.Unlock()
		<-open
		if _, werr := dst.Write(buf[:n]); err != nil || werr != nil || cut {
			return
		}
	}
}

func (p *proxy) cutAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
		delete(p.conns, c)
	}
}

func (p *proxy) cutAfter(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.budget = n
}

func (p *proxy) cutCount() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cuts
}

// pause holds back everything, also on connections that are yet to be made.
func (p *proxy) pause() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open = make(chan struct{})
	for _, gate := range p.gates {
		*gate = p.open
	}
}

// hold holds back what is sent on the connections there are, and lets new ones
// pass.
func (p *proxy) hold() {
	p.pause()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open = make(chan struct{})
	close(p.open)
}

// resume lets everything pass, what was held back first.
func (p *proxy) resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, gate := range append(p.gates, &p.open) {
		select {
		case <-*gate:
		default:
			close(*gate)
		}
	}
}

// viaProxy returns a proxy to the server of a plain house and the options of a
// relay that goes through it.
func (h *house) viaProxy() (*proxy, bus.Options) {
	h.t.Helper()
	p := newProxy(h.t, h.server.URL())
	o := h.quick()
	o.Timeout = 500 * time.Millisecond
	o.Connect = func(context.Context) (*nats.Conn, error) {
		return nats.Connect("nats://"+p.l.Addr().String(), append(bus.ConnectOptions("relay", nil),
			nats.Timeout(500*time.Millisecond), nats.FlusherTimeout(500*time.Millisecond))...)
	}
	return p, o
}
