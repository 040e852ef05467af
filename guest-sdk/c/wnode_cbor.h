/* wnode_cbor.h: a writer and a reader for the terms that C programs exchange with other processes:
 * integers, texts, binaries, booleans, null, arrays, maps, pids and refs, as CBOR (RFC 8949) in the
 * core deterministic encoding. Neither allocates, and neither ever leaves its buffer.
 *
 *   uint8_t buffer[64];
 *   wnode_writer w = wnode_write_to(buffer, sizeof buffer);
 *   wnode_write_array(&w, 2);
 *   wnode_write_text(&w, WNODE_STR("register"));
 *   wnode_write_pid(&w, self);
 *   if (w.length <= w.capacity) wnode_send(to, buffer, w.length);
 *
 *   wnode_reader r = wnode_read_from(buffer, length);
 *   uint32_t elements = wnode_read_array(&r);
 *   if (wnode_read_is_text(&r, WNODE_STR("tick"))) ...
 *   if (r.failed) the message was something else;
 */
#ifndef WNODE_CBOR_H
#define WNODE_CBOR_H

#include "wnode.h"

/* length goes on counting beyond capacity: then it says how large the buffer should have been. */
typedef struct wnode_writer {
  uint8_t *buffer;
  uint32_t capacity;
  uint32_t length;
} wnode_writer;

static inline wnode_writer wnode_write_to(void *buffer, uint32_t capacity) {
  wnode_writer w = {(uint8_t *)buffer, capacity, 0};
  return w;
}

static inline void wnode_write_raw(wnode_writer *w, const void *bytes, uint32_t n) {
  for (uint32_t i = 0; i < n; i++, w->length++)
    if (w->length < w->capacity) w->buffer[w->length] = ((const uint8_t *)bytes)[i];
}

/* The head of an item: its major type and its argument, in as few bytes as it fits. */
static inline void wnode_write_head(wnode_writer *w, uint8_t major, uint64_t argument) {
  uint8_t head[9];
  uint32_t size = argument < 24 ? 0 : argument <= 0xff ? 1 : argument <= 0xffff ? 2 : argument <= 0xffffffff ? 4 : 8;
  uint8_t info = size == 0 ? (uint8_t)argument : size == 1 ? 24 : size == 2 ? 25 : size == 4 ? 26 : 27;
  head[0] = (uint8_t)(major << 5 | info);
  for (uint32_t i = 0; i < size; i++) head[1 + i] = (uint8_t)(argument >> (8 * (size - 1 - i)));
  wnode_write_raw(w, head, 1 + size);
}

static inline void wnode_write_int(wnode_writer *w, int64_t n) {
  if (n < 0)
    wnode_write_head(w, 1, ~(uint64_t)n);
  else
    wnode_write_head(w, 0, (uint64_t)n);
}

static inline void wnode_write_bytes(wnode_writer *w, const void *bytes, uint32_t n) {
  wnode_write_head(w, 2, n);
  wnode_write_raw(w, bytes, n);
}

static inline void wnode_write_text(wnode_writer *w, const char *text, uint32_t n) {
  wnode_write_head(w, 3, n);
  wnode_write_raw(w, text, n);
}

/* The elements follow. */
static inline void wnode_write_array(wnode_writer *w, uint32_t elements) { wnode_write_head(w, 4, elements); }

/* The entries follow, each a key and a value; shorter keys first, those of one length in the order of their bytes. */
static inline void wnode_write_map(wnode_writer *w, uint32_t entries) { wnode_write_head(w, 5, entries); }

static inline void wnode_write_bool(wnode_writer *w, int truth) { wnode_write_head(w, 7, truth ? 21 : 20); }

static inline void wnode_write_null(wnode_writer *w) { wnode_write_head(w, 7, 22); }

static inline void wnode_write_pid(wnode_writer *w, wnode_pid pid) {
  wnode_write_head(w, 6, WNODE_TAG_PID);
  wnode_write_bytes(w, &pid, sizeof pid);
}

static inline void wnode_write_ref(wnode_writer *w, wnode_ref ref) {
  wnode_write_head(w, 6, WNODE_TAG_REF);
  wnode_write_bytes(w, &ref, sizeof ref);
}

/* Once something is not what was asked for, failed is 1 and every later read gives 0. */
typedef struct wnode_reader {
  const uint8_t *at;
  const uint8_t *end;
  int failed;
} wnode_reader;

static inline wnode_reader wnode_read_from(const void *bytes, uint32_t n) {
  wnode_reader r = {(const uint8_t *)bytes, (const uint8_t *)bytes + n, 0};
  return r;
}

static inline uint64_t wnode_read_fail(wnode_reader *r) {
  r->failed = 1;
  r->at = r->end;
  return 0;
}

