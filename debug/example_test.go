package debug_test

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/typedmem/typedmem/debug"
	"github.com/typedmem/typedmem/options"
)

func ExampleHandler() {
	orders, err := options.New(1 << 20).WithName("orders").MapMut()
	if err != nil {
		log.Fatal(err)
	}
	defer orders.Close()
	mux := http.NewServeMux()
	mux.Handle("/debug/typedmem", debug.Handler())
	server := httptest.NewServer(mux)
	defer server.Close()

	answer, err := http.Get(server.URL + "/debug/typedmem?format=json")
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	var report struct {
		Mappings []struct {
			Name string
			Len  int
		}
	}
	if err := json.NewDecoder(answer.Body).Decode(&report); err != nil {
		log.Fatal(err)
	}
	for _, m := range report.Mappings {
		fmt.Println(m.Name, m.Len)
	}
	// Output: orders 1048576
}
