//! Where things stand in an expression's source: the parser knows single tokens, people want whole phrases.

use std::ops::Range;

/// An expression's source with its strings masked, so that brackets can be counted.
#[derive(Debug)]
pub(super) struct Source<'a> {
    pub text: &'a str,
    /// Whether a byte is inside a string literal.
    quoted: Vec<bool>,
}

impl<'a> Source<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let bytes = text.as_bytes();
        let mut quoted = vec![false; bytes.len()];
        let mut at = 0;
        while at < bytes.len() {
            let quote = bytes[at];
            if quote != b'"' && quote != b'\'' {
                at += 1;
                continue;
            }
            let raw = at > 0 && matches!(bytes[at - 1], b'r' | b'R');
            let width = if bytes[at..].starts_with(&[quote; 3]) { 3 } else { 1 };
            let start = at;
            at += width;
            while at < bytes.len() && !bytes[at..].starts_with(&[quote; 3][..width]) {
                at += if bytes[at] == b'\\' && !raw { 2 } else { 1 };
            }
            at = (at + width).min(bytes.len());
            quoted[start..at].fill(true);
        }
        Self { text, quoted }
    }

    fn unquoted(&self, range: Range<usize>) -> impl DoubleEndedIterator<Item = (usize, u8)> {
        let range = range.start.min(self.text.len())..range.end.min(self.text.len());
        range.filter(|&at| !self.quoted[at]).map(|at| (at, self.text.as_bytes()[at]))
    }

    /// The deepest nesting of brackets, `?:` counted as one each.
    pub(super) fn nesting(&self) -> usize {
        let (mut depth, mut deepest, mut conditions) = (0_usize, 0, 0);
        for (_, byte) in self.unquoted(0..self.text.len()) {
            match byte {
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' => depth = depth.saturating_sub(1),
                b'?' => conditions += 1,
                _ => {}
            }
            deepest = deepest.max(depth + conditions);
        }
        deepest
    }

    /// From the first byte after `from` that is the bracket's closing one, that byte included.
    pub(super) fn through(&self, from: usize, closing: u8) -> usize {
        self.unquoted(from..self.text.len()).find(|(_, byte)| *byte == closing).map_or(from, |(at, _)| at + 1)
    }

    /// The start of the name that ends before `at`.
    pub(super) fn name_before(&self, at: usize) -> usize {
        let name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let head = self.text.as_bytes().get(..at).unwrap_or_default();
        head.len() - head.iter().rev().take_while(|&&byte| name(byte)).count()
    }

    /// The end of the name that starts after `at`, blanks skipped.
    pub(super) fn name_after(&self, at: usize) -> usize {
        let tail = self.text.as_bytes().get(at..).unwrap_or_default();
        let blanks = tail.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        at + blanks + tail[blanks..].iter().take_while(|&&byte| name(byte)).count()
    }

    /// The span, widened until its brackets are in pairs.
    pub(super) fn balanced(&self, mut span: Range<usize>) -> Range<usize> {
        loop {
            let (mut open, mut unopened) = (0_usize, 0_usize);
            for (_, byte) in self.unquoted(span.clone()) {
                match byte {
                    b'(' | b'[' => open += 1,
                    b')' | b']' if open > 0 => open -= 1,
                    b')' | b']' => unopened += 1,
                    _ => {}
                }
            }
            let before = self.unquoted(0..span.start).rev().find(|(_, byte)| matches!(byte, b'(' | b'['));
            let after = self.unquoted(span.end..self.text.len()).find(|(_, byte)| matches!(byte, b')' | b']'));
            match (unopened, open, before, after) {
                (1.., _, Some((at, _)), _) => span.start = at,
                (0, 1.., _, Some((at, _))) => span.end = at + 1,
                _ => return span,
            }
        }
    }

    /// The byte at a line (from 1) and column (from 1, in characters).
    pub(super) fn byte_at(&self, line: isize, column: isize) -> usize {
        let line = usize::try_from(line - 1).unwrap_or(0);
        let column = usize::try_from(column - 1).unwrap_or(0);
        let start: usize = self.text.split_inclusive('\n').take(line).map(str::len).sum();
        let rest = &self.text[start.min(self.text.len())..];
        start + rest.char_indices().nth(column).map_or(rest.len(), |(at, _)| at)
    }
}
