;; What the Ruby of npm imports to give its values to JavaScript as handles. Nobody here looks into one, so a
;; handle is the value itself.
(module
  (func (export "resource_new_rb-abi-value") (param i32) (result i32) (local.get 0))
  (func (export "resource_get_rb-abi-value") (param i32) (result i32) (local.get 0))
  (func (export "resource_drop_js-abi-value") (param i32)))
