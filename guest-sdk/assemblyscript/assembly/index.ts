// Lets an AssemblyScript program be a process of a wnode node. Calls that fail give a number below 0,
// one of Errno; those that give an object give null then, and lastError says why. Messages are bytes
// here: terms are CBOR, for which any codec will do.

import * as host from "./host";

export * from "./host";

/** The number of the last call of this file that gave null. */
export let lastError: i32 = 0;

/** Names a process for ever, on every node. Both numbers 0: no process. */
export class Pid {
  constructor(public node: u64 = 0, public num: u64 = 0) {}

  @operator("==")
  equals(other: Pid): bool {
    return this.node == other.node && this.num == other.num;
  }
}

/** Names a monitor, an alias or a timer. */
export class Ref {
  constructor(public node: u64 = 0, public num: u64 = 0) {}

  @operator("==")
  equals(other: Ref): bool {
    return this.node == other.node && this.num == other.num;
  }

  /** The pid that messages for an alias are sent to. */
  get pid(): Pid {
    return new Pid(this.node, this.num);
  }
}

/** The group leader, as a device. */
export const STANDARD = new Pid();

/** The pid of this process. */
export function selfPid(): Pid {
  const pid = new Pid();
  host.self(changetype<usize>(pid));
  return pid;
}

/** The name of the node that this process runs on. */
export function nodeName(): string {
  const name = read((buffer, capacity) => host.node_name(buffer, capacity));
  return name ? String.UTF8.decode(name.buffer) : "";
}

/** Sends a message to a process of any node. That there is no such process is no error. */
export function sendTo(pid: Pid, message: Uint8Array): i32 {
  return host.send(pid.node, pid.num, message.dataStart, <u32>message.length);
}

/** sendTo with flags, SEND_NO_CONNECT and SEND_NO_SUSPEND: NOT_CONNECTED or WOULD_WAIT when they forbid it. */
export function sendWith(flags: i32, pid: Pid, message: Uint8Array): i32 {
  return host.send_with(pid.node, pid.num, flags, message.dataStart, <u32>message.length);
}

/** Waits for the next message, at most so many nanoseconds, and takes it. */
export function receiveMessage(timeout: i64 = host.INFINITY): Uint8Array | null {
  waiting = timeout;
  return read((buffer, capacity) => host.receive(waiting, buffer, capacity));
}

/**
 * Sends a message to a process of any node and then does what receiveMessage does, in one call of the node:
 * who answers one message after the other saves half of the calls. null also when the message could not be sent.
 */
export function sendReceive(pid: Pid, message: Uint8Array, timeout: i64 = host.INFINITY): Uint8Array | null {
  receiver = pid;
  sending = message;
  waiting = timeout;
  return read((buffer, capacity) => {
    const to = receiver;
    const sent = sending;
    receiver = null;
    sending = null;
    if (to && sent) return host.send_receive(to.node, to.num, sent.dataStart, <u32>sent.length, waiting, buffer, capacity);
    return host.receive(waiting, buffer, capacity); // what has come was larger than the buffer, and is still the next
  });
}

// What receiveMessage and sendReceive work with: functions do not close over variables here.
let waiting: i64 = 0;
let receiver: Pid | null = null;
let sending: Uint8Array | null = null;

/** Looks past every message that is there now, until a message is taken. */
export function markMailbox(): i32 {
  return host.mark();
}

/** Links this process with another of any node. */
export function linkTo(pid: Pid): i32 {
  return host.link(pid.node, pid.num);
}

/** Takes a link back. */
export function unlinkFrom(pid: Pid): i32 {
  return host.unlink(pid.node, pid.num);
}

/** Says whether exit signals become messages, and gives what was set before, 0 or 1. */
export function trapExits(on: bool): i32 {
  return host.trap_exits(on);
}

/** Sets this process's share of a processor, 1 low to 4 max, and gives what was set before. */
export function setPriority(priority: i32): i32 {
  return host.set_priority(priority);
}

/** Asks for a DOWN message when a process ends. */
export function monitorPid(pid: Pid): Ref | null {
  const ref = new Ref();
  return named(host.monitor(pid.node, pid.num, changetype<usize>(ref)), ref);
}

/** monitorPid with a ref that is an alias too; mode is one of ALIAS_*. */
export function monitorAlias(pid: Pid, mode: i32): Ref | null {
  const ref = new Ref();
  return named(host.monitor_alias(pid.node, pid.num, mode, changetype<usize>(ref)), ref);
}

