/* The watchers of bench-watch: opens streams of the hub and tells when each was told of a change.
 *
 *   bench-watch PORT WATCHERS
 *
 * Writes a line `ready` once every stream has its first snapshot, and then, for each line
 * that it reads, changes an instance and writes how many microseconds after the request was begun the middle and the
 * last stream had read the event, and how many the system had it for them, which is when the hub sent it.
 *
 * One thread and one epoll: what it takes to read an event is a few microseconds, but they are in the figures. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/net_tstamp.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct stream {
    int descriptor;
    bool is_told;
    double sent, read; /* Microseconds since the request. */
};

static struct stream *streams;
static int count, queue;
static char buffer[1 << 16];

static void fail(const char *what) {
    perror(what);
    exit(1);
}

/* By the clock that the system stamps packets with. */
static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

static int open_connection(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (descriptor < 0) fail("socket");
    if (connect(descriptor, (struct sockaddr *)&address, sizeof address) < 0) fail("connect");
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return descriptor;
}

/* Reads what is there of a stream, and when the system got it, in microseconds; 0 where it does not say. */
static ssize_t take(int descriptor, double *stamp) {
    char control[256];
    struct iovec part = {buffer, sizeof buffer - 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t length = recvmsg(descriptor, &message, MSG_DONTWAIT);
    *stamp = 0;
    if (length <= 0) {
        if (length < 0 && errno == EAGAIN) return 0;
        fprintf(stderr, "a stream ended: %s\n", length < 0 ? strerror(errno) : "closed by the hub");
        exit(1);
    }
    buffer[length] = 0;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part))
        if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SO_TIMESTAMPNS) {
            struct timespec time;
            memcpy(&time, CMSG_DATA(part), sizeof time);
            *stamp = time.tv_sec * 1e6 + time.tv_nsec / 1e3;
        }
    return length;
}

/* Reads until each of the first `opened` streams has the comment behind its first snapshot. */
static void settle(int opened) {
    static int settled;
    struct epoll_event events[512];
    while (settled < opened) {
        int ready = epoll_wait(queue, events, 512, 10000);
        double stamp;
        if (ready <= 0) fail("the first snapshots did not come");
        for (int index = 0; index < ready; index++) {
            struct stream *stream = &streams[events[index].data.u32];
            if (take(stream->descriptor, &stamp) == 0 || stream->is_told || !strstr(buffer, ": heartbeat")) continue;
            stream->is_told = true;
            settled += 1;
        }
    }
}

static void open_streams(int port) {
    static const char request[] = "GET /v1/watch?service=web HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for (int index = 0; index < count; index++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = index};
        int on = 1, descriptor = open_connection(port);
        streams[index].descriptor = descriptor;
        setsockopt(descriptor, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
        if (write(descriptor, request, sizeof request - 1) != sizeof request - 1) fail("write");
        if (epoll_ctl(queue, EPOLL_CTL_ADD, descriptor, &event) < 0) fail("epoll_ctl");
        if (index % 500 == 499) settle(index + 1);
    }
    settle(count);
}

/* Changes an instance's weight, and waits until every stream has read that. */
static void change(int requests, int weight) {
    char request[512], body[256], mark[32];
    struct epoll_event events[512];
    int left = count;
    int length = snprintf(body, sizeof body,
        "{\"endpoints\":[\"http://10.0.0.0:8080\"],\"weight\":%d,\"version\":\"1.4.2\",\"zone\":\"a\","
        "\"metadata\":{\"team\":\"shop\"}}", weight);
    length = snprintf(request, sizeof request,
        "PUT /v1/services/web/instances/web-0?ttl=1h HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s",
        length, body);
    snprintf(mark, sizeof mark, "\"weight\":%d,", weight);
    for (int index = 0; index < count; index++) streams[index].is_told = false;
    double begin = now();
    if (write(requests, request, length) != length) fail("write");
    while (left > 0) {
        int ready = epoll_wait(queue, events, 512, 10000);
        if (ready <= 0) {
            fprintf(stderr, "%d streams were not told\n", left);
            exit(1);
        }
        /* With many to come the rest gathers for 2 ms, so that the hub need not awake this process for each event. */
        if (ready < 512 && left > 1000) usleep(2000);
        for (int index = 0; index < ready; index++) {
            struct stream *stream = &streams[events[index].data.u32];
            double stamp;
            if (take(stream->descriptor, &stamp) == 0 || stream->is_told || !strstr(buffer, mark)) continue;
            stream->is_told = true;
            stream->read = now() - begin;
            stream->sent = stamp > 0 ? stamp - begin : 0;
            left -= 1;
        }
    }
    if (read(requests, buffer, sizeof buffer) <= 0) fail("read");
}

static int by_read(const void *left, const void *right) {
    double difference = ((const struct stream *)left)->read - ((const struct stream *)right)->read;
    return (difference > 0) - (difference < 0);
}

static void report(void) {
    struct stream *sorted = malloc(count * sizeof *sorted);
    double sent = 0;
    memcpy(sorted, streams, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_read);
    for (int index = 0; index < count; index++)
        if (sorted[index].sent > sent) sent = sorted[index].sent;
    printf("%.0f %.0f %.0f\n", sorted[count / 2].read, sorted[count - 1].read, sent);
    fflush(stdout);
    free(sorted);
}

int main(int argc, char **argv) {
    struct rlimit limit;
    char line[16];
    if (argc != 3) {
        fprintf(stderr, "usage: bench-watch PORT WATCHERS\n");
        return 2;
    }
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    count = atoi(argv[2]);
    streams = calloc(count, sizeof *streams);
    queue = epoll_create1(EPOLL_CLOEXEC);
    int requests = open_connection(atoi(argv[1]));
    open_streams(atoi(argv[1]));
    printf("ready\n");
    fflush(stdout);
    for (int round = 0; fgets(line, sizeof line, stdin); round++) {
        change(requests, 2 + round);
        report();
    }
    return 0;
}
