"""Has the watchers of bench-watch.c told of changes, and registers many instances. See bench-watch."""
import json
import os
import socket
import statistics
import subprocess
import sys
import time

PROGRAM, CLIENT, REPORT, SUITE = sys.argv[1:]
WATCHERS = [int(n) for n in os.environ.get("WATCHERS", "1 10 100 1000 10000").split()]
INSTANCES = [int(n) for n in os.environ.get("INSTANCES", "10 1000 100000").split()]
ROUNDS = int(os.environ.get("ROUNDS", "9"))


class Hub:
    def __init__(self):
        self.process = subprocess.Popen(
            [PROGRAM, "serve", "--memory", "--listen", "127.0.0.1:0", "--output", "json"], stdout=subprocess.PIPE)
        self.port = int(json.loads(self.process.stdout.readline())["url"].rsplit(":", 1)[1])
        self.requests = socket.create_connection(("127.0.0.1", self.port))

    def memory(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

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

    def batch(self, requests):
        """Sends requests, several before the first answer, and returns the secrets of leases in the answers."""
        secrets, rest = [], b""
        for begin in range(0, len(requests), 64):
            part = requests[begin:begin + 64]
            self.requests.sendall(b"".join(part))
            for _ in part:
                while b"\r\n\r\n" not in rest:
                    rest += self.requests.recv(1 << 16)
                head, _, rest = rest.partition(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200"), head
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                while len(rest) < length:
                    rest += self.requests.recv(1 << 16)
                body, rest = rest[:length], rest[length:]
                if b'"secret":"' in body:
                    secrets.append(body.split(b'"secret":"')[1][:32].decode())
        return secrets

    def end(self):
        self.process.terminate()
        self.process.wait()


def ticks(process):
    """Seconds of CPU that a process has taken."""
    with open(f"/proc/{process}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def watchers(figures):
    for count in WATCHERS:
        hub = Hub()
        for number in range(10):
            hub.send(hub.put(number))
        before = hub.memory()
        client = subprocess.Popen([CLIENT, str(hub.port), str(count)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  text=True)
        assert client.stdout.readline() == "ready\n"
        idle = (hub.memory() - before) / count
        cpu, reading, rounds = ticks(hub.process.pid), ticks(client.pid), []
        for _ in range(ROUNDS):
            client.stdin.write("\n")
            client.stdin.flush()
            rounds.append([int(word) / 1000 for word in client.stdout.readline().split()])
        cpu = (ticks(hub.process.pid) - cpu) / ROUNDS / count * 1e6
        reading = (ticks(client.pid) - reading) / ROUNDS / count * 1e6
        middle, last, sent = (statistics.median(column) for column in zip(*rounds))
        add(figures, f"watch.{count}.median.ms", middle, "ms")
        add(figures, f"watch.{count}.last.ms", last, "ms")
        add(figures, f"watch.{count}.last.best.ms", min(line[1] for line in rounds), "ms")
        add(figures, f"watch.{count}.last.sent.ms", sent, "ms until the hub had sent the last")
        if count >= 1000:
            add(figures, f"watch.{count}.cpu.us", cpu, "us of the hub for each watcher told")
            add(figures, f"watch.{count}.client.us", reading, "us of the client for each watcher told")
        if count >= 100:
            add(figures, f"watch.{count}.memory.kb", idle, "KB for each idle stream")
        client.stdin.close()
        client.wait()
        hub.end()


def memory(figures):
    for count in INSTANCES:
        hub = Hub()
        before = hub.memory()
        # A hundred to a service.
        secrets = hub.batch([hub.put(number, service=f"web-{number // 100}") for number in range(count)])
        add(figures, f"memory.{count}.mb", hub.memory() / 1024, "MB of the hub")
        add(figures, f"memory.{count}.each.bytes", (hub.memory() - before) * 1024 / count, "bytes for each instance")
        # What is there once all were used: every lease renewed, every service looked up.
        hub.batch([f"PUT /v1/services/web-{number // 100}/instances/web-{number}/lease HTTP/1.1\r\nHost: localhost\r\n"
                   f"Rollcall-Lease: {secret}\r\n\r\n".encode() for number, secret in enumerate(secrets)])
        hub.batch([f"GET /v1/services/web-{number} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
                   for number in range(-(-count // 100))])
        add(figures, f"memory.{count}.used.mb", hub.memory() / 1024, "MB once all were renewed and read")
        hub.end()


def add(figures, name, value, unit):
    figures.append({"suite": "hub", "name": name, "value": round(value, 2), "unit": unit,
                    "peer": None, "peerValue": None, "ratio": None})
    print(f"{name:40} {value:10.2f} {unit}", flush=True)


figures = []
if SUITE in ("all", "watch"):
    watchers(figures)
if SUITE in ("all", "memory"):
    memory(figures)
with open(REPORT, "w") as report:
    json.dump(figures, report, indent=1)
