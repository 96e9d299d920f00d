//! A statement's text in pieces: as much of SQL's grammar as it takes to find its clauses.

/// A statement, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Words<'t>(pub(super) Vec<Token<'t>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'t> {
    /// A name, a keyword or a number.
    Word(&'t str),
    /// `'…'`
    Quoted(&'t str),
    /// `$n`
    Place(usize),
    /// Space, or a single character.
    Other(&'t str),
}

impl<'t> Words<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        let mut tokens = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
            let length = match first {
                '\'' => rest
                    .get(1..)
                    .and_then(|it| it.find('\''))
                    .map_or(1, |at| at + 2),
                '$' => 1 + span(rest.get(1..).unwrap_or_default(), |it| it.is_ascii_digit()),
                _ if is_name(first) => span(rest, is_name),
                _ if first.is_whitespace() => span(rest, char::is_whitespace),
                _ => first.len_utf8(),
            };
            let (token, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
            rest = after;
            tokens.push(match first {
                '\'' => Token::Quoted(token),
                '$' => match token.get(1..).and_then(|number| number.parse().ok()) {
                    Some(number @ 1..) => Token::Place(number),
                    _ => Token::Other(token),
                },
                _ if is_name(first) => Token::Word(token),
                _ => Token::Other(token),
            });
        }
        Self(tokens)
    }

    /// What stands before and after these words, which are not within parentheses; nothing after if
    /// they are not there.
    pub(super) fn cut(&self, words: &str) -> (Self, Option<Self>) {
        match self.find(words) {
            Some((from, to)) => (
                Self(self.0.get(..from).unwrap_or_default().to_vec()),
                Some(Self(self.0.get(to..).unwrap_or_default().to_vec())),
            ),
            None => (self.clone(), None),
        }
    }

    pub(super) fn has(&self, words: &str) -> bool {
        self.find(words).is_some()
    }

    /// What stands after these words; nothing if they are not there.
    pub(super) fn after(&self, words: &str) -> Self {
        self.cut(words).1.unwrap_or(Self(Vec::new()))
    }

    pub(super) fn first(&self) -> Option<&'t str> {
        self.names().next()
    }

    /// The table that an `INSERT INTO`, `UPDATE` or `DELETE FROM` is about.
    pub(super) fn table(&self) -> &'t str {
        let mut names = self.names();
        let at = usize::from(self.first() != Some("UPDATE")) + 1;
        match names.nth(at).unwrap_or_default() {
            "groups" => "`groups`",
            table => table,
        }
    }

    /// The columns between the first parentheses of `ON CONFLICT`, and what an `INSERT` of one row
    /// gives them.
    pub(super) fn inserted(&self, conflict: &Self) -> Vec<(&'t str, Self)> {
        let columns = self.list(0);
        let values = self.after("VALUES").list(0);
        let name = |words: &Self| words.first().unwrap_or_default();
        let keys: Vec<&str> = conflict.list(0).iter().map(name).collect();
        let pairs = columns.iter().map(name).zip(values);
        pairs.filter(|(column, _)| keys.contains(column)).collect()
    }

    /// The first of the columns between the parentheses of `ON CONFLICT`.
    pub(super) fn first_listed(&self) -> &'t str {
        let first = self.list(0).into_iter().next();
        first.and_then(|it| it.first()).unwrap_or_default()
    }

    /// Whether an `INSERT` may be of several rows.
    pub(super) fn writes_several(&self) -> bool {
        let mut depth = 0;
        let mut rows = 0;
        for token in &self.after("VALUES").0 {
            let was = depth;
            depth = deeper(depth, token);
            rows += usize::from((was, depth) == (0, 1));
        }
        rows > 1 || self.has("SELECT")
    }

    /// What stands between the first parentheses from there on, split at its commas.
    fn list(&self, from: usize) -> Vec<Self> {
        let mut items = Vec::new();
        let mut item = Vec::new();
        let mut depth = 0;
        for token in self.0.iter().skip(from) {
            let was = depth;
            depth = deeper(depth, token);
            match (was, depth, token) {
                (0, _, _) => continue,
                (1, 0, _) => break,
                (1, 1, Token::Other(",")) => items.push(Self(std::mem::take(&mut item))),
                _ => item.push(*token),
            }
        }
        items.push(Self(item));
        items
    }

    fn names(&self) -> impl Iterator<Item = &'t str> {
        self.0.iter().filter_map(|token| match token {
            Token::Word(word) => Some(*word),
            _ => None,
        })
    }

    /// From where to where these words stand, with any space between them.
    fn find(&self, words: &str) -> Option<(usize, usize)> {
        let wanted: Vec<&str> = words.split(' ').collect();
        let mut depth = 0;
        for (from, token) in self.0.iter().enumerate() {
            depth = deeper(depth, token);
            if depth != 0 || *token != Token::Word(wanted.first()?) {
                continue;
            }
            let rest = self.0.iter().enumerate().skip(from);
            let mut following = rest.filter(
                |(_, token)| !matches!(token, Token::Other(text) if text.trim().is_empty()),
            );
            let mut end = from;
            let all = wanted.iter().all(|word| match following.next() {
                Some((at, token)) => {
                    end = at + 1;
                    *token == Token::Word(word)
                }
                None => false,
            });
            if all {
                return Some((from, end));
            }
        }
        None
    }
}

fn deeper(depth: usize, token: &Token<'_>) -> usize {
    match token {
        Token::Other("(") => depth + 1,
        Token::Other(")") => depth.saturating_sub(1),
        _ => depth,
    }
}

fn span(text: &str, is_in: impl Fn(char) -> bool) -> usize {
    text.find(|letter| !is_in(letter)).unwrap_or(text.len())
}