/* Reads the head of any item. Indefinite lengths, which the deterministic encoding lacks, fail. */
static inline uint64_t wnode_read_head(wnode_reader *r, uint8_t *major) {
  *major = 0xff;
  if (r->at == r->end) return wnode_read_fail(r);
  uint8_t info = *r->at & 0x1f, first = *r->at++;
  uint64_t argument = info;
  if (info >= 24) {
    uint32_t size = info > 27 ? 0 : 1u << (info - 24);
    if (size == 0 || (uint64_t)(r->end - r->at) < size) return wnode_read_fail(r);
    argument = 0;
    while (size--) argument = argument << 8 | *r->at++;
  }
  *major = first >> 5;
  return argument;
}

/* The argument of the next item, which must be of one major type. */
static inline uint64_t wnode_read_argument(wnode_reader *r, uint8_t want) {
  uint8_t major;
  uint64_t argument = wnode_read_head(r, &major);
  return major == want ? argument : wnode_read_fail(r);
}

static inline int64_t wnode_read_int(wnode_reader *r) {
  uint8_t major;
  uint64_t argument = wnode_read_head(r, &major);
  if (major > 1 || argument > INT64_MAX) return (int64_t)wnode_read_fail(r);
  return major == 0 ? (int64_t)argument : -1 - (int64_t)argument;
}

static inline const uint8_t *wnode_read_string(wnode_reader *r, uint8_t major, uint32_t *n) {
  uint64_t length = wnode_read_argument(r, major);
  if (length > (uint64_t)(r->end - r->at)) length = wnode_read_fail(r);
  const uint8_t *start = r->at;
  r->at += length;
  *n = (uint32_t)length;
  return start;
}

/* The bytes stay in the buffer that is read from; there is no zero byte behind them. */
static inline const uint8_t *wnode_read_bytes(wnode_reader *r, uint32_t *n) { return wnode_read_string(r, 2, n); }

static inline const char *wnode_read_text(wnode_reader *r, uint32_t *n) {
  return (const char *)wnode_read_string(r, 3, n);
}

/* Reads a text and tells whether it is this one. */
static inline int wnode_read_is_text(wnode_reader *r, const char *want, uint32_t want_len) {
  uint32_t n;
  const char *text = wnode_read_text(r, &n);
  if (r->failed || n != want_len) return 0;
  while (n > 0 && text[n - 1] == want[n - 1]) n--;
  return n == 0;
}

/* The number of elements, which follow; of entries for a map. There is at least a byte for each. */
static inline uint32_t wnode_read_array(wnode_reader *r) {
  uint64_t n = wnode_read_argument(r, 4);
  return (uint32_t)(n > (uint64_t)(r->end - r->at) ? wnode_read_fail(r) : n);
}

static inline uint32_t wnode_read_map(wnode_reader *r) {
  uint64_t n = wnode_read_argument(r, 5);
  return (uint32_t)(n > (uint64_t)(r->end - r->at) / 2 ? wnode_read_fail(r) : n);
}

static inline int wnode_read_bool(wnode_reader *r) {
  uint64_t n = wnode_read_argument(r, 7);
  return n == 20 || n == 21 ? n == 21 : (int)wnode_read_fail(r);
}

static inline wnode_pid wnode_read_id(wnode_reader *r, uint64_t tag) {
  wnode_pid id = {0, 0};
  uint32_t n = 0;
  if (wnode_read_argument(r, 6) != tag) wnode_read_fail(r);
  const uint8_t *bytes = wnode_read_bytes(r, &n);
  if (n != sizeof id) {
    wnode_read_fail(r);
    return id;
  }
  for (int i = 7; i >= 0; i--) {
    id.node = id.node << 8 | bytes[i];
    id.num = id.num << 8 | bytes[8 + i];
  }
  return id;
}

static inline wnode_pid wnode_read_pid(wnode_reader *r) { return wnode_read_id(r, WNODE_TAG_PID); }

static inline wnode_ref wnode_read_ref(wnode_reader *r) {
  wnode_pid id = wnode_read_id(r, WNODE_TAG_REF);
  wnode_ref ref = {id.node, id.num};
  return ref;
}

/* Passes over the next item, whatever it is, with all that is in it. */
static inline void wnode_read_skip(wnode_reader *r) {
  for (uint64_t items = 1; items > 0 && !r->failed; items--) {
    uint8_t major;
    uint64_t argument = wnode_read_head(r, &major), left = (uint64_t)(r->end - r->at);
    if (major >= 2 && major <= 5 && argument > left)
      wnode_read_fail(r);
    else if (major == 2 || major == 3)
      r->at += argument;
    else if (major == 4 || major == 5)
      items += (major - 3) * argument;
    else if (major == 6)
      items++;
  }
}

#endif /* WNODE_CBOR_H */
