/* The load of bench-config on a hub's configuration.
 *
 *   bench-config PORT write WRITERS SECONDS   each writer stores 1 KB under a key of its own, one write after the other
 *   bench-config PORT fill KEYS               stores 1 KB under each of so many keys
 *   bench-config PORT notify COUNT            from the begin of a write to its event on a stream of the key
 *   bench-config FOLDER sync COUNT            what the folder's disk takes to sync 4 KB that are written over
 *
 * Writes one line of figures: `count seconds p50 p99`, the latter in microseconds. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SIZE = 1000, MOST = 1 << 20 };

struct writer {
    int port, number, from, to;
    double until;
    int count;
    float *times;
};

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

static int open_connection(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (descriptor < 0 || connect(descriptor, (struct sockaddr *)&address, sizeof address) < 0) fail("connect");
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return descriptor;
}

static void send_all(int descriptor, const char *bytes, size_t count) {
    while (count) {
        ssize_t sent = send(descriptor, bytes, count, MSG_NOSIGNAL);
        if (sent <= 0) fail("send");
        bytes += sent;
        count -= sent;
    }
}

/* Reads one answer with a length, which must be one of success. */
static void read_answer(int descriptor) {
    char buffer[8192];
    size_t count = 0;
    for (;;) {
        ssize_t got = recv(descriptor, buffer + count, sizeof buffer - 1 - count, 0);
        if (got <= 0) fail("recv");
        count += got;
        buffer[count] = 0;
        char *end = strstr(buffer, "\r\n\r\n");
        if (!end) continue;
        if (strncmp(buffer, "HTTP/1.1 200", 12)) {
            fprintf(stderr, "%s\n", buffer);
            exit(1);
        }
        char *length = strcasestr(buffer, "content-length:");
        size_t whole = end + 4 - buffer + (length ? strtoul(length + 15, NULL, 10) : 0);
        if (count >= whole) return;
    }
}

static void put(int descriptor, const char *key, int number, int round) {
    char request[SIZE + 512];
    int length = snprintf(
        request, sizeof request,
        "PUT /v1/config/%s-%d HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%-*d",
        key, number, SIZE, SIZE, round);
    send_all(descriptor, request, length);
    read_answer(descriptor);
}

static void *write_on(void *argument) {
    struct writer *writer = argument;
    int descriptor = open_connection(writer->port);
    for (int round = 0; writer->to ? writer->from + round < writer->to : now() < writer->until; round++) {
        double begin = now();
        put(descriptor, writer->to ? "fill" : "write", writer->to ? writer->from + round : writer->number, round);
        if (writer->times && writer->count < MOST) writer->times[writer->count] = now() - begin;
        writer->count++;
    }
    close(descriptor);
    return NULL;
}

static int compare(const void *first, const void *second) {
    float one = *(const float *)first, two = *(const float *)second;
    return (one > two) - (one < two);
}

static void tell(float *times, int count, double seconds) {
    qsort(times, count, sizeof *times, compare);
    printf("%d %.3f %.0f %.0f\n", count, seconds, times[count / 2], times[count * 99 / 100]);
}

static void run_writers(int port, int writers, double seconds, int keys) {
    struct writer *all = calloc(writers, sizeof *all);
    pthread_t *threads = calloc(writers, sizeof *threads);
    double begin = now();
    for (int index = 0; index < writers; index++) {
        all[index] = (struct writer){
            .port = port, .number = index, .until = begin + seconds * 1e6, .times = malloc(MOST * sizeof(float)),
            .from = keys * index / writers, .to = keys * (index + 1) / writers};
        if (pthread_create(threads + index, NULL, write_on, all + index)) fail("pthread_create");
    }
    float *times = NULL;
    int count = 0;
    for (int index = 0; index < writers; index++) {
        pthread_join(threads[index], NULL);
        times = realloc(times, (count + all[index].count) * sizeof *times);
        memcpy(times + count, all[index].times, all[index].count * sizeof *times);
        count += all[index].count;
    }
    tell(times, count, (now() - begin) / 1e6);
}

/* Reads events until one has this round's content. */
static void await_event(int stream, int round) {
    static char buffer[1 << 16];
    static size_t count = 0;
    char wanted[32];
    snprintf(wanted, sizeof wanted, "\"content\":\"%d ", round);
    for (;;) {
        buffer[count] = 0;
        char *end = strstr(buffer, "\n\n");
        if (end) {
            bool is_wanted = memmem(buffer, end - buffer, wanted, strlen(wanted)) != NULL;
            count -= end + 2 - buffer;
            memmove(buffer, end + 2, count);
            if (is_wanted) return;
            continue;
        }
        ssize_t got = recv(stream, buffer + count, sizeof buffer - 1 - count, 0);
        if (got <= 0) fail("recv");
        count += got;
    }
}

static void notify(int port, int count) {
    const char *request = "GET /v1/config-watch?key=notify-0 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    int stream = open_connection(port), writer = open_connection(port);
    float *times = malloc(count * sizeof *times);
    put(writer, "notify", 0, 0);
    send_all(stream, request, strlen(request));
    await_event(stream, 0);
    double start = now();
    for (int round = 1; round <= count; round++) {
        double begin = now();
        char text[SIZE + 512];
        int length = snprintf(
            text, sizeof text,
            "PUT /v1/config/notify-0 HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n%-*d", SIZE, SIZE, round);
        send_all(writer, text, length);
        await_event(stream, round);
        times[round - 1] = now() - begin;
        read_answer(writer);
        usleep(2000);
    }
    tell(times, count, (now() - start) / 1e6);
}

static void sync_file(const char *folder, int count) {
    char path[4096], block[4096] = {0};
    snprintf(path, sizeof path, "%s/sync", folder);
    int descriptor = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    float *times = malloc(count * sizeof *times);
    if (descriptor < 0) fail(path);
    for (int index = 0; index < 512; index++)
        if (write(descriptor, block, sizeof block) < 0) fail("write");
    if (fsync(descriptor)) fail("fsync");
    double start = now();
    for (int index = 0; index < count; index++) {
        block[0] = index;
        double begin = now();
        if (pwrite(descriptor, block, sizeof block, (off_t)(index % 512) * sizeof block) < 0) fail("pwrite");
        if (fdatasync(descriptor)) fail("fdatasync");
        times[index] = now() - begin;
    }
    tell(times, count, (now() - start) / 1e6);
    unlink(path);
}

int main(int count, char **arguments) {
    if (count < 4) return fprintf(stderr, "usage: bench-config PORT|FOLDER write|fill|notify|sync COUNT [SECONDS]\n"), 2;
    int port = atoi(arguments[1]), number = atoi(arguments[3]);
    if (!strcmp(arguments[2], "write")) run_writers(port, number, count > 4 ? atof(arguments[4]) : 3, 0);
    else if (!strcmp(arguments[2], "fill")) run_writers(port, 64, 0, number);
    else if (!strcmp(arguments[2], "notify")) notify(port, number);
    else sync_file(arguments[1], number);
    return 0;
}
