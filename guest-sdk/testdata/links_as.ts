// Tries what the SDK has for links, monitors, aliases, timers and marks. It ends in good order when
// all is as it should be. Messages are the bytes of small integers and of null.

import {
  ALIAS_DEMONITOR, ALIAS_EXPLICIT, ALIAS_REPLY, Errno, MESSAGE_DOWN, MESSAGE_USER, cancelTimer, demonitorRef, endAlias,
  linkTo, makeAlias, markMailbox, message_kind, monitorAlias, monitorPid, puts, readTimer, receiveMessage, rewind, selfPid, sendReceive,
  SEND_NO_CONNECT, SEND_NO_SUSPEND, sendAfter, sendTo, sendWith, setPriority, startTimer, trapExits, unlinkFrom, wait, Pid, Ref,
} from "../assemblyscript/assembly/index";

// assert would be left out by the compiler's --noAssert.
function check(ok: bool, what: string): void {
  if (ok) return;
  puts(what);
  unreachable();
}

const SOON: i64 = 60_000_000_000;
const HOUR: i64 = 3600_000_000_000;

function message(n: u8): Uint8Array {
  const bytes = new Uint8Array(1);
  bytes[0] = n;
  return bytes;
}

function comes(n: u8): void {
  const got = receiveMessage(SOON);
  check(got != null && got.length == 1 && got[0] == n, "message " + n.toString());
}

function nothing(): void {
  check(receiveMessage(0) == null, "nothing");
}

function made(ref: Ref | null): Ref {
  check(ref != null, "a ref");
  return ref!;
}

const me = selfPid();
for (let size = 1; size < 3000; size += 1400) { // larger than the buffer that is tried first, too
  const sent = new Uint8Array(size);
  sent[size - 1] = 7;
  const got = sendReceive(me, sent, SOON);
  check(got != null && got.length == size && got[size - 1] == 7, "send and receive");
}
nothing();
check(trapExits(true) == 0 && trapExits(true) == 1, "trap");
check(setPriority(1) == 2 && setPriority(2) == 1 && setPriority(5) == Errno.BAD_ARGUMENT, "priority");
check(linkTo(me) == 0 && unlinkFrom(me) == 0, "link");

// A process of this node that there never was.
const nobody = new Pid(me.node, u64.MAX_VALUE);
made(monitorPid(nobody));
check(wait(SOON) >= 0 && message_kind() == MESSAGE_DOWN, "DOWN");
check(receiveMessage(0) != null, "DOWN is there");
const gone = made(monitorAlias(nobody, ALIAS_DEMONITOR));
check(demonitorRef(gone, true) == 0, "flushed");
nothing();

const alias = made(makeAlias(ALIAS_EXPLICIT));
sendTo(alias.pid, message(1));
comes(1);
check(endAlias(alias) == 1 && endAlias(alias) == 0, "unalias");
sendTo(alias.pid, message(1));
nothing();
const once = made(makeAlias(ALIAS_REPLY));
sendTo(once.pid, message(2));
sendTo(once.pid, message(2));
comes(2);
nothing();

check(sendWith(SEND_NO_CONNECT, new Pid(1, 1), message(3)) == Errno.NOT_CONNECTED, "not connected");
check(sendWith(SEND_NO_CONNECT | SEND_NO_SUSPEND, me, message(3)) == 0, "flags");
check(markMailbox() == 0, "mark");
check(wait(0) == Errno.TIMED_OUT, "nothing after the mark");
rewind();
check(wait(0) == 1 && message_kind() == MESSAGE_USER, "what was before it");
comes(3);

const timer = made(sendAfter(HOUR, me, message(4)));
check(readTimer(timer) <= HOUR && cancelTimer(timer) <= HOUR, "the time that is left");
check(cancelTimer(timer) == Errno.NO_TIMER, "cancelled");
made(startTimer(0, me, message(0xf6)));
const fired = receiveMessage(SOON);
check(fired != null, "timeout");
check(fired!.length > 1 && fired![0] == 0x83, "an array of three");
