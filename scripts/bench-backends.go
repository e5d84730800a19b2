// The calls of BackendBenchmark, bare: what the server and the wire take by themselves.
//
//	bench-backends etcd|consul URL COUNT        one line for each call: name, p50, p99 in microseconds
//	bench-backends etcd|consul URL COUNT watch  the same of so many deliveries, and when each was written and seen
//	bench-backends etcd|consul URL write        writes the time under the key that is watched, until it is killed
package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"sort"
	"strconv"
	"time"
)

var client = &http.Client{}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func show(name string, count int, call func(number int)) {
	for number := 0; number < 20; number++ {
		call(-1 - number)
	}
	times := make([]int64, 0, count)
	for number := 0; number < count; number++ {
		start := time.Now()
		call(number)
		times = append(times, time.Since(start).Microseconds())
	}
	showTimes(name, times)
}

func showTimes(name string, times []int64) {
	sort.Slice(times, func(a, b int) bool { return times[a] < times[b] })
	fmt.Println(name, times[len(times)/2], times[len(times)*99/100])
}

// Protocol Buffers: a number, or bytes.
func number(field int, value int64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(nil, uint64(field)<<3), uint64(value))
}

func text(field int, value []byte) []byte {
	head := binary.AppendUvarint(binary.AppendUvarint(nil, uint64(field)<<3|2), uint64(len(value)))
	return append(head, value...)
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func frame(message []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
}

func grpc(url, method string, message []byte) []byte {
	request, err := http.NewRequest("POST", url+"/etcdserverpb."+method, bytes.NewReader(frame(message)))
	must(err)
	request.Header.Set("Content-Type", "application/grpc")
	request.Header.Set("TE", "trailers")
	response, err := client.Do(request)
	must(err)
	body, err := io.ReadAll(response.Body)
	must(err)
	response.Body.Close()
	if response.Trailer.Get("Grpc-Status") != "0" || len(body) < 5 {
		must(fmt.Errorf("%s: %s %s", method, response.Trailer, response.Header))
	}
	return body[5:]
}

func field(message []byte, wanted uint64) []byte {
	for len(message) > 0 {
		tag, size := binary.Uvarint(message)
		message = message[size:]
		value, size := binary.Uvarint(message)
		if tag&7 == 0 {
			if tag>>3 == wanted {
				return message[:size]
			}
			message = message[size:]
			continue
		}
		message = message[size:]
		if tag>>3 == wanted {
			return message[:value]
		}
		message = message[value:]
	}
	return nil
}

const root = "/rollcall/default/"

func etcd(url string, count int) {
	prefix := []byte(root + "services/bench/")
	end := append([]byte(nil), prefix...)
	end[len(end)-1]++
	show("lookup", count, func(int) {
		grpc(url, "KV/Range", join(text(1, prefix), text(2, end), number(3, 1000)))
	})
	key := []byte(root + "config/bench/limits")
	show("read", count, func(int) { grpc(url, "KV/Range", text(1, key)) })
	value := grpc(url, "KV/Range", join(text(1, prefix), text(2, end), number(3, 1)))
	record := field(field(value, 2), 5)
	show("register", count/5, func(place int) {
		granted := grpc(url, "Lease/LeaseGrant", number(1, 600))
		lease, _ := binary.Uvarint(field(granted, 2))
		name := []byte(root + "services/bench-bare/b-" + strconv.Itoa(place))
		grpc(url, "KV/Put", join(text(1, name), text(2, record), number(3, int64(lease))))
	})
}

func etcdWatch(url string, count int) {
	reader, writer := io.Pipe()
	request, err := http.NewRequest("POST", url+"/etcdserverpb.Watch/Watch", reader)
	must(err)
	request.Header.Set("Content-Type", "application/grpc")
	request.Header.Set("TE", "trailers")
	go writer.Write(frame(text(1, text(1, []byte(root+"config/bench/clock")))))
	response, err := client.Do(request)
	must(err)
	body := bufio.NewReader(response.Body)
	times := []int64{}
	for len(times) < count {
		head := make([]byte, 5)
		_, err := io.ReadFull(body, head)
		must(err)
		message := make([]byte, binary.BigEndian.Uint32(head[1:]))
		_, err = io.ReadFull(body, message)
		must(err)
		now := time.Now().UnixMicro()
		event := field(message, 11)
		if event == nil {
			fmt.Println("watching")
			continue
		}
		sent, err := strconv.ParseInt(string(field(field(event, 2), 5)), 10, 64)
		must(err)
		times = append(times, now-sent)
		fmt.Println("seen", sent, now)
	}
	showTimes("watch", times)
}

func call(method, url string, body []byte) (*http.Response, []byte) {
	request, err := http.NewRequest(method, url, bytes.NewReader(body))
	must(err)
	response, err := client.Do(request)
	must(err)
	answer, err := io.ReadAll(response.Body)
	must(err)
	response.Body.Close()
	if response.StatusCode/100 != 2 && response.StatusCode != 404 {
		must(fmt.Errorf("%s %s: %s %s", method, url, response.Status, answer))
	}
	return response, answer
}

func consul(url string, count int) {
	show("lookup", count, func(int) { call("GET", url+"/v1/health/service/bench", nil) })
	show("read", count, func(int) { call("GET", url+"/v1/kv/rollcall/default/config/bench/limits", nil) })
	index := "0"
	show("register", count/5, func(place int) {
		name := "bench-bare--b-" + strconv.Itoa(place)
		body := fmt.Sprintf(`{"ID":%q,"Name":"bench-bare","Address":"10.0.0.7","Port":8080,"Check":{"TTL":"600s","Status":"passing","DeregisterCriticalServiceAfter":"60m"}}`, name)
		call("PUT", url+"/v1/agent/service/register", []byte(body))
		// It counts once others see it, for which one waits as a watch does.
		for {
			response, answer := call("GET", url+"/v1/health/service/bench-bare?wait=5s&index="+index, nil)
			index = response.Header.Get("X-Consul-Index")
			if bytes.Contains(answer, []byte(`"`+name+`"`)) {
				break
			}
		}
	})
}

func consulWatch(url string, count int) {
	address := url + "/v1/kv/rollcall/default/config/bench/clock"
	response, _ := call("GET", address, nil)
	index := response.Header.Get("X-Consul-Index")
	times := []int64{}
	fmt.Println("watching")
	for len(times) < count {
		response, body := call("GET", address+"?wait=30s&index="+index, nil)
		now := time.Now().UnixMicro()
		next := response.Header.Get("X-Consul-Index")
		if next == index {
			continue
		}
		index = next
		var entries []struct{ Value string }
		must(json.Unmarshal(body, &entries))
		value, err := base64.StdEncoding.DecodeString(entries[0].Value)
		must(err)
		sent, err := strconv.ParseInt(string(value), 10, 64)
		must(err)
		times = append(times, now-sent)
		fmt.Println("seen", sent, now)
	}
	showTimes("watch", times)
}

func write(kind, url string) {
	for {
		now := []byte(strconv.FormatInt(time.Now().UnixMicro(), 10))
		if kind == "etcd" {
			grpc(url, "KV/Put", join(text(1, []byte(root+"config/bench/clock")), text(2, now)))
		} else {
			call("PUT", url+"/v1/kv/rollcall/default/config/bench/clock", now)
		}
		// Consul asks its clients to take no more than some changes a second, which the driver does.
		time.Sleep(60 * time.Millisecond)
	}
}

func main() {
	kind, url := os.Args[1], os.Args[2]
	if kind == "etcd" {
		protocols := new(http.Protocols)
		protocols.SetUnencryptedHTTP2(true)
		client.Transport = &http.Transport{Protocols: protocols}
	}
	if os.Args[3] == "write" {
		write(kind, url)
	}
	count, err := strconv.Atoi(os.Args[3])
	must(err)
	switch isWatch := len(os.Args) > 4; {
	case kind == "etcd" && isWatch:
		etcdWatch(url, count)
	case kind == "etcd":
		etcd(url, count)
	case isWatch:
		consulWatch(url, count)
	default:
		consul(url, count)
	}
}
