// whoami prints the name of the node that it runs on. It needs no libc, so the module is tiny.

#include "wnode.h"

void _start(void) {
  char line[1024];
  int32_t n = wnode_node_name(line, sizeof line - 1);
  if (n < 0 || n >= (int32_t)sizeof line) __builtin_trap();
  line[n] = '\n';
  if (wnode_io_write(WNODE_GROUP_LEADER, line, (uint32_t)n + 1) < 0) __builtin_trap();
}
