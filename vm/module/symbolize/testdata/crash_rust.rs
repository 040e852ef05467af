//! A guest that panics in a function which was inlined.
#![no_std]
#![no_main]

use core::panic::PanicInfo;

#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    core::arch::wasm32::unreachable()
}

static VALUES: [u32; 3] = [1, 2, 3];

#[no_mangle]
pub static mut UP_TO: usize = 4;

#[inline(always)]
fn pick(values: &[u32], index: usize) -> u32 {
    values[index]
}

#[inline(never)]
fn sum(values: &[u32], up_to: usize) -> u32 {
    (0..up_to).map(|i| pick(values, i)).sum()
}

#[no_mangle]
pub extern "C" fn _start() {
    let up_to = unsafe { core::ptr::read_volatile(&UP_TO) };
    if sum(&VALUES, up_to) == 6 {
        core::arch::wasm32::unreachable()
    }
}
