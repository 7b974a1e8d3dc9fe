// Go's clients: client MODE makes two plain calls and a streamed one by net/http over HTTP/1.1 (h1)
// or HTTP/2 (h2), or by hand over a crypto/tls connection from the bottom of a deep stack (raw).
// "wait" makes none. "load" and "load2" make 2000 calls of 40 goroutines, each from a stack that grows and shrinks.
package main

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

const path = "/v1/chat/completions"

var url, key, agent = os.Getenv("URL"), os.Getenv("OPENAI_API_KEY"), os.Getenv("AGENT")

func body(prompt string, stream bool) string {
	more := ""
	if stream {
		more = `,"stream":true,"stream_options":{"include_usage":true}`
	}
	return fmt.Sprintf(`{"model":"gpt-4o-mini","messages":[{"role":"user","content":%q}]%s}`,
		prompt, more)
}

func request(text string) (*http.Request, error) {
	r, err := http.NewRequest("POST", url+path, strings.NewReader(text))
	if err == nil {
		r.Header.Set("Authorization", "Bearer "+key)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("User-Agent", agent)
	}
	return r, err
}

func post(client *http.Client, text string, proto int) error {
	r, err := request(text)
	if err != nil {
		return err
	}
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return err
	}
	if answer.StatusCode != 200 || answer.ProtoMajor != proto {
		return errors.New(answer.Status + " by " + answer.Proto)
	}
	return nil
}

// dive calls f from n frames further down: the stack has to grow, and is moved.
func dive(n int, f func() error) error {
	var frame [512]byte
	frame[n%len(frame)] = 1
	if n == 0 {
		return f()
	}
	err := dive(n-1, f)
	frame[0] += frame[n%len(frame)]
	return err
}

func raw() error {
	host := strings.TrimPrefix(url, "https://")
	plain, err := net.Dial("tcp", host+":443")
	if err != nil {
		return err
	}
	// The first Write shakes hands.
	conn := tls.Client(plain, &tls.Config{ServerName: host})
	defer conn.Close()
	for i := 0; i < 3; i++ {
		text := body(os.Getenv("PROMPT"), i == 2)
		head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: %s\r\n"+
			"Content-Type: application/json\r\nAuthorization: Bearer %s\r\n"+
			"Content-Length: %d\r\n\r\n", path, host, agent, key, len(text))
		if err := dive(10+i*1000, func() error { return exchange(conn, head+text) }); err != nil {
			return err
		}
	}
	return nil
}

type onStack struct{ conn *tls.Conn }

// Read goes through an array on the goroutine's stack.
func (s onStack) Read(to []byte) (int, error) {
	var array [700]byte
	room := len(to)
	if room > len(array) {
		room = len(array)
	}
	n, err := s.conn.Read(array[:room])
	return copy(to, array[:n]), err
}

func exchange(conn *tls.Conn, text string) error {
	if _, err := conn.Write([]byte(text)); err != nil {
		return err
	}
	answer, err := http.ReadResponse(bufio.NewReader(onStack{conn}), nil)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

func load(client *http.Client, proto int) error {
	var all sync.WaitGroup
	errs := make(chan error, 2000)
	for i := 0; i < 40; i++ {
		all.Add(1)
		go func(i int) {
			defer all.Done()
			for j := 0; j < 50; j++ {
				prompt := fmt.Sprintf("%d of %d", j, i)
				errs <- dive((i*50+j)%500, func() error {
					return post(client, body(prompt, j%5 == 4), proto)
				})
			}
		}(i)
	}
	all.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func run(mode string) error {
	proto := 1 + strings.Count(mode, "2")
	transport := &http.Transport{ForceAttemptHTTP2: proto == 2, MaxIdleConnsPerHost: 40}
	if proto == 1 {
		transport.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	}
	client := &http.Client{Transport: transport}
	switch mode {
	case "wait":
		time.Sleep(300 * time.Millisecond)
		return nil
	case "raw":
		return raw()
	case "load", "load2":
		return load(client, proto)
	}
	for i := 0; i < 3; i++ {
		if err := post(client, body(os.Getenv("PROMPT"), i == 2), proto); err != nil {
			return err
		}
	}
	return nil
}

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
