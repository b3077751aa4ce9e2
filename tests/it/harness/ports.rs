//! Ports for servers that a test starts, stops and starts again.

use std::net::{Ipv4Addr, TcpListener};

/// Below those that a system gives to whoever asks for any: while a server is down, nobody is given its port.
const RANGE: std::ops::Range<u16> = 10_000..32_000;

/// Ports of loopback that nobody listens on.
pub fn free_ports<const N: usize>() -> [u16; N] {
    let free = [(); N].map(|()| {
        let mut at = std::iter::repeat_with(|| rand::random_range(RANGE));
        at.find_map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()).unwrap()
    });
    free.each_ref().map(|at| at.local_addr().unwrap().port())
}
