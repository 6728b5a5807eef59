// Package layout walks a type once and says which kind of mapped memory its values may live in, and
// how its fields lie there.
//
// The collector never scans mapped memory, other processes and later runs may write it, and the
// compiler trusts the bytes it finds. Each rule below follows from one of these.
package layout

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
)

// Memory is a kind of memory, from the least demanding to the most.
type Memory uint8

const (
	Anonymous   Memory = iota // seen by this process only, gone with it
	PrivateFile               // filled from a file
	SharedFile                // filled from and written to a file that other processes may map
)

// Leaf is one scalar field, or an array of scalars, at a fixed place in every value.
type Leaf struct {
	Path   string // field names joined by dots; [8:24] stands for 8 elements that lie 24 bytes apart
	Kind   string // as reflect names it, with the length of an array of scalars in front: "[4]float64"; see ordered
	Type   string // the same as Go names it: "region.Bool8" where Kind is "uint8"
	Offset uintptr
	Size   uintptr // bytes, of the whole array
}

// Layout is what a walk of one type found.
type Layout struct {
	Type    reflect.Type
	Size    uintptr // bytes
	Align   uintptr // as Go aligns the type on this platform
	Natural uintptr // the greatest natural alignment of a scalar: the type's on 64-bit platforms
	Leaves  []Leaf
	Atomic  bool // has fields of sync/atomic: raw access only
	Bool    bool // has a bool, for which only the bytes 0 and 1 are valid

	described string // the field list of a file, where the type is not known; see Described

	never     error // why no mapped memory may hold the type
	notInFile error // why no file may
	atomic64  error // why no shared file may, if localAtomics
}

var cache sync.Map // of reflect.Type to *Layout

// Of returns the layout of a type; it walks each type once.
func Of(t reflect.Type) *Layout {
	if l, ok := cache.Load(t); ok {
		return l.(*Layout)
	}
	l := &Layout{Type: t, Size: t.Size(), Align: uintptr(t.Align())}
	if l.Size == 0 {
		l.never = errors.New("has no size")
	}
	l.Natural = l.walk(t, "", 0)
	if l.Natural > 0 && l.Size%l.Natural != 0 {
		note(&l.notInFile, fmt.Errorf("has %d bytes, so that the value after it is not aligned to %d on some platforms: fill it up with _ [%d]byte",
			l.Size, l.Natural, l.Natural-l.Size%l.Natural))
	}
	first, _ := cache.LoadOrStore(t, l)
	return first.(*Layout)
}

// Check returns nil if values of the type may live in memory of the kind. Otherwise the error says
// why not, which field it is, and what to write instead.
func (l *Layout) Check(m Memory) error {
	switch {
	case l.never != nil:
		return fmt.Errorf("%v %w", l.Type, l.never)
	case m != Anonymous && l.notInFile != nil:
		return fmt.Errorf("%v %w", l.Type, l.notInFile)
	case m == SharedFile && l.atomic64 != nil && localAtomics:
		return fmt.Errorf("%v %w", l.Type, l.atomic64)
	}
	return nil
}

// localAtomics says whether 64-bit atomics use locks of the process: see the runtime's atomic
// packages for these architectures.
const localAtomics = runtime.GOARCH == "arm" || runtime.GOARCH == "mips" || runtime.GOARCH == "mipsle"

// note sets a reason of a Layout, unless it has one already.
func note(reason *error, err error) {
	if *reason == nil {
		*reason = err
	}
}

// blame returns why a part of type t at path rules out the whole type. The text goes on after the
// name of the whole type.
func (l *Layout) blame(t reflect.Type, path, wrong string) error {
	name := t.String()
	switch t.Kind() {
	case reflect.Pointer:
		name = "pointer"
	case reflect.Slice, reflect.Map, reflect.Chan, reflect.Func, reflect.Interface:
		name = t.Kind().String()
	}
	switch {
	case path != "":
		return fmt.Errorf("has %s at %s, which %s", article(name), path, wrong)
	case t != l.Type: // of an array
		return fmt.Errorf("has %s in each element, which %s", article(name), wrong)
	case name != t.String():
		return fmt.Errorf("is %s, which %s", article(name), wrong)
	}
	return errors.New(wrong)
}

func article(name string) string {
	if strings.ContainsRune("aeiou", rune(name[0])) && !strings.HasPrefix(name, "ui") {
		return "an " + name
	}
	return "a " + name
}

// walk records the leaves of t, which lies at off, and the reasons against them. It returns the
// natural alignment of t, the greatest of its scalars.
func (l *Layout) walk(t reflect.Type, path string, off uintptr) (natural uintptr) {
	switch pkg := t.PkgPath(); {
	case pkg == "sync" || pkg == "runtime":
		note(&l.never, l.blame(t, path, "is bound to addresses of one process: keep it beside the memory"))
		return 0
	case pkg == "sync/atomic":
		return l.walkAtomic(t, path, off)
	case ordered(t) != "":
		l.Leaves = append(l.Leaves, Leaf{path, ordered(t), t.String(), off, t.Size()})
		return 1
	}
	switch k := t.Kind(); k {
	case reflect.Struct:
		if original := copied(t); original != "" {
			note(&l.never, l.blame(t, path, fmt.Sprintf("is a copy of a sync/atomic type: use %s itself", original)))
			return 0
		}
		return l.walkStruct(t, path, off)
	case reflect.Array:
		return l.walkArray(t, path, off)
	case reflect.Bool:
		l.Bool = true
		note(&l.notInFile, l.blame(t, path, "may be neither 0 nor 1 in a file: write region.Bool8"))
	case reflect.Int, reflect.Uint, reflect.Uintptr:
		name := strings.TrimSuffix(k.String(), "ptr")
		note(&l.notInFile, l.blame(t, path, fmt.Sprintf("differs in size between platforms: write %s64 or %s32", name, name)))
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64,
		reflect.Float32, reflect.Float64, reflect.Complex64, reflect.Complex128:
	case reflect.Pointer:
		note(&l.never, l.blame(t, path, "the collector would not see"+instead))
		return 0
	default:
		note(&l.never, l.blame(t, path, "holds a pointer that the collector would not see"+instead))
		return 0
	}
	return l.scalar(t, path, off)
}

