package main

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/typedmem/typedmem/region"
)

// A web server sends memory, or parts of it that a browser asks for.
func Example_serveContent() {
	r, err := region.New[byte](19)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	r.View().CopyFrom([]byte("The quick brown fox"))
	handler := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		http.ServeContent(w, req, "fox.txt", time.Time{}, region.NewReader(r.View()))
	})

	req := httptest.NewRequest("GET", "/", nil)
	req.Header.Set("Range", "bytes=4-8")
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, req)
	fmt.Println(answer.Code, answer.Body)
	// Output: 206 quick
}
