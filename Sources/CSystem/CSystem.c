#if defined(__linux__)
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "CSystem.h"

int csystem_make_queue(void) { return epoll_create1(EPOLL_CLOEXEC); }

int csystem_make_waker(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

int csystem_send_flags(void) { return MSG_NOSIGNAL; }

int csystem_peek_flags(void) { return MSG_PEEK; }

int csystem_socket(int family) {
    return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

int csystem_make_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

int csystem_accept(int listener) {
    return accept4(listener, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC);
}
#endif
