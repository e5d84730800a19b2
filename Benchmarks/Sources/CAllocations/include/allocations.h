#ifndef ALLOCATIONS_H
#define ALLOCATIONS_H

/// How often this process asked for memory so far; -1 where that cannot be counted.
long allocations(void);

#endif
