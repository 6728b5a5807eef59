//go:build linux

package slowfs

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// device is what all files of one file system share: how slow it is, and what was read.
type device struct {
	delay  atomic.Int64 // nanoseconds a page
	pages  atomic.Int64
	writes atomic.Int64
	now    atomic.Int64 // reads under way
	atOnce atomic.Int64 // the most of them

	mu     sync.Mutex
	broken map[page]bool
}

// page is one page of the file at a path below the mount point.
type page struct {
	path   string
	number int64
}

// begin counts a read and returns what ends it.
func (d *device) begin() (end func()) {
	now := d.now.Add(1)
	for most := d.atOnce.Load(); now > most && !d.atOnce.CompareAndSwap(most, now); most = d.atOnce.Load() {
	}
	return func() { d.now.Add(-1) }
}

func (d *device) isBroken(p page) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.broken[p]
}

// node is a file or folder: that of the backing directory, but slow to read.
type node struct {
	fs.LoopbackNode
	dev *device
}

var (
	_ fs.NodeOpener  = (*node)(nil)
	_ fs.NodeCreater = (*node)(nil)
	_ fs.NodeReader  = (*node)(nil)
	_ fs.NodeWriter  = (*node)(nil)
)

// Open keeps what the kernel has cached of the file, so that only drop makes it cold.
func (n *node) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	h, _, errno := n.LoopbackNode.Open(ctx, flags)
	return h, fuse.FOPEN_KEEP_CACHE, errno
}

func (n *node) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	i, h, _, errno := n.LoopbackNode.Create(ctx, name, flags, mode, out)
	return i, h, fuse.FOPEN_KEEP_CACHE, errno
}

// Read takes the delay for each page of the request. A broken page is EIO.
func (n *node) Read(ctx context.Context, h fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	defer n.dev.begin()()
	size := int64(os.Getpagesize())
	first, last := off/size, (off+int64(len(dest))-1)/size
	n.dev.pages.Add(last - first + 1)
	time.Sleep(time.Duration((last - first + 1) * n.dev.delay.Load()))
	for number, path := first, n.Path(nil); number <= last; number++ {
		if n.dev.isBroken(page{path, number}) {
			return nil, syscall.EIO
		}
	}
	r, ok := h.(fs.FileReader)
	if !ok {
		return nil, syscall.EBADF
	}
	return r.Read(ctx, dest, off)
}

// Write is not delayed: devices and page caches take writes and bring them to the medium later.
func (n *node) Write(ctx context.Context, h fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	n.dev.writes.Add(1)
	w, ok := h.(fs.FileWriter)
	if !ok {
		return 0, syscall.EBADF
	}
	return w.Write(ctx, data, off)
}

// mount mounts the files of backing at dir. The kernel reads and writes them one page a request,
// without read-ahead, as many at once as it likes.
func mount(backing, dir string, dev *device) (*fuse.Server, *node, error) {
	var st syscall.Stat_t
	if err := syscall.Stat(backing, &st); err != nil {
		return nil, nil, &os.PathError{Op: "stat", Path: backing, Err: err}
	}
	data := &fs.LoopbackRoot{Path: backing, Dev: uint64(st.Dev)}
	data.NewNode = func(data *fs.LoopbackRoot, _ *fs.Inode, _ string, _ *syscall.Stat_t) fs.InodeEmbedder {
		return &node{LoopbackNode: fs.LoopbackNode{RootData: data}, dev: dev}
	}
	root := &node{LoopbackNode: fs.LoopbackNode{RootData: data}, dev: dev}
	data.RootNode = root
	long := time.Hour // every change comes through the mount, so the kernel may keep what it knows
	size := os.Getpagesize()
	server, err := fs.Mount(dir, root, &fs.Options{
		EntryTimeout: &long, AttrTimeout: &long, NullPermissions: true,
		MountOptions: fuse.MountOptions{
			FsName: "slowfs", Name: "slowfs", DirectMount: true,
			MaxBackground: 1024, CongestionThreshold: 1024, MaxWrite: size, MaxReadAhead: size,
			DisableXAttrs: true, ExplicitDataCacheControl: true, DisabledCapabilities: fuse.CAP_PASSTHROUGH,
		},
	})
	return server, root, err
}

// drop has the kernel forget what it has cached of every file, mapped pages included.
func drop(i *fs.Inode) error {
	var err error
	for _, child := range i.Children() {
		err = errors.Join(err, drop(child))
	}
	if i.IsDir() {
		return err
	}
	if errno := i.NotifyContent(0, 0); errno != 0 && errno != syscall.ENOENT { // ENOENT: the kernel knows nothing of the file
		return errors.Join(err, errno)
	}
	return err
}
