//! Ports for servers that a test starts, stops and starts again.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, TcpListener},
    path::Path,
    sync::{Mutex, PoisonError},
};

/// Below those that a system gives to whoever asks for any: while a server is down, nobody is given its port.
const RANGE: std::ops::Range<u16> = 10_000..32_000;
/// Ports that this process was given. Until it ends no other one is, though a server may take seconds to listen.
static GIVEN: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// Ports of loopback that nobody listens on, and that nobody else is given.
pub fn free_ports<const N: usize>() -> [u16; N] {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ports");
    fs::create_dir_all(&folder).unwrap();
    [(); N].map(|()| {
        let mut any = std::iter::repeat_with(|| rand::random_range(RANGE));
        let is_free = |port: &u16| {
            let file = File::create(folder.join(port.to_string())).unwrap();
            let free = file.try_lock().is_ok() && TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
            if free {
                GIVEN.lock().unwrap_or_else(PoisonError::into_inner).push(file);
            }
            free
        };
        any.find(is_free).unwrap()
    })
}
