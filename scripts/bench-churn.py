"""Registers and deregisters, watches and leaves without end, and looks at what the hub holds. See bench-churn."""
import json
import multiprocessing
import os
import random
import resource
import select
import signal
import socket
import statistics
import struct
import subprocess
import sys
import time

PROGRAM, FOLDER, REPORT = sys.argv[1:]
SECONDS = float(os.environ.get("SECONDS_ALL") or float(os.environ.get("MINUTES", "10")) * 60)
CLIENTS = int(os.environ.get("CLIENTS", "3"))
RATE = int(os.environ.get("RATE", "600"))
STREAMS = int(os.environ.get("STREAMS", "100"))
SAMPLES = 60
# What the second half may have more than the first: of memory a part and some MB, of the others a number.
MEMORY_PART, MEMORY_MB, DESCRIPTORS, THREADS = 0.03, 2.0, 10, 2


class Client:
    """One kept connection, which is opened anew now and then."""

    def __init__(self, port):
        self.port, self.left, self.socket = port, 0, None

    def call(self, method, target, document=None, secret=None):
        if self.left == 0:
            if self.socket:
                self.socket.close()
            self.socket, self.left = socket.create_connection(("127.0.0.1", self.port)), random.randint(1, 400)
        self.left -= 1
        body = json.dumps(document).encode() if document is not None else b""
        head = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
        if secret:
            head += f"Rollcall-Lease: {secret}\r\n"
        self.socket.sendall(head.encode() + b"\r\n" + body)
        answer = b""
        while b"\r\n\r\n" not in answer:
            part = self.socket.recv(65536)
            assert part, "the hub closed a connection"
            answer += part
        head, _, body = answer.partition(b"\r\n\r\n")
        length = next((int(line.split(b":")[1]) for line in head.lower().split(b"\r\n")
                       if line.startswith(b"content-length")), 0)
        while len(body) < length:
            body += self.socket.recv(65536)
        return int(head[9:12]), body


def names(number, count):
    """Services that come again, and one in ten that nobody had before."""
    return f"once-{number}-{count}" if random.random() < 0.1 else f"web-{random.randrange(40)}"


def churn(port, number, counter, stop):
    """Registers one after the other; what is registered is looked up, changed, renewed, and ends in one of three ways."""
    client, count, due = Client(port), 0, time.monotonic()
    while not stop.is_set():
        count += 1
        service, identity = names(number, count), f"i-{number}-{count}"
        target = f"/v1/services/{service}/instances/{identity}"
        document = {"endpoints": [f"http://10.{number}.{count >> 8 & 255}.{count & 255}:8080"], "version": "1.4.2",
                    "zone": "abc"[count % 3], "tags": ["blue"], "metadata": {"team": "shop", "run": f"run {count}"}}
        way = random.random()
        status, body = client.call("PUT", target + ("?ttl=1s" if way < 0.1 else "?ttl=10s"), document)
        assert status == 200, (status, body)
        secret = json.loads(body)["lease"]["secret"]
        if count % 4 == 0:
            client.call("PATCH", target, {"status": "warning"})
        if count % 3 == 0:
            client.call("PUT", target + "/lease", secret=secret)
        client.call("GET", f"/v1/services/{service}")
        if way >= 0.1:
            # By its holder; one in twenty by somebody else, which is remembered for a while.
            status, body = client.call("DELETE", target, secret=secret if way >= 0.15 else None)
            assert status == 204, (status, body)
        with counter.get_lock():
            counter.value += 1
        due = max(due + CLIENTS / RATE, time.monotonic() - 1)
        time.sleep(max(0, due - time.monotonic()))


