// soak BODY URL...: posts the file to each on one connection, and writes the answers.
package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
)

func post(body []byte, url string) error {
	answer, err := http.Post(url, "application/octet-stream", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != 200 {
		return fmt.Errorf("%s", answer.Status)
	}
	_, err = io.Copy(os.Stdout, answer.Body)
	return err
}

func main() {
	body, err := os.ReadFile(os.Args[1])
	for _, url := range os.Args[2:] {
		if err == nil {
			err = post(body, url)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
