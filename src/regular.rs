//! Reading what people put into folders: regular files only, of bounded size, so that reading always ends.

use std::{
    fs,
    io::{self, Read},
    path::Path,
};

/// The first `most` bytes of a file, or of the one that a link leads to.
///
/// # Errors
/// It cannot be opened or read, or is a folder, a pipe, a socket or a device; these are never waited for.
pub(crate) fn read(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    is_regular(&fs::metadata(path)?)?;
    let mut options = fs::OpenOptions::new();
    options.read(true);
    // A pipe may have taken the file's place meanwhile, and opening one waits for a writer.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK);
    let file = options.open(path)?;
    is_regular(&file.metadata()?)?;
    let mut bytes = Vec::new();
    file.take(u64::try_from(most).unwrap_or(u64::MAX)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn is_regular(metadata: &fs::Metadata) -> io::Result<()> {
    let what = match metadata {
        file if file.is_file() => return Ok(()),
        folder if folder.is_dir() => "it is a folder",
        _ => "it is a pipe, a socket or a device",
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, what))
}

/// The text of a file's bytes, without a byte order mark; else the line that is not UTF-8, counted from 1.
pub(crate) fn text(bytes: Vec<u8>) -> Result<String, usize> {
    let mut text = String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        1 + valid.iter().filter(|byte| **byte == b'\n').count()
    })?;
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(text)
}
