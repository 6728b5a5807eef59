//go:build linux || darwin

package sys

import (
	"encoding/hex"
	"strings"
)

// parseUUID parses a UUID such as 1b4e28ba-2fa1-11d2-883f-b9a761bde3fb, with or without a newline.
func parseUUID(text string) (id [16]byte, ok bool) {
	bytes, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(text), "-", ""))
	if err != nil || len(bytes) != len(id) {
		return id, false
	}
	return [16]byte(bytes), true
}
