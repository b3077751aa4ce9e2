//! An event stream, read as it comes in (WHATWG HTML, § 9.2.6), within bounds, and with what real servers do otherwise: a
//! byte order mark, lone carriage returns, comments to keep the connection open, JSON that stands there without `data:`.

/// The longest line, in bytes.
const LINE_BYTES: usize = 256 * 1024;
/// The most bytes of one answer.
const ANSWER_BYTES: usize = 4 << 20;

/// The stream says more than anyone wants to hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLong;

/// What has come of a stream.
#[derive(Debug, Default)]
pub(super) struct Stream {
    line: Vec<u8>,
    data: Option<String>,
    after_return: bool,
    bytes: usize,
}

impl Stream {
    /// Takes the next bytes: the data of the events that are complete with them.
    pub fn take(&mut self, bytes: &[u8]) -> Result<Vec<String>, TooLong> {
        self.count(bytes.len())?;
        let mut events = Vec::new();
        for &byte in bytes {
            let after_return = std::mem::replace(&mut self.after_return, byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => events.extend(self.end_of_line()),
                _ if self.line.len() == LINE_BYTES => return Err(TooLong),
                _ => self.line.push(byte),
            }
        }
        Ok(events)
    }

    /// Counts what belongs to the answer and is no event.
    pub fn count(&mut self, bytes: usize) -> Result<(), TooLong> {
        self.bytes += bytes;
        if self.bytes > ANSWER_BYTES { Err(TooLong) } else { Ok(()) }
    }

    /// The stream is over: what was never ended by an empty line.
    pub fn end(mut self) -> Option<String> {
        let last = self.end_of_line();
        last.or(self.data)
    }

    fn end_of_line(&mut self) -> Option<String> {
        let bytes = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&bytes);
        let line = line.trim_start_matches('\u{feff}');
        if line.is_empty() {
            return self.data.take();
        }
        let data = if line.starts_with('{') { Some(line) } else { line.strip_prefix("data:") };
        if let Some(data) = data {
            let data = data.strip_prefix(' ').unwrap_or(data);
            match &mut self.data {
                Some(before) => {
                    before.push('\n');
                    before.push_str(data);
                }
                None => self.data = Some(data.to_owned()),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Vec<String> {
        let mut stream = Stream::default();
        let mut events = stream.take(text.as_bytes()).unwrap();
        events.extend(stream.end());
        events
    }

    #[test]
    fn events_are_read_however_servers_write_them() {
        for text in [
            "data: {\"a\":1}\n\ndata: [DONE]\n\n",
            "data:{\"a\":1}\r\n\r\ndata:[DONE]\r\n\r\n",
            "\u{feff}data: {\"a\":1}\r\rdata: [DONE]\r\r",
            ": keep-alive\n\nevent: chunk\nid: 7\ndata: {\"a\":1}\n\n: ping\ndata: [DONE]",
            "{\"a\":1}\n\ndata: [DONE]\n",
        ] {
            assert_eq!(read(text), ["{\"a\":1}", "[DONE]"], "{text:?}");
        }
        assert_eq!(read("data: {\ndata: }\n\n"), ["{\n}"], "data of several lines is one");
        assert!(read("").is_empty() && read("\n\n: only a comment\n\n").is_empty());
    }

    #[test]
    fn it_is_bounded() {
        assert_eq!(Stream::default().take(&vec![b'a'; LINE_BYTES + 1]), Err(TooLong));
        let line = format!("data: {}\n\n", "a".repeat(1000));
        let mut stream = Stream::default();
        let many = (0..ANSWER_BYTES / 1000 + 1).map(|_| stream.take(line.as_bytes())).find(Result::is_err);
        assert_eq!(many, Some(Err(TooLong)));
    }

    proptest! {
        #[test]
        fn where_it_is_cut_does_not_matter(text in "(data: [a-z世]{0,4}|:|\r\n|\n|\r|\\{\\}){0,12}", at in 0_usize..80) {
            let bytes = text.as_bytes();
            let (first, second) = bytes.split_at(at.min(bytes.len()));
            let mut stream = Stream::default();
            let mut events = stream.take(first).unwrap();
            events.extend(stream.take(second).unwrap());
            events.extend(stream.end());
            prop_assert_eq!(events, read(&text));
        }
    }
}
