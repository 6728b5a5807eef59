package testenv

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"testing"
)

// CheckZero calls each exported method of zero values of a type, with zero arguments. What a method
// returns or panics with must wrap want. A method that can return an error must not panic, and
// where v is a pointer it must return one. Where v is a nil pointer, each method but String and
// LogValue must panic as Go does.
func CheckZero(t *testing.T, v any, want error) {
	t.Helper()
	value := reflect.ValueOf(v)
	isNil := value.Kind() == reflect.Pointer && value.IsNil()
	t.Run(fmt.Sprintf("%T nil=%v", v, isNil), func(t *testing.T) {
		if isNil { // the Go runtime tells it by the address of the fault
			FaultAddresses(t)
		}
		checkZero(t, value, isNil, want)
	})
}

func checkZero(t *testing.T, value reflect.Value, isNil bool, want error) {
	v := value.Interface()
	if value.NumMethod() == 0 {
		t.Fatalf("%T has no methods", v)
	}
	for i := range value.NumMethod() {
		name := value.Type().Method(i).Name
		if name == "Format" { // takes a fmt.State
			continue
		}
		method := value.Method(i)
		panicked, err := call(method)
		outs := method.Type().NumOut()
		canFail := outs > 0 && method.Type().Out(outs-1) == reflect.TypeFor[error]()
		_, dereferenced := panicked.(runtime.Error)
		switch prints := name == "String" || name == "LogValue"; {
		case isNil && !prints && !dereferenced:
			t.Errorf("%s of a nil %T returned %v, or panicked with %v", name, v, err, panicked)
		case isNil && !prints:
		case canFail && panicked != nil:
			t.Errorf("%s of the zero %T panicked with %v instead of returning an error", name, v, panicked)
		case canFail && err == nil && value.Kind() == reflect.Pointer:
			t.Errorf("%s of the zero %T returned no error, want %v", name, v, want)
		case panicked != nil:
			if err, ok := panicked.(error); !ok || dereferenced || !errors.Is(err, want) {
				t.Errorf("%s of the zero %T panicked with %v, want %v", name, v, panicked, want)
			}
		case err != nil && !errors.Is(err, want):
			t.Errorf("%s of the zero %T returned %v, want %v", name, v, err, want)
		}
	}
}

// call calls a method with zero arguments and ranges over the iterators that come back.
func call(method reflect.Value) (panicked any, err error) {
	defer func() { panicked = recover() }()
	typ := method.Type()
	var args []reflect.Value
	for i := range typ.NumIn() {
		if !typ.IsVariadic() || i < typ.NumIn()-1 {
			args = append(args, argument(typ.In(i)))
		}
	}
	for _, result := range method.Call(args) {
		if e, ok := result.Interface().(error); ok {
			err = e
		}
		if result.Type().CanSeq() && result.Kind() == reflect.Func {
			for range result.Seq() {
			}
		} else if result.Type().CanSeq2() && result.Kind() == reflect.Func {
			for range result.Seq2() {
			}
		}
	}
	return nil, err
}

// argument is the zero value, for a function one that returns zero values.
func argument(typ reflect.Type) reflect.Value {
	if typ.Kind() != reflect.Func {
		return reflect.Zero(typ)
	}
	return reflect.MakeFunc(typ, func([]reflect.Value) (results []reflect.Value) {
		for i := range typ.NumOut() {
			results = append(results, reflect.Zero(typ.Out(i)))
		}
		return results
	})
}