const instead = ": write a fixed-size array, an index or a slab.Handle"

// copied returns the type of sync/atomic of which t is a defined copy, with its fields but without
// its methods; "" for any other type.
func copied(t reflect.Type) string {
	var names []string
	for _, original := range []reflect.Type{
		reflect.TypeFor[atomic.Int32](), reflect.TypeFor[atomic.Int64](), reflect.TypeFor[atomic.Uint32](), reflect.TypeFor[atomic.Uint64](),
		reflect.TypeFor[atomic.Uintptr](), reflect.TypeFor[atomic.Bool](),
	} {
		if t.ConvertibleTo(original) {
			names = append(names, original.String())
		}
	}
	return strings.Join(names, " or ")
}

// scalar records one scalar and returns its natural alignment.
func (l *Layout) scalar(t reflect.Type, path string, off uintptr) uintptr {
	natural := t.Size()
	if k := t.Kind(); k == reflect.Complex64 || k == reflect.Complex128 {
		natural /= 2
	}
	if off%natural != 0 {
		note(&l.notInFile, fmt.Errorf("has %v at %s at byte %d, no multiple of %d, where only 32-bit platforms put it: write _ [%d]byte before it",
			t, path, off, natural, natural-off%natural))
	}
	l.Leaves = append(l.Leaves, Leaf{path, t.Kind().String(), t.String(), off, t.Size()})
	return natural
}

func (l *Layout) walkAtomic(t reflect.Type, path string, off uintptr) uintptr {
	switch t.Name() {
	case "Int32", "Uint32", "Bool", "Int64", "Uint64", "Uintptr":
	default: // Pointer[T], Value
		note(&l.never, l.blame(t, path, "holds a pointer that the collector would not see"))
		return 0
	}
	l.Atomic = true
	if t.Name() == "Uintptr" {
		note(&l.notInFile, l.blame(t, path, "differs in size between platforms: write atomic.Uint64"))
	} else if t.Size() == 8 {
		note(&l.atomic64, l.blame(t, path, fmt.Sprintf("is a 64-bit atomic: on %s these work within one process only", runtime.GOARCH)))
	}
	l.Leaves = append(l.Leaves, Leaf{path, t.String(), t.String(), off, t.Size()})
	return t.Size()
}

func (l *Layout) walkStruct(t reflect.Type, path string, off uintptr) (natural uintptr) {
	end := uintptr(0)
	padding := func(to uintptr, where string) {
		if to > end {
			note(&l.notInFile, fmt.Errorf("has %d bytes of padding after %s, whose contents are undefined: write _ [%d]byte there", to-end, where, to-end))
		}
	}
	var last string
	for i := range t.NumField() {
		f := t.Field(i)
		name := f.Name
		if path != "" {
			name = path + "." + f.Name
		}
		if f.Type.Size() > 0 {
			padding(f.Offset, last)
			end = f.Offset + f.Type.Size()
			last = name
		} else if i == t.NumField()-1 && t.Size() > end { // a _ field before it would only move it
			note(&l.notInFile, fmt.Errorf("has %d bytes of padding after %s, since the last field %s has no size, and Go pads after it: make %s the first field",
				t.Size()-end, last, name, f.Name))
		}
		natural = max(natural, l.walk(f.Type, name, off+f.Offset))
	}
	padding(t.Size(), last)
	return natural
}

func (l *Layout) walkArray(t reflect.Type, path string, off uintptr) (natural uintptr) {
	n, elem := t.Len(), t.Elem()
	if n == 0 || elem.Size() == 0 {
		return 0
	}
	switch k := elem.Kind(); {
	case k == reflect.Array, k == reflect.Struct && ordered(elem) == "":
		at := ""
		if path != "" {
			at = " at " + path
		}
		natural = l.walk(elem, fmt.Sprintf("%s[%d:%d]", path, n, elem.Size()), off)
		if n > 1 && natural > 0 && elem.Size()%natural != 0 {
			note(&l.notInFile, fmt.Errorf("has elements of %d bytes%s, no multiple of their alignment of %d on some platforms: fill %v up with _ [%d]byte",
				elem.Size(), at, natural, elem, natural-elem.Size()%natural))
		}
		return natural
	}
	before := len(l.Leaves)
	natural = l.walk(elem, path, off)
	if len(l.Leaves) > before {
		leaf := &l.Leaves[before]
		leaf.Kind, leaf.Type = fmt.Sprintf("[%d]%s", n, leaf.Kind), fmt.Sprintf("[%d]%s", n, leaf.Type)
		leaf.Size *= uintptr(n)
	}
	return natural
}
