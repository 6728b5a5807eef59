package verify

import (
	"bufio"
	"io"
)

const blobMagic = "\x89TMBLOB\n"

// checkBlobs checks the blobs of a region of bytes that begins as a blob file does.
func (c *file) checkBlobs() error {
	r := bufio.NewReaderSize(io.NewSectionReader(c.f, block, int64(min(c.length, 1<<62))), 1<<20)
	start := make([]byte, 16)
	if n, err := io.ReadFull(r, start); n < 8 || string(start[:8]) != blobMagic {
		return readError(err)
	} else if err != nil {
		c.Kind = "blob"
		c.wrong("the blobs begin with %d bytes, their magic number and key have 16", n)
		return readError(err)
	}
	c.Kind, c.Len = "blob", 0
	key := le.Uint64(start[8:])
	if key == 0 {
		c.wrong("the key of the blobs is 0")
	}
	word := make([]byte, 8)
	for at := uint64(16); at < c.length; {
		if c.length-at < 8 {
			c.wrong("byte %d of the data: the last %d bytes are no blob: the file was cut off", at, c.length-at)
			return nil
		}
		if _, err := io.ReadFull(r, word); err != nil {
			return c.cutBlob(at, err)
		}
		w := le.Uint64(word)
		n := w & (1<<36 - 1)
		if n == 0 {
			c.wrong("byte %d of the data: a blob of no bytes", at)
			return nil // where the next one begins is not known
		}
		filled := (n + 7) / 8 * 8
		if filled > c.length-at-8 {
			c.wrong("byte %d of the data: a blob of %d bytes ends after the data, which has %d", at, n, c.length)
			return nil
		}
		s := mix(mix(key+at) + n)
		for left := n; left > 0; {
			if _, err := io.ReadFull(r, word); err != nil {
				return c.cutBlob(at, err)
			}
			if left < 8 && firstNonZero(word[left:]) >= 0 {
				c.wrong("byte %d of the data: the blob of %d bytes is not followed by zeros", at, n)
				clear(word[left:])
			}
			s = (s ^ le.Uint64(word)) * 0x9E3779B97F4A7C15
			s ^= s >> 32
			left -= min(left, 8)
		}
		if mark := mix(s) >> 36; mark != w>>36 {
			c.wrong("byte %d of the data: the blob of %d bytes has the mark %07x, that of its bytes is %07x", at, n, w>>36, mark)
		}
		c.Len++
		at += 8 + filled
	}
	return nil
}

func (c *file) cutBlob(at uint64, err error) error {
	if err := readError(err); err != nil {
		return err
	}
	c.wrong("byte %d of the data: the file ends inside a blob", at)
	return nil
}

// readError returns an error of reading, nil for the end of the file.
func readError(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return nil
	}
	return err
}
