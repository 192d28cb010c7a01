;; One component calls its sibling, again and again, and none of the calls ever ends.
(component
  (component $inner
    (core module $memory (memory (export "memory") 1))
    (core instance $memory (instantiate $memory))
    (core func $set (canon waitable-set.new))
    (core func $wait (canon waitable-set.wait (memory $memory "memory")))
    (core func $return (canon task.return))
    (core module $m
      (import "" "set" (func $set (result i32)))
      (import "" "wait" (func $wait (param i32 i32) (result i32)))
      (import "" "return" (func $return))
      ;; Waits as a callback does, without a stack.
      (func (export "parks") (result i32) (i32.or (i32.const 2) (i32.shl (call $set) (i32.const 4))))
      (func (export "callback") (param i32 i32 i32) (result i32) (unreachable))
      ;; Waits on its stack.
      (func (export "blocks") (drop (call $wait (call $set) (i32.const 0))))
    )
    (core instance $i (instantiate $m (with "" (instance
      (export "set" (func $set)) (export "wait" (func $wait)) (export "return" (func $return))))))
    (func (export "parks") async
      (canon lift (core func $i "parks") async (callback (core func $i "callback"))))
    (func (export "blocks") async (canon lift (core func $i "blocks")))
  )
  (type $mode' (enum "script" "session" "test" "check" "compile"))
  (export $mode "mode" (type $mode'))
  (type $program' (record
    (field "name" string) (field "source" (list u8)) (field "arguments" (list string))
    (field "environment" (list (tuple string string)))
    (field "heap" u64) (field "longest-run" u64) (field "parked" u32)
    (field "mode" $mode) (field "compiled" bool)))
  (export $program "program" (type $program'))
  (type $kind' (enum "syntax" "runtime"))
  (export $kind "script-error-kind" (type $kind'))
  (type $error' (record (field "kind" $kind) (field "origin" string) (field "message" string) (field "trace" string)))
  (export $error "script-error" (type $error'))
  (component $caller
    (import "mode" (type $mode (eq $mode')))
    (type $program'' (record
      (field "name" string) (field "source" (list u8)) (field "arguments" (list string))
      (field "environment" (list (tuple string string)))
      (field "heap" u64) (field "longest-run" u64) (field "parked" u32) (field "mode" $mode) (field "compiled" bool)))
    (import "program" (type $program (eq $program'')))
    (import "kind" (type $kind (eq $kind')))
    (type $error'' (record (field "kind" $kind) (field "origin" string) (field "message" string) (field "trace" string)))
    (import "error" (type $error (eq $error'')))
    (import "parks" (func $parks async))
    (import "blocks" (func $blocks async))
    (core module $libc
      (memory (export "memory") 1)
      (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
    (core instance $libc (instantiate $libc))
    (core func $parks (canon lower (func $parks) async (memory $libc "memory")))
    (core func $blocks (canon lower (func $blocks) async (memory $libc "memory")))
    (core module $m
      (import "" "parks" (func $parks (result i32)))
      (import "" "blocks" (func $blocks (result i32)))
      (func (export "run") (param i32 i32 i32 i32 i32 i32 i32 i32 i64 i64 i32 i32 i32) (result i32)
        (if (local.get 3)
          (then (loop $on (drop (call $parks)) (br $on)))
          (else (loop $on (drop (call $blocks)) (br $on))))
        (i32.const 0)))
    (core instance $m (instantiate $m (with "" (instance
      (export "parks" (func $parks)) (export "blocks" (func $blocks))))))
    (type $run (func async (param "program" $program) (result (result (error $error)))))
    (func (export "run") (type $run)
      (canon lift (core func $m "run") (memory $libc "memory") (realloc (core func $libc "realloc")))))
  (instance $inner (instantiate $inner))
  (instance $caller (instantiate $caller
    (with "mode" (type $mode)) (with "program" (type $program)) (with "kind" (type $kind)) (with "error" (type $error))
    (with "parks" (func $inner "parks")) (with "blocks" (func $inner "blocks"))))
  (export "run" (func $caller "run")))
