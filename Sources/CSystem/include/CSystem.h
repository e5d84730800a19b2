// What Linux offers and Swift's module of the C library leaves out.
#ifndef CSYSTEM_H
#define CSYSTEM_H

#if defined(__linux__)
#include <sys/epoll.h>

// Functions, because what the constants are imported as differs from one C library to the next.

// Creates an epoll queue that children do not inherit.
int csystem_make_queue(void);

// Creates an event counter that never blocks and that children do not inherit.
int csystem_make_waker(void);

// What `send` needs so that a peer that is gone raises no signal.
int csystem_send_flags(void);

// What `recv` needs so that what it reads stays there.
int csystem_peek_flags(void);

// Creates a stream socket that never blocks and that children do not inherit.
int csystem_socket(int family);

// Accepts a connection that never blocks and that children do not inherit.
int csystem_accept(int listener);

// Creates a pipe that children do not inherit: the end to read from, the end to write to.
int csystem_make_pipe(int ends[2]);
#endif

#endif