/** Takes a monitor back, with flush its message too if that has come. 1 if it still stood, else 0. */
export function demonitorRef(ref: Ref, flush: bool): i32 {
  return host.demonitor(ref.node, ref.num, flush);
}

/** Makes an alias of this process; mode is ALIAS_EXPLICIT or ALIAS_REPLY. */
export function makeAlias(mode: i32): Ref | null {
  const ref = new Ref();
  return named(host.alias(mode, changetype<usize>(ref)), ref);
}

/** Ends an alias. 1 if it was active, else 0. */
export function endAlias(ref: Ref): i32 {
  return host.unalias(ref.node, ref.num);
}

/** Sends a message to a process of this node after so many nanoseconds, and gives the timer. */
export function sendAfter(delay: i64, pid: Pid, message: Uint8Array): Ref | null {
  const ref = new Ref();
  const result = host.send_after(delay, pid.node, pid.num, message.dataStart, <u32>message.length, changetype<usize>(ref));
  return named(result, ref);
}

/** sendAfter with the message ["timeout", timer, message]; message is one term. */
export function startTimer(delay: i64, pid: Pid, message: Uint8Array): Ref | null {
  const ref = new Ref();
  const result = host.start_timer(delay, pid.node, pid.num, message.dataStart, <u32>message.length, changetype<usize>(ref));
  return named(result, ref);
}

/** Stops a timer. Gives the nanoseconds that were left, or Errno.NO_TIMER. */
export function cancelTimer(timer: Ref): i64 {
  return host.cancel_timer(timer.node, timer.num);
}

/** Gives the nanoseconds until a timer fires, or Errno.NO_TIMER. */
export function readTimer(timer: Ref): i64 {
  return host.read_timer(timer.node, timer.num);
}

/** Gives a process of this node a name on this node. */
export function registerName(name: string, pid: Pid): i32 {
  const text = Uint8Array.wrap(String.UTF8.encode(name));
  return host.register(text.dataStart, text.length, pid.node, pid.num);
}

/** Looks up a name of this node. */
export function whereisName(name: string): Pid | null {
  const text = Uint8Array.wrap(String.UTF8.encode(name));
  const pid = new Pid();
  return found(host.whereis(text.dataStart, text.length, changetype<usize>(pid)), pid);
}

/** Gives a process of any node a name on all connected nodes. */
export function globalRegisterName(name: string, pid: Pid): i32 {
  const text = Uint8Array.wrap(String.UTF8.encode(name));
  return host.global_register(text.dataStart, text.length, pid.node, pid.num);
}

/** Looks up a global name. */
export function globalWhereisName(name: string): Pid | null {
  const text = Uint8Array.wrap(String.UTF8.encode(name));
  const pid = new Pid();
  return found(host.global_whereis(text.dataStart, text.length, changetype<usize>(pid)), pid);
}

/** Writes a line to an I/O server, on any node, and waits until it has it. */
export function puts(line: string, device: Pid = STANDARD): i32 {
  const text = Uint8Array.wrap(String.UTF8.encode(line + "\n"));
  return host.io_write(device.node, device.num, text.dataStart, text.length);
}

/** Ends the process with a line in the node's log. Compile with --use abort=.../index/abort. */
export function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  const reason = (file ? file : "?") + ":" + line.toString() + ":" + column.toString() + ": " + (message ? message : "abort");
  const text = Uint8Array.wrap(String.UTF8.encode(reason));
  host.log(8, text.dataStart, text.length);
  unreachable();
}

function found(result: i32, pid: Pid): Pid | null {
  if (result >= 0) return pid;
  lastError = result;
  return null;
}

function named(result: i32, ref: Ref): Ref | null {
  if (result >= 0) return ref;
  lastError = result;
  return null;
}

/** Calls until the buffer is large enough for all that there is. */
function read(call: (buffer: usize, capacity: u32) => i32): Uint8Array | null {
  let buffer = new Uint8Array(512);
  while (true) {
    const n = call(buffer.dataStart, buffer.length);
    if (n < 0) {
      lastError = n;
      return null;
    }
    if (n <= buffer.length) return buffer.slice(0, n);
    buffer = new Uint8Array(n);
  }
}
