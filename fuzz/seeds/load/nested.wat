;; SPDX-License-Identifier: Apache-2.0
;; Components and types in one another.
(component
  (type (instance (type (record (field "a" u32))) (export "f" (func (param "x" string) (result string)))))
  (type (component (type (variant (case "a") (case "b" (list u8)))) (export "i" (instance))))
  (component $inner
    (core module $m (func (export "f") (result i32) (i32.const 1)))
    (core instance $i (instantiate $m))
    (func (export "f") (result u32) (canon lift (core func $i "f"))))
  (instance $a (instantiate $inner))
  (instance $b (instantiate $inner))
  (alias export $a "f" (func $f))
  (core func $lowered (canon lower (func $f)))
  (export "f" (func $f)))
