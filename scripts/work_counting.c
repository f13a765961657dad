/* What scripts/work_units.py asks of callgrind, under which it runs; without it, each of these does nothing. */
#include <valgrind/callgrind.h>

void begin_counting(void) { CALLGRIND_START_INSTRUMENTATION; }

void zero(void) { CALLGRIND_ZERO_STATS; }

void dump(const char *label) { CALLGRIND_DUMP_STATS_AT(label); }
