// bench measures what a node does, from within: the drivers and all that they work with are guests. Each
// driver is an export. Its arguments are the process that gets the result, and sizes; the result is a message of 8 bytes:
// nanoseconds, little-endian.

#include "wnode_cbor.h"

#define EXPORT(name) __attribute__((export_name(#name))) void name(void)

enum { small = 16 };  // bytes of a message

static uint8_t buffer[256];

static void must(int64_t result) {
  if (result < 0) __builtin_trap();
}

// What a process is given: up to three numbers, behind a pid.
typedef struct {
  wnode_pid to;
  int64_t n[3];
} arguments;

static arguments given(void) {
  int32_t length = wnode_args(buffer, sizeof buffer);
  wnode_reader r = wnode_read_from(buffer, (uint32_t)length);
  uint32_t count = wnode_read_array(&r);
  arguments a = {wnode_read_pid(&r), {0, 0, 0}};
  for (uint32_t i = 0; i + 1 < count && i < 3; i++) a.n[i] = wnode_read_int(&r);
  if (r.failed) __builtin_trap();
  return a;
}

// Writes the options of a spawn: the export, the arguments if there are any, and a link.
static uint32_t options(uint8_t *into, const char *export, uint32_t length, const arguments *a, int link) {
  wnode_writer w = wnode_write_to(into, 128);
  wnode_write_map(&w, 1 + (a != 0) + (link != 0));
  if (a) {
    wnode_write_text(&w, WNODE_STR("args"));
    wnode_write_array(&w, 4);
    wnode_write_pid(&w, a->to);
    for (int i = 0; i < 3; i++) wnode_write_int(&w, a->n[i]);
  }
  if (link) {
    wnode_write_text(&w, WNODE_STR("link"));
    wnode_write_bool(&w, 1);
  }
  wnode_write_text(&w, WNODE_STR("export"));
  wnode_write_text(&w, export, length);
  return w.length;
}

static wnode_pid spawn(const char *export, uint32_t length, const arguments *a) {
  uint8_t bytes[128];
  wnode_pid pid;
  must(wnode_spawn(bytes, options(bytes, export, length, a, 0), &pid));
  return pid;
}

static wnode_pid self(void) {
  wnode_pid pid;
  must(wnode_self(&pid));
  return pid;
}

static void receive(void) { must(wnode_receive(WNODE_INFINITY, buffer, sizeof buffer)); }

static void send(wnode_pid to) { must(wnode_send(to, buffer, small)); }

static int64_t now(void) { return wnode_monotonic_time(); }

static void tell(wnode_pid to, int64_t ns) { must(wnode_send(to, &ns, sizeof ns)); }

EXPORT(nop) {}

// Spawns a process with a monitor, and waits for its end.
EXPORT(spawn_roundtrip) {
  arguments a = given();
  uint8_t bytes[128];
  uint32_t length = options(bytes, WNODE_STR("nop"), 0, 0);
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
  uint8_t bytes[128];
  uint32_t length = options(bytes, WNODE_STR("storm_sender"), &one, 0);
  wnode_pid pid;
  for (int64_t i = 0; i < a.n[0]; i++) must(wnode_spawn(bytes, length, &pid));
  for (int64_t i = 0; i < a.n[0]; i++) receive();
  send(a.to);
}

// Some processes spawn many each, which send them a message.
EXPORT(storm) {
  arguments a = given(), each = {self(), {a.n[1], 0, 0}};
  int64_t start = now();
  for (int64_t i = 0; i < a.n[0]; i++) spawn(WNODE_STR("storm_spawner"), &each);
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
  uint8_t bytes[128];
  uint32_t length = options(bytes, WNODE_STR("idle_one"), &one, 1);
  wnode_pid pid;
  int64_t start = now();
  for (int64_t i = 0; i < a.n[0]; i++) must(wnode_spawn(bytes, length, &pid));
  for (int64_t i = 0; i < a.n[0]; i++) receive();
  tell(a.to, now() - start);
  receive();
  wnode_exit("\x68shutdown", 9);
}

// What echo is sent, as on the BEAM: who asks, and what is to come back.
typedef struct {
  wnode_pid from;
  uint8_t message[small];
} question;

EXPORT(echo) {
  for (;;) {
    question q;
    must(wnode_receive(WNODE_INFINITY, &q, sizeof q));
    must(wnode_send(q.from, q.message, small));
  }
}

EXPORT(pingpong) {
  arguments a = given();
  wnode_pid echo = spawn(WNODE_STR("echo"), 0);
  question q = {self(), {0}};
  int64_t start = now();
  for (int64_t i = 0; i < a.n[0]; i++) {
    must(wnode_send(echo, &q, sizeof q));
    receive();
  }
  tell(a.to, now() - start);
  must(wnode_exit_process(echo, "\x64kill", 5));
}

EXPORT(forward) {
  arguments a = given();
  for (;;) {
    receive();
    send(a.to);
  }
}

// A message goes around a ring of processes.
EXPORT(ring) {
  arguments a = given(), next = {self(), {0, 0, 0}};
  for (int64_t i = 0; i < a.n[0]; i++) next.to = spawn(WNODE_STR("forward"), &next);
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
  each.to = spawn(WNODE_STR("sink"), &all);
  for (int64_t i = 0; i < a.n[0]; i++) spawn(WNODE_STR("source"), &each);
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
  uint8_t bytes[128];
  uint32_t length = options(bytes, WNODE_STR("spin"), &one, 0);
  int64_t took = 0;
  for (int64_t i = 0; i < a.n[0]; i++) {
    wnode_pid pid;
    wnode_ref ref;
    must(wnode_spawn_monitor(bytes, length, &pid, &ref));
    receive();
    int64_t start = now();
    must(wnode_exit_process(pid, "\x64kill", 5));
    receive();
    took += now() - start;
  }
  tell(a.to, took);
}
