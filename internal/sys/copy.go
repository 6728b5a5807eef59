package sys

import (
	"errors"
	"io"
	"os"
)

// CloneRange makes the bytes [off, off+n) of dst share the disk space of the same bytes of src: a
// later write to one of the files does not change the other. off and n are multiples of 64 KiB, so
// of every file system's blocks. dst is made longer where it ends before. What a mapping of src has
// stored counts. Where the files cannot share space it returns an error that wraps
// errors.ErrUnsupported, and n bytes can be copied by [CopyRange].
//   - Linux: FICLONERANGE, on XFS, btrfs and others with reflinks.
//   - Windows: FSCTL_DUPLICATE_EXTENTS_TO_FILE, on ReFS.
func CloneRange(dst, src *os.File, off, n int64) error {
	if err := before(Call{Op: OpCloneRange, File: dst, Offset: off, Len: int(n)}); err != nil {
		return err
	}
	return cloneRange(dst, src, off, n)
}

// CopyRange copies the bytes [off, off+n) of src to the same place in dst, by copy_file_range(2)
// where the system has it, else through a buffer of 1 MiB. If src ends before, the error wraps
// io.ErrUnexpectedEOF.
func CopyRange(dst, src *os.File, off, n int64) error {
	if err := before(Call{Op: OpCopyRange, File: dst, Offset: off, Len: int(n)}); err != nil {
		return err
	}
	done, err := copyRange(dst, src, off, n)
	if Refused(err) {
		return copyBytes(dst, src, off+done, n-done)
	}
	return err
}

// copyBytes is CopyRange through a buffer.
func copyBytes(dst, src *os.File, off, n int64) error {
	buffer := make([]byte, min(n, 1<<20))
	for n > 0 {
		part := buffer[:min(n, int64(len(buffer)))]
		if got, err := src.ReadAt(part, off); got < len(part) {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		if _, err := dst.WriteAt(part, off); err != nil {
			return err
		}
		off, n = off+int64(len(part)), n-int64(len(part))
	}
	return nil
}
