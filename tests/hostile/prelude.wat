  ;; What every attack imports, under the names of wit-component: each function once as the ABI's plain call, which
  ;; waits, and each async one as `…-begin`, which returns a subtask.
  (import "atoll:net/console@0.1.0" "write-line" (func $write-line (param i32 i32 i32)))
  (import "atoll:net/console@0.1.0" "report" (func $report (param i32 i32 i32 i32 i32 i32 i32)))
  (import "atoll:net/functions@0.1.0" "call" (func $call-host (param i32 i32 i32 i32)))
  (import "atoll:net/modules@0.1.0" "look" (func $look (param i32 i32 i32)))
  (import "atoll:net/modules@0.1.0" "read" (func $read-file (param i32 i32 i32)))
  (import "atoll:net/terminal@0.1.0" "read-line" (func $read-line (param i32 i32)))
  (import "atoll:net/terminal@0.1.0" "[async-lower]interrupted" (func $interrupted-begin (result i32)))
  (import "atoll:net/terminal@0.1.0" "take-interrupt" (func $take-interrupt (result i32)))
  (import "atoll:net/test@0.1.0" "plan" (func $plan (param i32 i32 i32)))
  (import "atoll:net/test@0.1.0" "begin" (func $begin-test (param i32) (result i32)))
  (import "atoll:net/test@0.1.0" "end" (func $end-test))
  (import "atoll:net/timer@0.1.0" "sleep" (func $sleep (param i64 i32)))
  (import "atoll:net/timer@0.1.0" "[async-lower]sleep" (func $sleep-begin (param i64 i32) (result i32)))
  (import "atoll:net/http-client@0.1.0" "begin"
    (func $ask (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i64 i64 i32 i32 i32 i32 i32) (result i64)))
  (import "atoll:net/http-client@0.1.0" "outcomes" (func $outcomes (param i32 i32)))
  (import "atoll:net/http-client@0.1.0" "[async-lower]outcomes" (func $outcomes-begin (param i32 i32) (result i32)))
  (import "atoll:net/http-client@0.1.0" "give-up" (func $give-up (param i64)))
  (import "atoll:net/http-server@0.1.0" "[static]server.listen"
    (func $listen (param i32 i32 i32 i32 i64 i32 i64 i32 i32 i32 i32 i32 i32 i32)))
  (import "atoll:net/http-server@0.1.0" "[method]server.address" (func $address (param i32 i32)))
  (import "atoll:net/http-server@0.1.0" "[method]server.port" (func $port (param i32) (result i32)))
  (import "atoll:net/http-server@0.1.0" "[method]server.accept" (func $accept (param i32 i32 i32)))
  (import "atoll:net/http-server@0.1.0" "[async-lower][method]server.accept"
    (func $accept-begin (param i32 i32 i32) (result i32)))
  (import "atoll:net/http-server@0.1.0" "[method]server.close" (func $close (param i32)))
  (import "atoll:net/http-server@0.1.0" "[async-lower][method]server.close"
    (func $close-begin (param i32) (result i32)))
  (import "atoll:net/http-server@0.1.0" "respond" (func $respond (param i32 i32 i32 i32 i32 i32 i32)))
  (import "atoll:net/http-server@0.1.0" "respond-in-pieces" (func $respond-in-pieces (param i32 i32 i32 i32 i32)))
  (import "atoll:net/http-server@0.1.0" "upgrade" (func $upgrade (param i32 i32 i32 i64 i32)))
  (import "atoll:net/http-server@0.1.0" "[resource-drop]server" (func $drop-server (param i32)))
  (import "atoll:net/http-server@0.1.0" "[resource-drop]exchange" (func $drop-exchange (param i32)))
  (import "atoll:net/types@0.1.0" "[method]incoming-body.read" (func $read (param i32 i32 i32)))
  (import "atoll:net/types@0.1.0" "[async-lower][method]incoming-body.read"
    (func $read-begin (param i32 i32 i32) (result i32)))
  (import "atoll:net/types@0.1.0" "[method]outgoing-body.write" (func $write (param i32 i32 i32 i32)))
  (import "atoll:net/types@0.1.0" "[async-lower][method]outgoing-body.write"
    (func $write-begin (param i32 i32 i32 i32) (result i32)))
  (import "atoll:net/types@0.1.0" "[static]outgoing-body.finish" (func $finish (param i32)))
  (import "atoll:net/types@0.1.0" "[resource-drop]incoming-body" (func $drop-incoming-body (param i32)))
  (import "atoll:net/types@0.1.0" "[resource-drop]outgoing-body" (func $drop-outgoing-body (param i32)))
  (import "atoll:net/websocket@0.1.0" "connect"
    (func $connect (param i32 i32 i32 i32 i32 i32 i64 i64 i32 i32 i32 i32)))
  (import "atoll:net/websocket@0.1.0" "[async-lower]connect" (func $connect-begin (param i32 i32) (result i32)))
  (import "atoll:net/websocket@0.1.0" "[method]socket.protocol" (func $protocol (param i32 i32)))
  (import "atoll:net/websocket@0.1.0" "[method]socket.receive" (func $receive (param i32 i32 i32)))
  (import "atoll:net/websocket@0.1.0" "[async-lower][method]socket.receive"
    (func $receive-begin (param i32 i32 i32) (result i32)))
  (import "atoll:net/websocket@0.1.0" "[method]socket.send" (func $send-message (param i32 i32 i32 i32 i32)))
  (import "atoll:net/websocket@0.1.0" "[method]socket.ping" (func $ping (param i32 i32 i32 i32)))
  (import "atoll:net/websocket@0.1.0" "[method]socket.writable" (func $writable (param i32)))
  (import "atoll:net/websocket@0.1.0" "[async-lower][method]socket.writable"
    (func $writable-begin (param i32) (result i32)))
  (import "atoll:net/websocket@0.1.0" "[method]socket.close" (func $close-socket (param i32 i32 i32 i32)))
  (import "atoll:net/websocket@0.1.0" "[async-lower][method]socket.close"
    (func $close-socket-begin (param i32 i32 i32 i32) (result i32)))
  (import "atoll:net/websocket@0.1.0" "[resource-drop]socket" (func $drop-socket (param i32)))
  (import "$root" "[waitable-set-new]" (func $waitable-set-new (result i32)))
  (import "$root" "[waitable-set-wait]" (func $waitable-set-wait (param i32 i32) (result i32)))
  (import "$root" "[waitable-set-poll]" (func $waitable-set-poll (param i32 i32) (result i32)))
  (import "$root" "[waitable-set-drop]" (func $waitable-set-drop (param i32)))
  (import "$root" "[waitable-join]" (func $waitable-join (param i32 i32)))
  (import "$root" "[subtask-cancel]" (func $subtask-cancel (param i32) (result i32)))
  (import "$root" "[subtask-drop]" (func $subtask-drop (param i32)))
  (import "$root" "[backpressure-inc]" (func $backpressure-inc))
  (import "$root" "[thread-yield]" (func $yield (result i32)))
  (import "[export]$root" "[task-return]run" (func $task-return (param i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "[export]$root" "[task-cancel]" (func $task-cancel))

  ;; 2 MiB at first: the host's answers at 64, the test's data from 4096, what the host allocates from 1 MiB.
  (memory (export "memory") 32)
  (global $heap (mut i32) (i32.const 0x100000))
  (data (i32.const 16) "ok")
  (data (i32.const 32) "127.0.0.1")
  (global $server (mut i32) (i32.const 0))
  (global $exchange (mut i32) (i32.const 0))
  (global $body (mut i32) (i32.const 0))
  (global $socket (mut i32) (i32.const 0))

  ;; Says the number: `to` 0 is standard output.
  (func $tell (param $number i32)
    (local $at i32)
    (local.set $at (i32.const 60))
    (loop $digits
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i32.store8 (local.get $at) (i32.add (i32.const 48) (i32.rem_u (local.get $number) (i32.const 10))))
      (br_if $digits (local.tee $number (i32.div_u (local.get $number) (i32.const 10)))))
    (call $write-line (i32.const 0) (local.get $at) (i32.sub (i32.const 60) (local.get $at))))

  ;; Says how the result there came out: `ok`, or the number of its error.
  (func $outcome (param $result i32)
    (if (i32.load8_u (local.get $result))
      (then (call $tell (i32.load8_u offset=4 (local.get $result))))
      (else (call $write-line (i32.const 0) (i32.const 16) (i32.const 2)))))

  ;; As `$outcome`, where the error is a text.
  (func $outcome-text (param $result i32)
    (if (i32.load8_u (local.get $result))
      (then (call $write-line (i32.const 0)
        (i32.load offset=4 (local.get $result)) (i32.load offset=8 (local.get $result))))
      (else (call $write-line (i32.const 0) (i32.const 16) (i32.const 2)))))

  ;; Begins a request; how it comes out lies at `$to`, as a result without its number.
  (func $send (param $method i32) (param i32) (param $url i32) (param i32) (param $headers i32) (param i32)
    (param $content i32) (param i32) (param $follow i32) (param $timeout i64) (param $most i64)
    (param $decompress i32) (param $stream i32) (param $extra i32) (param $ca i32) (param i32) (param $to i32)
    (drop (call $ask (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4) (local.get 5)
      (local.get 6) (local.get 7) (local.get 8) (local.get 9) (local.get 10) (local.get 11)
      (local.get 12) (local.get 13) (local.get 14) (local.get 15)))
    (call $come-out (local.get $to)))

  ;; Waits for a request to come out.
  (func $come-out (param $to i32)
    (call $outcomes (i32.const 1) (local.get $to))
    (memory.copy (local.get $to) (i32.add (i32.load (local.get $to)) (i32.const 8)) (i32.const 40)))

  ;; The text of the error there.
  (func $error-text (param $result i32)
    (call $write-line (i32.const 0)
      (i32.load offset=8 (local.get $result)) (i32.load offset=12 (local.get $result))))

  ;; Listens on a free port of the loopback.
  (func $serve
    (call $listen (i32.const 32) (i32.const 9) (i32.const 0) (i32.const 0) (i64.const 0x40000000) (i32.const 1024)
      (i64.const 30000000000) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1)
      (i32.const 64))
    (if (i32.load8_u (i32.const 64)) (then (call $outcome (i32.const 64)) (unreachable)))
    (global.set $server (i32.load (i32.const 68))))

  ;; Waits for one request; `$body` is the handle of its content, where that is large.
  (func $next
    (call $accept (global.get $server) (i32.const 1) (i32.const 64))
    (global.set $exchange (i32.load (i32.load (i32.const 64))))
    (global.set $body (i32.load offset=16 (i32.load (i32.const 64)))))

  ;; Answers it with nothing.
  (func $answer
    (call $respond (global.get $exchange)
      (i32.const 200) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 64)))

  ;; Makes a WebSocket of it.
  (func $agree
    (call $upgrade (global.get $exchange) (i32.const 0) (i32.const 0) (i64.const 1000000) (i32.const 64))
    (if (i32.load8_u (i32.const 64)) (then (call $outcome (i32.const 64)) (unreachable)))
    (global.set $socket (i32.load (i32.const 68))))

  ;; Answers in pieces; returns what takes them.
  (func $begin (result i32)
    (call $respond-in-pieces (global.get $exchange) (i32.const 200) (i32.const 0) (i32.const 0) (i32.const 64))
    (i32.load (i32.const 68)))
