package testenv

import (
	"os"
	"runtime"
	"testing"
)

// Differs skips a test that this system or emulator cannot meet. reasons says why for each, by the
// name of the system ("windows"), of the [Emulator] ("qemu-user"), of the emulator and a processor
// ("qemu-user/arm"), or of the emulator "with large pages".
func Differs(t testing.TB, reasons map[string]string) {
	t.Helper()
	places := []string{runtime.GOOS}
	if e := Emulator(); e != "" {
		places = append(places, e, e+"/"+runtime.GOARCH)
		if os.Getpagesize() > 4096 {
			places = append(places, e+" with large pages")
		}
	}
	for _, where := range places {
		if why, ok := reasons[where]; ok {
			t.Skipf("%s: %s", where, why)
		}
	}
}
