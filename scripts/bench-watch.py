"""Opens many streams of the hub, changes something, and notes when each has been told. See bench-watch."""
import json
import os
import resource
import select
import socket
import statistics
import subprocess
import sys
import time

PROGRAM, REPORT, SUITE = sys.argv[1:]
WATCHERS = [int(n) for n in os.environ.get("WATCHERS", "1 10 100 1000 10000").split()]
INSTANCES = [int(n) for n in os.environ.get("INSTANCES", "10 1000 100000").split()]
ROUNDS = int(os.environ.get("ROUNDS", "5"))


class Hub:
    def __init__(self):
        self.process = subprocess.Popen(
            [PROGRAM, "serve", "--memory", "--listen", "127.0.0.1:0", "--output", "json"], stdout=subprocess.PIPE)
        self.port = int(json.loads(self.process.stdout.readline())["url"].rsplit(":", 1)[1])
        self.requests = socket.create_connection(("127.0.0.1", self.port))

    def memory(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

    def cpu(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def put(self, number, weight=1, service="web"):
        body = json.dumps({"endpoints": [f"http://10.0.{number // 250 % 250}.{number % 250}:8080"], "weight": weight,
                           "version": "1.4.2", "zone": "a", "metadata": {"team": "shop"}}).encode()
        head = f"PUT /v1/services/{service}/instances/web-{number}?ttl=1h HTTP/1.1\r\nHost: localhost\r\n"
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body

    def send(self, request):
        self.requests.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self.requests.recv(65536)
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
        while len(body) < length:
            body += self.requests.recv(65536)

    def end(self):
        self.process.terminate()
        self.process.wait()


def watch(hub, count):
    """The streams, once each has its first snapshot."""
    streams, poller = {}, select.epoll()
    for index in range(count):
        stream = socket.create_connection(("127.0.0.1", hub.port))
        stream.sendall(b"GET /v1/watch?service=web HTTP/1.1\r\nHost: localhost\r\n\r\n")
        stream.setblocking(False)
        streams[stream.fileno()] = stream
        poller.register(stream.fileno(), select.EPOLLIN)
        if index % 500 == 499:
            settle(poller, streams)
    settle(poller, streams)
    return streams, poller


def settle(poller, streams):
    while True:
        events = poller.poll(0.5, 4096)
        if not events:
            return
        for number, _ in events:
            streams[number].recv(1 << 16)


def told(hub, streams, poller, weight):
    """How long after the request each stream had its event."""
    waiting, times = set(streams), []
    request = hub.put(0, weight)
    mark = f'"weight":{weight},'.encode()
    begin = time.perf_counter()
    hub.requests.sendall(request)
    while waiting:
        events = poller.poll(5, 4096)
        assert events, f"{len(waiting)} were not told"
        now = time.perf_counter() - begin
        for number, _ in events:
            if mark in streams[number].recv(1 << 16) and number in waiting:
                waiting.discard(number)
                times.append(now)
    hub.requests.recv(65536)
    return times


def watchers(figures):
    for count in WATCHERS:
        hub = Hub()
        for number in range(10):
            hub.send(hub.put(number))
        before = hub.memory()
        streams, poller = watch(hub, count)
        idle = (hub.memory() - before) / count
        cpu = hub.cpu()
        rounds = [told(hub, streams, poller, 2 + number) for number in range(ROUNDS)]
        cpu = (hub.cpu() - cpu) / ROUNDS / count * 1e6
        last = statistics.median(max(times) for times in rounds) * 1000
        middle = statistics.median(statistics.median(times) for times in rounds) * 1000
        add(figures, f"watch.{count}.last.ms", last, "ms")
        add(figures, f"watch.{count}.median.ms", middle, "ms")
        add(figures, f"watch.{count}.cpu.us", cpu, "us for each watcher told")
        if count >= 100:
            add(figures, f"watch.{count}.memory.kb", idle, "KB for each idle stream")
        for stream in streams.values():
            stream.close()
        hub.end()


def memory(figures):
    for count in INSTANCES:
        hub = Hub()
        before = hub.memory()
        for begin in range(0, count, 64):
            batch = range(begin, min(begin + 64, count))
            # A hundred to a service.
            hub.requests.sendall(b"".join(hub.put(number, service=f"web-{number // 100}") for number in batch))
            seen = 0
            while seen < len(batch):
                seen += hub.requests.recv(1 << 16).count(b"HTTP/1.1 200")
        add(figures, f"memory.{count}.mb", hub.memory() / 1024, "MB of the hub")
        add(figures, f"memory.{count}.each.bytes", (hub.memory() - before) * 1024 / count, "bytes for each instance")
        hub.end()


def add(figures, name, value, unit):
    figures.append({"suite": "hub", "name": name, "value": round(value, 2), "unit": unit,
                    "peer": None, "peerValue": None, "ratio": None})
    print(f"{name:40} {value:10.2f} {unit}", flush=True)


resource.setrlimit(resource.RLIMIT_NOFILE, (min(65536, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
figures = []
if SUITE in ("all", "watch"):
    watchers(figures)
if SUITE in ("all", "memory"):
    memory(figures)
with open(REPORT, "w") as report:
    json.dump(figures, report, indent=1)
