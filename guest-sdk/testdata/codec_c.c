// codec_c reads a term from its input with wnode_cbor.h and writes it to its output again. Its exit
// code is 1 for what it cannot read.

#include <stdio.h>

#include "wnode_cbor.h"

static int copy(wnode_reader *r, wnode_writer *w) {
  uint32_t n;
  const uint8_t *bytes;
  wnode_reader next = *r;
  uint8_t major;
  uint64_t argument = wnode_read_head(&next, &major);
  switch (major) {
    case 0:
    case 1:
      wnode_write_int(w, wnode_read_int(r));
      break;
    case 2:
      bytes = wnode_read_bytes(r, &n);
      wnode_write_bytes(w, bytes, n);
      break;
    case 3:
      bytes = (const uint8_t *)wnode_read_text(r, &n);
      wnode_write_text(w, (const char *)bytes, n);
      break;
    case 4:
      n = wnode_read_array(r);
      wnode_write_array(w, n);
      for (uint32_t i = 0; i < n && !r->failed; i++) copy(r, w);
      break;
    case 5:
      n = wnode_read_map(r);
      wnode_write_map(w, n);
      for (uint32_t i = 0; i < n && !r->failed; i++) copy(r, w), copy(r, w);
      break;
    case 6:
      if (argument == WNODE_TAG_PID)
        wnode_write_pid(w, wnode_read_pid(r));
      else
        wnode_write_ref(w, wnode_read_ref(r));
      break;
    default:
      if (argument == 22 && major == 7) {
        wnode_write_null(w);
        wnode_read_skip(r);
      } else {
        wnode_write_bool(w, wnode_read_bool(r));
      }
  }
  return !r->failed;
}

int main(void) {
  static uint8_t in[1 << 16], out[1 << 16];
  size_t n = fread(in, 1, sizeof in, stdin);
  wnode_reader r = wnode_read_from(in, (uint32_t)n), skip = r;
  wnode_writer w = wnode_write_to(out, sizeof out);
  wnode_read_skip(&skip);
  if (!copy(&r, &w) || r.at != r.end || skip.failed || skip.at != skip.end || w.length > w.capacity) return 1;
  return fwrite(out, 1, w.length, stdout) != w.length;
}
