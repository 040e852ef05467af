// What the drivers of the bench have in common.

#ifndef BENCH_H
#define BENCH_H

#include "wnode_cbor.h"

#define EXPORT(name) __attribute__((export_name(#name))) void name(void)

enum {
  small = 16,       // bytes of a message
  options_max = 256  // bytes of the options of a spawn
};

static uint8_t buffer[256];

static inline void must(int64_t result) {
  if (result < 0) __builtin_trap();
}

// What a process is given: up to three numbers, behind a pid.
typedef struct {
  wnode_pid to;
  int64_t n[3];
} arguments;

// The name of a node; nothing stands for this one.
typedef struct {
  char at[64];
  uint32_t length;
} node_name;

// Reads the arguments. A driver that works with another node has its name behind the pid.
static inline arguments given_with(node_name *other) {
  int32_t length = wnode_args(buffer, sizeof buffer);
  wnode_reader r = wnode_read_from(buffer, (uint32_t)length);
  uint32_t count = wnode_read_array(&r) - (other != 0);
  arguments a = {wnode_read_pid(&r), {0, 0, 0}};
  if (other) {
    const char *name = wnode_read_text(&r, &other->length);
    if (other->length > sizeof other->at) __builtin_trap();
    for (uint32_t i = 0; i < other->length; i++) other->at[i] = name[i];
  }
  for (uint32_t i = 0; i + 1 < count && i < 3; i++) a.n[i] = wnode_read_int(&r);
  if (r.failed) __builtin_trap();
  return a;
}

static inline arguments given(void) { return given_with(0); }

// Writes the options of a spawn: the export, the arguments if there are any, a link, and another node.
static inline uint32_t options(uint8_t *into, const char *export, uint32_t length, const arguments *a, int link, const node_name *node) {
  wnode_writer w = wnode_write_to(into, options_max);
  wnode_write_map(&w, 1 + (a != 0) + (link != 0) + (node != 0));
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
  if (node) {
    wnode_write_text(&w, WNODE_STR("node"));
    wnode_write_text(&w, node->at, node->length);
  }
  wnode_write_text(&w, WNODE_STR("export"));
  wnode_write_text(&w, export, length);
  if (w.length > w.capacity) __builtin_trap();
  return w.length;
}

// Spawns an export of this module; node is 0 for this one.
static inline wnode_pid spawn(const char *export, uint32_t length, const arguments *a, const node_name *node) {
  uint8_t bytes[options_max];
  wnode_pid pid;
  must(wnode_spawn(bytes, options(bytes, export, length, a, 0, node), &pid));
  return pid;
}

static inline wnode_pid self(void) {
  wnode_pid pid;
  must(wnode_self(&pid));
  return pid;
}

// Takes the next message, and gives its length.
static inline int32_t receive(void) {
  int32_t length = wnode_receive(WNODE_INFINITY, buffer, sizeof buffer);
  must(length);
  return length;
}

static inline void send(wnode_pid to) { must(wnode_send(to, buffer, small)); }

static inline void kill(wnode_pid pid) { must(wnode_exit_process(pid, "\x64kill", 5)); }

static inline int64_t now(void) { return wnode_monotonic_time(); }

static inline void tell(wnode_pid to, int64_t ns) { must(wnode_send(to, &ns, sizeof ns)); }

// What echo is sent, as on the BEAM: who asks, and what is to come back.
typedef struct {
  wnode_pid from;
  uint8_t message[small];
} question;

// Asks echo, and waits for the answer.
static inline void answer_of(wnode_pid echo, const question *q) {
  must(wnode_send_receive(echo, q, sizeof *q, WNODE_INFINITY, buffer, sizeof buffer));
}

#endif
