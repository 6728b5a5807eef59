package container

import (
	"os"
	"sync/atomic"
)

// users counts the users of an open file: the File and its mappings, which share one descriptor.
// The last user closes it.
type users struct {
	f *os.File
	n atomic.Int32
}

func (u *users) done() error {
	if u.n.Add(-1) > 0 {
		return nil
	}
	return u.f.Close()
}

// Share adds a user of the open file. done ends the use. The file is closed when c and all users
// are done with it.
func (c *File) Share() (done func() error) {
	if c.users == nil {
		c.users = &users{f: c.f}
		c.users.n.Store(1)
	}
	c.users.n.Add(1)
	return c.users.done
}

// closeFile ends the use by c.
func (c *File) closeFile() error {
	if c.users == nil {
		return c.f.Close()
	}
	return c.users.done()
}
