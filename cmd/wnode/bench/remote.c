// What a node does with another one. The name of the other node is the second argument of each driver.

#include "bench.h"

// Gives so many bytes at the end of the memory, which grows by them.
static uint8_t *more(int64_t bytes) {
  enum { page = 65536 };
  int64_t before = (int64_t)__builtin_wasm_memory_grow(0, (uint32_t)((bytes + page - 1) / page));
  must(before);
  return (uint8_t *)(before * page);
}

EXPORT(remote_pingpong) {
  node_name other;
  arguments a = given_with(&other);
  wnode_pid echo = spawn(WNODE_STR("echo"), 0, &other);
  question q = {self(), {0}};
  int64_t start = 0;
  for (int64_t i = -a.n[0] / 20; i < a.n[0]; i++) {  // those below 0 are not counted
    if (i == 0) start = now();
    answer_of(echo, &q);
  }
  tell(a.to, now() - start);
  kill(echo);
}

// Takes so many messages of so many bytes.
EXPORT(remote_sink) {
  arguments a = given();
  uint8_t *room = more(a.n[0]);
  for (int64_t i = 0; i < a.n[1]; i++)
    if (wnode_receive(WNODE_INFINITY, room, (uint32_t)a.n[0]) != a.n[0]) __builtin_trap();
  send(a.to);
}

// Starts a process of the other node, and ends with it unless that has done all, that takes so many messages of so many bytes.
static wnode_pid sink_for(int64_t bytes, int64_t count, const node_name *other) {
  arguments all = {self(), {bytes, count, 0}};
  uint8_t options_bytes[options_max];
  wnode_pid pid;
  must(wnode_spawn(options_bytes, options(options_bytes, WNODE_STR("remote_sink"), &all, 1, other), &pid));
  return pid;
}

// Sends messages of some bytes to a process of the other node, until that has taken them all.
EXPORT(remote_blast) {
  node_name other;
  arguments a = given_with(&other);
  uint8_t *message = more(a.n[0]);
  int64_t start = now();
  wnode_pid sink = sink_for(a.n[0], a.n[1], &other);
  for (int64_t i = 0; i < a.n[1]; i++) must(wnode_send(sink, message, (uint32_t)a.n[0]));
  receive();
  tell(a.to, now() - start);
}

// Spawns a process there with a monitor, and waits for its end. The first one brings the module there.
EXPORT(remote_spawn) {
  node_name other;
  arguments a = given_with(&other);
  uint8_t bytes[options_max];
  uint32_t length = options(bytes, WNODE_STR("nop"), 0, 0, &other);
  int64_t start = 0;
  for (int64_t i = -1; i < a.n[0]; i++) {
    wnode_pid pid;
    wnode_ref ref;
    if (i == 0) start = now();
    must(wnode_spawn_monitor(bytes, length, &pid, &ref));
    int32_t down = receive();
    if (down < 7 || buffer[down - 7] != 0x66 || buffer[down - 6] != 'n' || buffer[down - 1] != 'l') __builtin_trap();  // "normal"
  }
  tell(a.to, now() - start);
}

// Sends messages of some bytes to a process of the other node, without end.
EXPORT(remote_flood) {
  node_name other;
  arguments a = given_with(&other);
  uint8_t *message = more(a.n[0]);
  wnode_pid sink = sink_for(a.n[0], INT64_MAX, &other);
  send(a.to);
  for (;;) must(wnode_send(sink, message, (uint32_t)a.n[0]));
}

// Says that it begins, and measures round trips one by one: so many, or as many as fit into so many nanoseconds, or those
// until somebody sends a message that is no answer. The result is what each took.
EXPORT(remote_latency) {
  node_name other;
  arguments a = given_with(&other);
  int64_t *took = (int64_t *)more(a.n[0] * 8), n = 0;
  wnode_pid echo = spawn(WNODE_STR("echo"), 0, &other);
  question q = {self(), {0}};
  send(a.to);
  int64_t start = now(), end = start + a.n[1];
  for (int stopped = 0; n < a.n[0] && start < end && !stopped; n++) {
    must(wnode_send(echo, &q, sizeof q));
    while (receive() != small) stopped = 1;
    int64_t answered = now();
    took[n] = answered - start;
    start = answered;
  }
  must(wnode_send(a.to, took, (uint32_t)(n * 8)));
  kill(echo);
}