def watch(port, counter, stop):
    """Keeps streams open, of which one is closed and another opened all the time; some are cut, some never read."""
    streams, poller = {}, select.epoll()
    while not stop.is_set():
        while len(streams) < STREAMS:
            stream = socket.create_connection(("127.0.0.1", port))
            query = random.choice(["service=web-%d" % random.randrange(40), "service=*", "service=web-*&names=true",
                                   "service=web-1&service=once-*"])
            stream.sendall(f"GET /v1/watch?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            streams[stream.fileno()] = stream
            if random.random() < 0.95:
                poller.register(stream.fileno(), select.EPOLLIN)
        end = time.monotonic() + 0.05
        while (rest := end - time.monotonic()) > 0:
            for descriptor, _ in poller.poll(rest, 256):
                if not streams[descriptor].recv(1 << 18):
                    streams.pop(descriptor).close()
            time.sleep(0.005)
        for descriptor in random.sample(list(streams), min(2, len(streams))):
            stream = streams.pop(descriptor)
            if random.random() < 0.3:
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            stream.close()
            with counter.get_lock():
                counter.value += 1


class Hub:
    def __init__(self):
        self.process = subprocess.Popen(
            [PROGRAM, "serve", "--data", FOLDER, "--listen", "127.0.0.1:0", "--output", "json"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.port = int(json.loads(self.process.stdout.readline())["url"].rsplit(":", 1)[1])
        self.client = Client(self.port)

    def sample(self):
        with open(f"/proc/{self.process.pid}/status") as file:
            status = dict(line.split(":", 1) for line in file)
        counts = json.loads(self.client.call("GET", "/v1/status")[1])["counts"]
        return {"memory": int(status["VmRSS"].split()[0]) / 1024, "threads": int(status["Threads"]),
                "descriptors": len(os.listdir(f"/proc/{self.process.pid}/fd")), **counts}


def table(samples):
    columns = ["seconds", "memory", "descriptors", "threads", "services", "instances", "watches", "registrations", "streams"]
    print(" ".join(f"{name:>13}" for name in columns))
    for sample in samples:
        print(" ".join(f"{sample[name]:13.1f}" if name in ("seconds", "memory") else f"{sample[name]:13d}"
                       for name in columns))


def judge(samples):
    """What grew: the second half beside the first, of which the first tenth of the whole is left out."""
    half, end = SECONDS / 2, SECONDS
    first = [sample for sample in samples if SECONDS / 10 <= sample["seconds"] < half]
    second = [sample for sample in samples if half <= sample["seconds"] <= end + 1]
    figures, faults = [], []
    for name, unit, bound in [("memory", "MB", None), ("descriptors", "", DESCRIPTORS), ("threads", "", THREADS)]:
        before, after = (statistics.mean(sample[name] for sample in part) for part in (first, second))
        allowed = before * MEMORY_PART + MEMORY_MB if bound is None else bound
        print(f"{name}: {before:.1f} {unit} in the first half, {after:.1f} {unit} in the second; "
              f"{allowed:.1f} more are allowed")
        figures += [{"name": f"churn.{name}.first", "value": round(before, 2), "unit": unit},
                    {"name": f"churn.{name}.second", "value": round(after, 2), "unit": unit}]
        if after > before + allowed:
            faults.append(f"{name} grew from {before:.1f} to {after:.1f}")
    return figures, faults


def settle(hub, before):
    """What is left once all have gone: leases end within seconds, and nobody watches."""
    end = time.monotonic() + 40
    while (sample := hub.sample()) and time.monotonic() < end:
        if sample["instances"] == 0 and sample["watches"] == 0 and sample["descriptors"] <= before["descriptors"]:
            break
        time.sleep(0.2)
    print(f"at rest before: {before['memory']:.1f} MB, {before['descriptors']} descriptors, {before['threads']} threads; "
          f"afterwards: {sample['memory']:.1f} MB, {sample['descriptors']} descriptors, {sample['threads']} threads, "
          f"{sample['instances']} instances, {sample['watches']} watches")
    left = [f"{sample[name]} {name} are left" for name in ("instances", "watches") if sample[name]]
    if sample["descriptors"] > before["descriptors"]:
        left.append(f"{sample['descriptors'] - before['descriptors']} descriptors are left")
    return left


def main():
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(65536, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
    hub, stop = Hub(), multiprocessing.Event()
    registrations, streams = multiprocessing.Value("Q", 0), multiprocessing.Value("Q", 0)
    before = hub.sample()
    workers = [multiprocessing.Process(target=churn, args=(hub.port, number, registrations, stop))
               for number in range(CLIENTS)]
    workers.append(multiprocessing.Process(target=watch, args=(hub.port, streams, stop)))
    for worker in workers:
        worker.start()
    samples, begin = [], time.monotonic()
    for number in range(1, SAMPLES + 1):
        time.sleep(max(0, begin + SECONDS * number / SAMPLES - time.monotonic()))
        samples.append({"seconds": time.monotonic() - begin, **hub.sample(), "registrations": registrations.value,
                        "streams": streams.value})
    dead = [worker for worker in workers if worker.exitcode is not None]
    stop.set()
    for worker in workers:
        worker.join(30)
    table(samples[2::3])
    figures, faults = judge(samples)
    faults += settle(hub, before)
    if dead:
        faults.append(f"{len(dead)} clients ended before their time")
    figures.append({"name": "churn.registrations", "value": registrations.value, "unit": ""})
    hub.process.terminate()
    if hub.process.wait(10) != 0:
        faults.append(f"the hub ended with {hub.process.returncode}")
    with open(REPORT, "w") as report:
        json.dump({"figures": figures, "faults": faults, "samples": samples}, report, indent=1)
    for fault in faults:
        print(f"error: {fault}", file=sys.stderr)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
