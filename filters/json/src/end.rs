//! Noticing that a JSON object is whole while its text comes in fragments.

/// Follows one JSON object, cut anywhere, without keeping it.
#[derive(Clone, Copy, Debug, Default)]
pub struct ObjectEnd {
    depth: u32,
    in_string: bool,
    escaped: bool,
    reached: bool,
}

impl ObjectEnd {
    pub fn read(&mut self, fragment: &str) {
        for byte in fragment.bytes() {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_string => self.escaped = true,
                b'"' => self.in_string = !self.in_string,
                _ if self.in_string => {}
                b'{' | b'[' => self.depth = self.depth.saturating_add(1),
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    self.reached = self.depth == 0;
                }
                _ => {}
            }
        }
    }

    /// Whether the last bracket that was opened has been closed.
    pub fn is_reached(self) -> bool {
        self.reached && self.depth == 0
    }
}
