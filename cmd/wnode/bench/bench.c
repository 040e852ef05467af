// bench measures what a node does, from within: the drivers and all that they work with are guests. Each
// driver is an export. Its arguments are the process that gets the result, and sizes; the result is a message of 8 bytes:
// nanoseconds, little-endian.

#include "bench.h"

EXPORT(nop) {}

// Spawns a process with a monitor, and waits for its end.
EXPORT(spawn_roundtrip) {
  arguments a = given();
  uint8_t bytes[options_max];
  uint32_t length = options(bytes, WNODE_STR("nop"), 0, 0, 0);
  int64_t start = now();
  for (int64_t i = 0; i < a.n[0]; i++) {
    wnode_pid pid;
    wnode_ref ref;
    must(wnode_spawn_monitor(bytes, length, &pid, &ref));
    receive();
  }
  tell(a.to, now() - start);
}

EXPORT(storm_sender) { send(given().to); }

EXPORT(storm_spawner) {
  arguments a = given(), one = {self(), {0, 0, 0}};
  uint8_t bytes[options_max];
  uint32_t length = options(bytes, WNODE_STR("storm_sender"), &one, 0, 0);
  wnode_pid pid;
  for (int64_t i = 0; i < a.n[0]; i++) must(wnode_spawn(bytes, length, &pid));
  for (int64_t i = 0; i < a.n[0]; i++) receive();
  send(a.to);
}

// Some processes spawn many each, which send them a message.
EXPORT(storm) {
  arguments a = given(), each = {self(), {a.n[1], 0, 0}};
  int64_t start = now();
  for (int64_t i = 0; i < a.n[0]; i++) spawn(WNODE_STR("storm_spawner"), &each, 0);
  for (int64_t i = 0; i < a.n[0]; i++) receive();
  tell(a.to, now() - start);
}

EXPORT(idle_one) {
  send(given().to);
  receive();
}

// Spawns processes that wait, tells when all do, and ends with them at the next message.
EXPORT(idle) {
  arguments a = given(), one = {self(), {0, 0, 0}};
  uint8_t bytes[options_max];
  uint32_t length = options(bytes, WNODE_STR("idle_one"), &one, 1, 0);
  wnode_pid pid;
  int64_t start = now();
  for (int64_t i = 0; i < a.n[0]; i++) must(wnode_spawn(bytes, length, &pid));
  for (int64_t i = 0; i < a.n[0]; i++) receive();
  tell(a.to, now() - start);
  receive();
  wnode_exit("\x68shutdown", 9);
}

// Sends back what is asked for.
EXPORT(echo) {
  question q;
  must(wnode_receive(WNODE_INFINITY, &q, sizeof q));
  for (;;) must(wnode_send_receive(q.from, q.message, small, WNODE_INFINITY, &q, sizeof q));
}

EXPORT(pingpong) {
  arguments a = given();
  wnode_pid echo = spawn(WNODE_STR("echo"), 0, 0);
  question q = {self(), {0}};
  int64_t start = now();
  for (int64_t i = 0; i < a.n[0]; i++) answer_of(echo, &q);
  tell(a.to, now() - start);
  kill(echo);
}

EXPORT(forward) {
  arguments a = given();
  receive();
  for (;;) must(wnode_send_receive(a.to, buffer, small, WNODE_INFINITY, buffer, sizeof buffer));
}

// A message goes around a ring of processes.
EXPORT(ring) {
  arguments a = given(), next = {self(), {0, 0, 0}};
  for (int64_t i = 0; i < a.n[0]; i++) next.to = spawn(WNODE_STR("forward"), &next, 0);
  int64_t start = now();
  for (int64_t i = 0; i < a.n[1]; i++) {
    send(next.to);
    receive();
  }
  tell(a.to, now() - start);
}

EXPORT(sink) {
  arguments a = given();
  for (int64_t i = 0; i < a.n[0]; i++) receive();
  send(a.to);
}

EXPORT(source) {
  arguments a = given();
  for (int64_t i = 0; i < a.n[0]; i++) send(a.to);
}

// Many processes send to one.
EXPORT(fan_in) {
  arguments a = given(), all = {self(), {a.n[0] * a.n[1], 0, 0}}, each = {{0, 0}, {a.n[1], 0, 0}};
  int64_t start = now();
  each.to = spawn(WNODE_STR("sink"), &all, 0);
  for (int64_t i = 0; i < a.n[0]; i++) spawn(WNODE_STR("source"), &each, 0);
  receive();
  tell(a.to, now() - start);
}

static __attribute__((noinline)) uint32_t fib_of(uint32_t n) { return n < 2 ? n : fib_of(n - 1) + fib_of(n - 2); }

EXPORT(fib) {
  arguments a = given();
  int64_t start = now();
  volatile uint32_t result = fib_of((uint32_t)a.n[0]);
  (void)result;
  tell(a.to, now() - start);
}

EXPORT(host_call) {
  arguments a = given();
  int64_t start = now();
  for (int64_t i = 0; i < a.n[0]; i++) self();
  tell(a.to, now() - start);
}

EXPORT(spin) {
  arguments a = given();
  send(a.to);
  for (volatile int64_t i = 0;; i++) {
  }
}

// Kills processes that compute without end, and waits for their DOWN.
EXPORT(kill_spinning) {
  arguments a = given(), one = {self(), {0, 0, 0}};
  uint8_t bytes[options_max];
  uint32_t length = options(bytes, WNODE_STR("spin"), &one, 0, 0);
  int64_t took = 0;
  for (int64_t i = 0; i < a.n[0]; i++) {
    wnode_pid pid;
    wnode_ref ref;
    must(wnode_spawn_monitor(bytes, length, &pid, &ref));
    receive();
    int64_t start = now();
    kill(pid);
    receive();
    took += now() - start;
  }
  tell(a.to, took);
}
