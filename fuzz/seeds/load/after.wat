;; SPDX-License-Identifier: Apache-2.0
;; A function that is called after the answer was read, and a start function.
(module
  (memory (export "memory") 4)
  ;; The description: name, version, summary, schema, and four empty lists.
  (data (i32.const 256) "\00\02\00\00\07\00\00\00\08\02\00\00\01\00\00\00\00\02\00\00\07\00\00\00\0a\02\00\00\02\00\00\00")
  (data (i32.const 512) "hostile 1 {}")
  (global $top (mut i32) (i32.const 65536))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $top) (i32.const 15)) (i32.const -16)))
    (global.set $top (i32.add (local.get $at) (local.get 3)))
    (local.get $at))
  (func (export "paasla:rule/ruling@0.1.0#describe") (result i32) i32.const 256)
  (func (export "paasla:rule/ruling@0.1.0#configure") (param i32 i32 i32 i32 i32 i32) (result i32)
    i32.const 1024)
  (func (export "paasla:rule/ruling@0.1.0#decide") (param i32) (result i32)
    i32.const 1024)
  (func (export "paasla:rule/ruling@0.1.0#review") (param i32) (result i32)
    i32.const 1024)
  (func (export "cabi_post_paasla:rule/ruling@0.1.0#decide") (param i32) (drop (local.get 0)))
  (func $start (i32.store (i32.const 9000) (i32.const 1)))
  (start $start))
