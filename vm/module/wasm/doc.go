// Package wasm reads and writes the binary format of WebAssembly 2.0: the core specification,
// chapter 5, with sign extension, saturating conversions, multiple values, bulk memory, reference
// types and SIMD; and of later proposals tail calls, extended constant expressions, and the atomic instructions of
// threads. What it knows by name and does not read is a [FeatureError].
//
// [Decode] takes a module apart into a [Module] and [Module.Encode] puts it together again. The code
// of a function stays bytes; [Instructions] walks through it. Decoding checks the form, bounds every count
// by the bytes that are there and by [limits of its own], and the index spaces; it does not check types, which is
// the compiler's work.
//
// The decoder is at least as strict as the compiler that gets the result, so that there are no two
// opinions of where an instruction ends: of the encodings of a vector instruction it takes the
// shortest alone.
//
// [limits of its own]: https://webassembly.github.io/spec/js-api/#limits
package wasm
