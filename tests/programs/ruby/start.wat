;; The _start of Ruby: the Ruby of npm is a library that JavaScript drives. It sets Ruby up with the arguments of the
;; program, the first of which is a script, and has it load the script.
(module
  (import "ruby" "memory" (memory 0))
  (import "ruby" "cabi_realloc" (func $realloc (param i32 i32 i32 i32) (result i32)))
  (import "ruby" "ruby-init: func(args: list<string>) -> ()" (func $init (param i32 i32)))
  (import "ruby" "rb-eval-string-protect: func(str: string) -> tuple<handle<rb-abi-value>, s32>" (func $eval (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))

  ;; Options that have Ruby read no program, of 6, 8 and 6 bytes. What is behind them becomes ARGV.
  (data $options "ruby\00\00-EUTF-8\00-e_=0\00")
  (data $load "status = begin\n"
    "  $0 = ARGV.shift\n"
    "  load $0\n"
    "  0\n"
    "rescue SystemExit => e\n"
    "  e.status\n"
    "rescue Exception => e\n"
    "  $stderr.print e.full_message(highlight: false)\n"
    "  1\n"
    "end\n"
    "$stdout.flush\n"
    "exit!(status)\00")

  (func $allocate (param $size i32) (result i32)
    (call $realloc (i32.const 0) (i32.const 0) (i32.const 4) (local.get $size)))

  ;; Writes a string of a list: its address, and its length with the zero behind it.
  (func $put (param $list i32) (param $index i32) (param $at i32) (param $length i32)
    (local.set $list (i32.add (local.get $list) (i32.shl (local.get $index) (i32.const 3))))
    (i32.store (local.get $list) (local.get $at))
    (i32.store offset=4 (local.get $list) (local.get $length)))

  (func $length (param $at i32) (result i32) (local $end i32)
    (local.set $end (local.get $at))
    (loop $next
      (local.set $end (i32.add (local.get $end) (i32.const 1)))
      (br_if $next (i32.load8_u (i32.sub (local.get $end) (i32.const 1)))))
    (i32.sub (local.get $end) (local.get $at)))

  (func (export "_start") (local $sizes i32) (local $count i32) (local $args i32) (local $list i32) (local $text i32) (local $i i32)
    (local.set $sizes (call $allocate (i32.const 8)))
    (drop (call $args_sizes_get (local.get $sizes) (i32.add (local.get $sizes) (i32.const 4))))
    (local.set $count (i32.load (local.get $sizes)))
    (local.set $args (call $allocate (i32.shl (local.get $count) (i32.const 2))))
    (drop (call $args_get (local.get $args) (call $allocate (i32.load offset=4 (local.get $sizes)))))

    ;; The name of the program makes place for the three options.
    (local.set $list (call $allocate (i32.shl (i32.add (local.get $count) (i32.const 2)) (i32.const 3))))
    (local.set $text (call $allocate (i32.const 20)))
    (memory.init $options (local.get $text) (i32.const 0) (i32.const 20))
    (call $put (local.get $list) (i32.const 0) (local.get $text) (i32.const 5))
    (call $put (local.get $list) (i32.const 1) (i32.add (local.get $text) (i32.const 6)) (i32.const 8))
    (call $put (local.get $list) (i32.const 2) (i32.add (local.get $text) (i32.const 14)) (i32.const 6))
    (local.set $i (i32.const 1))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $i) (local.get $count)))
        (local.set $text (i32.load (i32.add (local.get $args) (i32.shl (local.get $i) (i32.const 2)))))
        (call $put (local.get $list) (i32.add (local.get $i) (i32.const 2)) (local.get $text) (call $length (local.get $text)))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))
    (call $init (local.get $list) (i32.add (local.get $count) (i32.const 2)))

    (local.set $text (call $allocate (i32.const 188)))
    (memory.init $load (local.get $text) (i32.const 0) (i32.const 188))
    (drop (call $eval (local.get $text) (i32.const 188)))
    (unreachable)))
